// One core: 32 vectors of up to 16 dimensions, their graph, and a spiking neuron for each.

import * as check from "./checks.js";
import * as L from "./layout.js";
import { Machine } from "./machine.js";
import { Results } from "./results.js";

/** The metrics, in the module's order. */
export const METRICS = Object.freeze(["l2", "cosine", "dot"]);

const SEARCH_KEYS = ["k", "exact", "types"];

export class Core {
  #machine;
  #id;
  #results;

  /** Use `Ganglion.load`. */
  constructor(machine, id) {
    if (!(machine instanceof Machine)) {
      throw new TypeError(`new ${new.target.name}() is not how one is made: use await Ganglion.load()`);
    }
    this.#machine = machine;
    this.#id = id;
    this.#results = new Results(machine, machine.resultAddress);
  }

  /** The module's functions, meaning this core. */
  get #wasm() {
    this.#machine.select(this.#id);
    return this.#machine.exports;
  }

  get #address() {
    return this.#machine.coreAddress(this.#id);
  }

  #node(index) {
    const { count } = this;
    if (typeof index === "number" && count === 0) throw new RangeError(`index ${index}: the core is empty`);
    return check.integer("index", index, 0, count - 1);
  }

  #ask(query) {
    this.#machine.write("query", this.#machine.queryBuffer, query, this.dims);
  }

  /** One number of every neuron: a copy, because neurons lie in memory one after the other. */
  #gather(field, out, name) {
    const { count } = this;
    const values = check.output(name, out, Float32Array, count);
    let at = (this.#address + L.CORE.neurons + field) >> 2;
    for (let i = 0; i < count; i++, at += L.NEURON_BYTES >> 2) values[i] = this.#machine.floats[at];
    return values;
  }

  // ------------------------------------------------------------------ what it is

  get id() {
    return this.#id;
  }
  get count() {
    return this.#wasm.count();
  }
  get dims() {
    return this.#wasm.get_dims();
  }
  get metric() {
    return METRICS[this.#wasm.get_metric()];
  }
  get capacity() {
    return L.VECTORS_PER_CORE;
  }
  get isFull() {
    return this.count === L.VECTORS_PER_CORE;
  }

  /** Empties the core. What is not given stays as it is. */
  init(given = {}) {
    const { dims = this.dims, metric = this.metric } = check.options("options", given, ["dims", "metric"]);
    const code = check.choice("metric", metric, METRICS);
    this.#wasm.init(check.integer("dims", dims, 1, L.MAX_DIMS), code, this.#id);
    return this;
  }

  // ------------------------------------------------------------------ vectors and graph

  /** Adds a vector; returns its index. */
  insert(vector, given = {}) {
    const { type = 0, weight = 255 } = check.options("options", given, ["type", "weight"]);
    check.integer("type", type, 0, 15);
    check.integer("weight", weight, 0, 255);
    this.#machine.write("vector", this.#machine.insertBuffer, vector, this.dims);
    const index = this.#wasm.insert();
    if (index === L.NONE) throw new RangeError(`core ${this.#id} is full: it holds ${L.VECTORS_PER_CORE} vectors`);
    if (type) this.#wasm.set_node_type(index, type);
    if (weight !== 255) this.#wasm.set_edge_weight(index, weight);
    return index;
  }

  /** A copy of a vector. */
  vector(index, out) {
    const { dims } = this;
    const values = check.output("out", out, Float32Array, dims);
    let at = ((this.#address + L.CORE.vectors) >> 2) + this.#node(index);
    for (let d = 0; d < dims; d++, at += L.VECTORS_PER_CORE) values[d] = this.#machine.floats[at];
    return values;
  }

  /** A node's neighbours in the graph. */
  neighbours(index) {
    const at = this.#address + L.CORE.neurons + this.#node(index) * L.NEURON_BYTES;
    const { bytes } = this.#machine;
    return bytes.slice(at + L.NEURON.links, at + L.NEURON.links + bytes[at + L.NEURON.n_links]);
  }

  type(index) {
    return this.#wasm.get_node_type(this.#node(index));
  }
  setType(index, type) {
    this.#wasm.set_node_type(this.#node(index), check.integer("type", type, 0, 15));
  }
  /** Whether the node is of one of the types. */
  hasType(index, types) {
    return this.#wasm.type_matches(this.#node(index), check.typeMask("types", types)) === 1;
  }
  weight(index) {
    return this.#wasm.get_edge_weight(this.#node(index));
  }
  setWeight(index, weight) {
    this.#wasm.set_edge_weight(this.#node(index), check.integer("weight", weight, 0, 255));
  }
  weights(out) {
    return this.#gather(L.NEURON.weight, out, "out");
  }

  /** The weighted mean of a node's neighbours: a view of the module's delta buffer, overwritten by the next call. */
  aggregate(index) {
    this.#wasm.aggregate_neighbors(this.#node(index));
    return this.delta;
  }
  /** vector += alpha * delta. */
  update(index, alpha, delta) {
    this.#node(index);
    check.finite("alpha", alpha);
    if (delta !== undefined) this.#machine.write("delta", this.#machine.deltaBuffer, delta, this.dims);
    this.#wasm.update_vector(index, alpha);
  }

  // ------------------------------------------------------------------ views of the module's memory

  /** The query buffer: write into it and give it to a search, and nothing is copied. */
  get query() {
    return this.#machine.queryBuffer.subarray(0, this.dims);
  }
  get delta() {
    return this.#machine.deltaBuffer.subarray(0, this.dims);
  }
  /** The records of the last search, in place. */
  get results() {
    return this.#results;
  }
  /** Every function of the module, as it is; they mean this core until another one is used. */
  get exports() {
    return this.#wasm;
  }

  // ------------------------------------------------------------------ searches

  /** The k nearest, nearest first. Beam search; `exact`: all vectors; `types`: only nodes of these types. */
  search(query, given = {}) {
    const { k = 10, exact = false, types } = check.options("options", given, SEARCH_KEYS);
    check.integer("k", k, 1, L.MAX_RESULTS);
    if (check.flag("exact", exact) && types !== undefined) throw new TypeError("types: only without exact");
    const mask = types === undefined ? 0 : check.typeMask("types", types);
    this.#ask(query);
    const wasm = this.#wasm;
    if (exact) return this.#results.first(wasm.search_exact(k));
    return this.#results.first(types === undefined ? wasm.search(k) : wasm.type_filter_search(k, mask));
  }

  /** The whole spiking pipeline; distance is minus the score. Resets neurons, dendrites and patterns. */
  neuromorphicSearch(query, given = {}) {
    const { k = 5, dt = 1, iterations = 20 } = check.options("options", given, ["k", "dt", "iterations"]);
    check.integer("k", k, 1, L.MAX_RESULTS);
    check.milliseconds("dt", dt);
    check.integer("iterations", iterations, 0, 255);
    this.#ask(query);
    return this.#results.first(this.#wasm.neuromorphic_search(k, dt, iterations));
  }

  /** Search whose distances are stretched for nodes out of step with the gamma wave. */
  resonanceSearch(query, given = {}) {
    const { k = 10, weight = 1 } = check.options("options", given, ["k", "weight"]);
    check.integer("k", k, 1, L.MAX_RESULTS);
    check.finite("weight", weight);
    this.#ask(query);
    return this.#results.first(this.#wasm.resonance_search(k, weight));
  }

  /** Nodes whose spike pattern is most like this one; distance is 1 - similarity. */
  spikeSearch(pattern, given = {}) {
    const { k = 10 } = check.options("options", given, ["k"]);
    check.word("pattern", pattern);
    return this.#results.first(this.#wasm.spike_search(pattern, check.integer("k", k, 1, L.MAX_RESULTS)));
  }

  /** Search, and the results become currents: gain / (1 + distance) each. */
  drive(query, given = {}) {
    const { k = 10, gain = 1 } = check.options("options", given, ["k", "gain"]);
    check.integer("k", k, 1, L.MAX_RESULTS);
    check.finite("gain", gain);
    this.#ask(query);
    return this.#results.first(this.#wasm.hnsw_to_snn(k, gain));
  }

  // ------------------------------------------------------------------ neurons

  /** Neurons to rest, time to 0. */
  reset() {
    this.#wasm.snn_reset();
  }
  /** ms since the last reset. */
  get time() {
    return this.#wasm.snn_get_time();
  }
  membrane(index) {
    return this.#wasm.snn_get_membrane(this.#node(index));
  }
  setMembrane(index, potential) {
    this.#wasm.snn_set_membrane(this.#node(index), check.finite("potential", potential));
  }
  membranes(out) {
    return this.#gather(L.NEURON.membrane, out, "out");
  }
  threshold(index) {
    return this.#machine.floats[
      (this.#address + L.CORE.neurons + this.#node(index) * L.NEURON_BYTES + L.NEURON.threshold) >> 2
    ];
  }
  setThreshold(index, threshold) {
    this.#wasm.snn_set_threshold(this.#node(index), check.finite("threshold", threshold));
  }
  thresholds(out) {
    return this.#gather(L.NEURON.threshold, out, "out");
  }
  /** ms that each neuron must still rest. */
  refractory(out) {
    return this.#gather(L.NEURON.refractory, out, "out");
  }
  inject(index, current) {
    this.#wasm.snn_inject(this.#node(index), check.finite("current", current));
  }
  /** Time goes on by dt ms; returns how many neurons fired. */
  step(dt = 1) {
    return this.#wasm.snn_step(check.milliseconds("dt", dt));
  }
  /** Spikes of the last step to the neighbours; a negative gain inhibits. */
  propagate(gain = 1) {
    this.#wasm.snn_propagate(check.finite("gain", gain));
  }
  /** Spike-timing dependent plasticity: weights by who fired before whom. */
  learn() {
    this.#wasm.snn_stdp();
  }
  /** Step, propagate and, with `learn`, plasticity; returns how many fired. */
  tick(given = {}) {
    const { dt = 1, gain = 1, learn = false } = check.options("options", given, ["dt", "gain", "learn"]);
    check.milliseconds("dt", dt);
    return this.#wasm.snn_tick(dt, check.finite("gain", gain), check.flag("learn", learn) ? 1 : 0);
  }
  spiked(index) {
    return this.#wasm.snn_spiked(this.#node(index)) === 1;
  }
  /** 32 bits: bit i is set when neuron i fired in the last step. */
  get spikes() {
    return this.#wasm.snn_get_spikes() >>> 0;
  }

  // ------------------------------------------------------------------ units

  /** First-spike code of a stored vector; kept as the node's pattern too. */
  encode(index) {
    return this.#wasm.encode_vector_to_spikes(this.#node(index)) >>> 0;
  }
  similarity(a, b) {
    return this.#wasm.spike_timing_similarity(check.word("a", a), check.word("b", b));
  }
  /** Spike rates and thresholds go on by dt ms. */
  regulate(dt = 1) {
    this.#wasm.homeostatic_update(check.milliseconds("dt", dt));
  }
  /** Spikes per ms, running mean. */
  rate(index) {
    return this.#wasm.get_spike_rate(this.#node(index));
  }
  rates(out) {
    return this.#gather(L.NEURON.rate, out, "out");
  }
  /** The sum of all rates. */
  get activity() {
    return this.#wasm.get_network_activity();
  }
  /** The gamma wave goes on by dt ms; returns its phase. */
  oscillate(dt = 1) {
    this.#wasm.oscillator_step(check.milliseconds("dt", dt));
    return this.phase;
  }
  /** Of the gamma wave, 0 to 2 pi. */
  get phase() {
    return this.#wasm.oscillator_get_phase();
  }
  /** How well a neuron is in step with the wave, 0 to 1. */
  resonance(index) {
    return this.#wasm.compute_resonance(this.#node(index));
  }
  /** Winner take all: the winner, or null where no membrane is above 0. */
  compete() {
    const winner = this.#wasm.wta_compete();
    return winner === L.NONE ? null : winner;
  }
  /** The milder competition: each membrane times the square of its share of the largest. */
  soften() {
    this.#wasm.wta_soft();
  }
  resetCompetition() {
    this.#wasm.wta_reset();
  }
  /** Of the last competition, or null. */
  get winner() {
    const from1 = this.#machine.bytes[this.#address + L.CORE.winner_from_1];
    return from1 ? from1 - 1 : null;
  }
  resetDendrites() {
    this.#wasm.dendrite_reset();
  }
  injectBranch(index, branch, current) {
    check.integer("branch", branch, 0, L.MAX_LINKS - 1);
    this.#wasm.dendrite_inject(this.#node(index), branch, check.finite("current", current));
  }
  /** The branches' sum, bent; it is added to the membrane and returned. */
  integrate(index) {
    return this.#wasm.dendrite_integrate(this.#node(index));
  }
  propagateToBranches(gain = 1) {
    this.#wasm.dendrite_propagate(check.finite("gain", gain));
  }
  /** Every spike history takes the last step in. */
  recordPatterns() {
    this.#wasm.pattern_record();
  }
  /** The last 32 steps of a neuron, newest in bit 0. */
  pattern(index) {
    return this.#wasm.get_pattern(this.#node(index)) >>> 0;
  }
  /** The neuron whose history is nearest to this one, or null. */
  matchPattern(pattern) {
    const index = this.#wasm.pattern_match(check.word("pattern", pattern));
    return index === L.NONE ? null : index;
  }
  /** Bits of the neurons whose history differs from this neuron's in at most `distance` steps. */
  correlate(index, distance) {
    return this.#wasm.pattern_correlate(this.#node(index), check.integer("distance", distance, 0, 32)) >>> 0;
  }

  // ------------------------------------------------------------------ snapshots

  /** All that the core holds, as bytes to keep. */
  snapshot() {
    const n = this.#wasm.snapshot();
    return this.#machine.bytes.slice(this.#machine.saved, this.#machine.saved + n);
  }
  /** Goes on from a snapshot of any core of any variant. */
  restore(snapshot) {
    const isBytes = snapshot instanceof ArrayBuffer || ArrayBuffer.isView(snapshot);
    if (!isBytes) throw new TypeError(`snapshot must be bytes, not ${check.shown(snapshot)}`);
    const bytes = ArrayBuffer.isView(snapshot)
      ? new Uint8Array(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength)
      : new Uint8Array(snapshot);
    if (bytes.length !== L.SNAPSHOT_BYTES) {
      throw new RangeError(`snapshot has ${bytes.length} bytes, not ${L.SNAPSHOT_BYTES}`);
    }
    this.#machine.bytes.set(bytes, this.#machine.saved);
    if (!this.#wasm.restore()) throw new RangeError("snapshot is damaged, or of another version of the module");
    return this;
  }
}
