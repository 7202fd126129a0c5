// What runs: 256 cores of 32 neurons that look at one picture, wave after wave. No drawing here, and nothing of a browser.

import { DIMS, pooled } from "./digits.js";

export const CORES = 256;
export const PER_CORE = 32;
export const N_LABELS = 10;
/** ms of one gamma wave, and in it: how long the question drives the neurons, and when they compete. */
export const WAVE = 25;
export const DRIVE = 12;
export const CREST = 9;
export const K = 5;
export const JURY = PER_CORE;
/** Distances are measured in this many grey levels: 1 is then a near neighbour's. */
const UNIT = 6.5;
/** Standard deviation of a dimension over the stored digits, in the same grey levels: the unit of the noise. */
const SPREAD = 3.4;
/** Weights begin in the middle of 0..255, so that learning can go both ways. */
const FIRST_WEIGHT = 128;
/** How much of a spike's glow is left after 1 ms. */
const GLOW = 0.93;
const GLIMPSES_KEPT = 48;
/** ms in which what a spike says loses half its weight: the best match fires first. */
const HALF = 2;
/** What is left of what the spikes of earlier waves said, wave by wave. */
const MEMORY = 0.7;

export const DEFAULTS = Object.freeze({ gain: 0.4, inhibition: 0.3, noise: 0.5, learning: 0, compete: true });

/** Reproducible Gaussian numbers (sum of four uniform ones). */
export function gaussian(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3);
  return Object.assign(normal, { uniform });
}

/** A picture as the cores know it. */
function vectorOf(image) {
  return pooled(image).map((x) => x / UNIT);
}

export class Simulation {
  /** `net`: 256 empty cores. `jury`: one empty core for the comparison. */
  constructor(net, jury, digits) {
    this.net = net;
    this.jury = jury;
    this.digits = digits;
    this.settings = { ...DEFAULTS };
    this.random = gaussian(2026);
    digits.places.forEach((_, place) => {
      net.cores[place >> 5].insert(vectorOf(digits.imageAt(place)), { weight: FIRST_WEIGHT });
    });
    this.clean = new Float32Array(DIMS);
    this.glimpse = new Float32Array(DIMS);
    this.glow = new Float32Array(CORES * PER_CORE);
    this.levels = new Uint8Array(CORES * PER_CORE);
    this.heat = new Float32Array(CORES);
    this.membranes = net.cores.map(() => new Float32Array(PER_CORE));
    this.winners = new Int16Array(CORES).fill(-1);
    this.votes = new Float32Array(N_LABELS);
    this.evidence = new Float32Array(N_LABELS);
    this.loudness = 0;
    this.labels = Uint8Array.from(digits.places, (_, place) => digits.labelAt(place));
    this.time = 0;
    this.chosen = 0;
    this.waveSpikes = 0;
    this.seat(1);
    this.ask(new Uint8Array(64));
  }

  /** Takes 32 digits, different for each number, for the comparison: some of every label. */
  seat(number) {
    const random = gaussian(number * 7919);
    this.jury.init();
    this.seated = [];
    for (let i = 0; i < JURY; i++) {
      let digit;
      do {
        digit = Math.floor(random.uniform() * this.digits.length);
      } while (this.digits.labels[digit] !== i % N_LABELS || this.seated.includes(digit));
      this.seated.push(digit);
      this.jury.insert(vectorOf(this.digits.image(digit)));
    }
    this.#restartComparison();
  }

  /** A new question: 8x8 pixels of 0..16. The waves go on from their first ms. */
  ask(image) {
    this.clean.set(vectorOf(image));
    this.isBlank = image.every((pixel) => pixel === 0);
    this.reset();
    this.#restartComparison();
  }

  /** All neurons to rest; what was learned stays. */
  reset() {
    for (const core of this.net.cores) {
      core.reset();
      core.resetCompetition();
      core.oscillate(WAVE - (this.time % WAVE));
    }
    this.time = 0;
    this.winners.fill(-1);
    this.glow.fill(0);
    this.heat.fill(0);
    this.waveSpikes = 0;
    this.votes.fill(0);
    this.evidence.fill(0);
    this.answer = null;
  }

  /** What the spikes have said so far, for each digit: this wave's and, fading, those before. */
  heard() {
    return Array.from(this.evidence, (before, label) => before * MEMORY + this.votes[label]);
  }

  /** Unlearns: every weight as it was. */
  forget() {
    for (const core of this.net.cores) {
      for (let i = 0; i < core.count; i++) core.setWeight(i, FIRST_WEIGHT);
    }
  }

  #restartComparison() {
    this.jury.reset(); // ends the sequence of glimpses that the spiking search remembers
    this.scores = { plain: [], spiking: [] };
    this.comparison = null;
  }

  /** One ms. Returns true when it was the first of a wave: there is a new answer. */
  tick() {
    const { inhibition, learning, compete } = this.settings;
    const at = this.time % WAVE;
    const isFirst = at === 0 && !this.isBlank;
    if (at === 0) {
      if (this.time > 0) this.#count();
      this.#look();
    }
    this.net.query.set(this.glimpse);
    const competes = compete && at === CREST;
    const drives = at < DRIVE && this.loudness > 0 && !this.isBlank;
    const says = 2 ** (-at / HALF);
    let spikes = 0;
    for (let c = 0; c < CORES; c++) {
      const wasm = this.net.cores[c].exports;
      if (drives) wasm.hnsw_to_snn(16, this.loudness);
      if (competes) this.winners[c] = wasm.wta_compete();
      const n = wasm.snn_tick(1, -inhibition, 0);
      for (let times = 0; n && times < learning; times++) wasm.snn_stdp();
      wasm.pattern_record();
      wasm.oscillator_step(1);
      this.heat[c] = this.heat[c] * GLOW + n;
      spikes += n;
      const first = c * PER_CORE;
      for (let i = first; i < first + PER_CORE; i++) this.glow[i] *= GLOW;
      if (n) {
        const fired = wasm.snn_get_spikes();
        for (let i = 0; i < PER_CORE; i++) {
          if ((fired >>> i) & 1) {
            this.glow[first + i] = 1;
            this.votes[this.labels[first + i]] += says;
          }
        }
      }
    }
    this.waveSpikes += spikes;
    this.time += 1;
    return isFirst;
  }

  /** The wave that ends: what the spikes said. */
  #count() {
    this.evidence.set(this.heard());
    this.answer = Array.from(this.evidence);
    this.votes.fill(0);
    this.waveSpikes = 0;
  }

  /** The wave that begins looks at the picture anew, through new noise; both searches answer. */
  #look() {
    if (this.isBlank) {
      this.glimpse.fill(0);
      this.found = [];
      return;
    }
    const sigma = (this.settings.noise * SPREAD) / UNIT;
    for (let d = 0; d < DIMS; d++) this.glimpse[d] = this.clean[d] + (sigma ? sigma * this.random() : 0);
    this.found = this.net.searchAll(this.glimpse, { k: 16 });
    // A current is gain / (1 + distance): a blurred glimpse, far from everything, would hardly be heard.
    this.loudness = this.settings.gain * Math.sqrt(1 + this.found[0].distance);
    const truth = this.jury.search(this.clean, { k: K, exact: true });
    const plain = this.jury.search(this.glimpse, { k: K, exact: true });
    const spiking = this.jury.neuromorphicSearch(this.glimpse, { k: K, dt: 1, iterations: 20 });
    const right = new Set(truth.map(({ index }) => index));
    const judged = (list) =>
      list.map(({ index, distance }) => ({ digit: this.seated[index], distance, right: right.has(index) }));
    this.comparison = { plain: judged(plain), spiking: judged(spiking) };
    for (const name of ["plain", "spiking"]) {
      const scores = this.scores[name];
      scores.push(this.comparison[name].filter((one) => one.right).length);
      if (scores.length > GLIMPSES_KEPT) scores.shift();
    }
  }

  /** Every neuron as a number: 255 has just fired, up to 120 its membrane on the way to the threshold. */
  paint(levels = this.levels) {
    for (let c = 0; c < CORES; c++) {
      const membranes = this.net.cores[c].membranes(this.membranes[c]);
      const first = c * PER_CORE;
      for (let i = 0; i < PER_CORE; i++) {
        const charge = Math.min(Math.max(membranes[i], 0), 1) ** 2 * 120;
        levels[first + i] = Math.max(charge, this.glow[first + i] * 255);
      }
    }
    return levels;
  }
}
