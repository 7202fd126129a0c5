export type Metric = "l2" | "cosine" | "dot";
export const METRICS: readonly Metric[];

/** Numbers of a vector: as many as the core has dims, all finite. */
export type Numbers = readonly number[] | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;
/** Spike patterns and sets of neurons: 32 bits. */
export type Word = number;

export interface Match {
  index: number;
  core: number;
  distance: number;
}

export interface LoadOptions {
  /** Elements of a vector, 1 to 16; 16 by default. */
  dims?: number;
  /** "l2" by default. */
  metric?: Metric;
  /** 1 to 256; 1 by default. More than one takes the array variant. */
  cores?: number;
  /** Another module than the wrapper's own. A string is an address; in node it may be the path of a file. */
  module?: WebAssembly.Module | ArrayBuffer | ArrayBufferView | Response | URL | string;
  /** Whether to take the variant with 128-bit SIMD; where the engine has it by default. All variants give the same bits. */
  simd?: boolean;
}

/** A list of up to 16 records in the module's memory: nothing is copied until `first` or iteration makes objects. */
export class Results implements Iterable<Match> {
  private constructor();
  readonly length: number;
  /** `place` is 0 to 15, anything else a RangeError. */
  index(place: number): number;
  core(place: number): number;
  distance(place: number): number;
  /** The first n records, n 0 to 16. */
  first(n: number): Match[];
  [Symbol.iterator](): IterableIterator<Match>;
}

/** 32 vectors of up to 16 dimensions, their graph, and a spiking neuron for each. Times are in ms. */
export class Core {
  protected constructor();
  readonly id: number;
  readonly count: number;
  readonly dims: number;
  readonly metric: Metric;
  readonly capacity: 32;
  readonly isFull: boolean;
  /** Empties the core; what is not given stays as it is. */
  init(options?: { dims?: number; metric?: Metric }): this;

  /** Returns the vector's index. Throws RangeError when the core is full. */
  insert(vector: Numbers, options?: { type?: number; weight?: number }): number;
  vector(index: number, out?: Float32Array): Float32Array;
  neighbours(index: number): Uint8Array;
  type(index: number): number;
  setType(index: number, type: number): void;
  hasType(index: number, types: number | readonly number[]): boolean;
  weight(index: number): number;
  setWeight(index: number, weight: number): void;
  /** With the fractions of a byte that learning leaves. */
  weights(out?: Float32Array): Float32Array;
  /** Weighted mean of the neighbours: a view, overwritten by the next call. */
  aggregate(index: number): Float32Array;
  /** vector += alpha * delta; without `delta`, what `aggregate` left. */
  update(index: number, alpha: number, delta?: Numbers): void;

  /** View of the query buffer: a search that is given it copies nothing. */
  readonly query: Float32Array;
  readonly delta: Float32Array;
  /** The last search's records, in place. */
  readonly results: Results;
  /** The module's own functions, meaning this core until another one is used. */
  readonly exports: WebAssembly.Exports;

  /** Beam search, k 1 to 16 (10). `exact`: all vectors. `types`: only nodes of these types. */
  search(query: Numbers, options?: { k?: number; exact?: boolean; types?: number | readonly number[] }): Match[];
  /** The spiking pipeline; distance is minus the score. Resets neurons, dendrites and patterns. */
  neuromorphicSearch(query: Numbers, options?: { k?: number; dt?: number; iterations?: number }): Match[];
  resonanceSearch(query: Numbers, options?: { k?: number; weight?: number }): Match[];
  spikeSearch(pattern: Word, options?: { k?: number }): Match[];
  /** Search; each result's neuron receives gain / (1 + distance). */
  drive(query: Numbers, options?: { k?: number; gain?: number }): Match[];

  reset(): void;
  readonly time: number;
  membrane(index: number): number;
  setMembrane(index: number, potential: number): void;
  membranes(out?: Float32Array): Float32Array;
  threshold(index: number): number;
  setThreshold(index: number, threshold: number): void;
  thresholds(out?: Float32Array): Float32Array;
  refractory(out?: Float32Array): Float32Array;
  inject(index: number, current: number): void;
  /** Number of neurons that fired. */
  step(dt?: number): number;
  propagate(gain?: number): void;
  learn(): void;
  tick(options?: { dt?: number; gain?: number; learn?: boolean }): number;
  spiked(index: number): boolean;
  readonly spikes: Word;

  encode(index: number): Word;
  similarity(a: Word, b: Word): number;
  regulate(dt?: number): void;
  rate(index: number): number;
  rates(out?: Float32Array): Float32Array;
  readonly activity: number;
  /** Returns the phase. */
  oscillate(dt?: number): number;
  readonly phase: number;
  resonance(index: number): number;
  /** The winner, or null. */
  compete(): number | null;
  soften(): void;
  resetCompetition(): void;
  readonly winner: number | null;
  resetDendrites(): void;
  injectBranch(index: number, branch: number, current: number): void;
  integrate(index: number): number;
  propagateToBranches(gain?: number): void;
  recordPatterns(): void;
  pattern(index: number): Word;
  matchPattern(pattern: Word): number | null;
  correlate(index: number, distance: number): Word;

  /** All that the core holds; for any core of any variant. */
  snapshot(): Uint8Array;
  restore(snapshot: ArrayBuffer | ArrayBufferView): this;
}

/** One core, or core 0 of an array, and what concerns all cores. */
export class Ganglion extends Core {
  static load(options?: LoadOptions): Promise<Ganglion>;
  /** By id; the first is this object. */
  readonly cores: readonly Core[];
  /** The k nearest in all cores; they become the merged list too. */
  searchAll(query: Numbers, options?: { k?: number; exact?: boolean }): Match[];
  /**
   * Folds matches, by default the last search's, into the merged list; returns its length. Matches that are given
   * overwrite `results`. A distance may be infinite, not NaN.
   */
  merge(matches?: readonly Match[]): number;
  readonly merged: Results;
  clearMerged(): void;
}

export function hasSimd(): boolean;
/** Where the wrapper's own module lies. */
export function moduleUrl(isArray: boolean, wantsSimd: boolean): URL;
