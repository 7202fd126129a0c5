// Programs for the interface that the module stands in for, in JavaScript, as its users write them: against the exports
// alone. Prints what each of them saw, as JSON. Run by test_wasm_seed.py: node wasm_seed.mjs MODULE
import { readFileSync } from "node:fs";

const bytes = readFileSync(process.argv[2]);
const load = async () => (await WebAssembly.instantiate(bytes)).instance.exports;
const floats = (wasm, pointer) => new Float32Array(wasm.memory.buffer, pointer, 16);

function insertVector(wasm, vector, type = 0) {
  floats(wasm, wasm.get_insert_ptr()).set(vector);
  const index = wasm.insert();
  wasm.set_node_type(index, type);
  return index;
}

function setQuery(wasm, vector) {
  floats(wasm, wasm.get_query_ptr()).set(vector);
}

function results(wasm, n, pointer = wasm.get_result_ptr()) {
  const view = new DataView(wasm.memory.buffer, pointer);
  const found = [];
  for (let i = 0; i < n; i++) {
    found.push([view.getUint8(i * 8), view.getUint8(i * 8 + 1), view.getFloat32(i * 8 + 4, true)]);
  }
  return found;
}

// A small world: 20 vectors of 8 dimensions on two rings.
function worldVector(i) {
  return Array.from({ length: 8 }, (_, d) => (((i * 7 + d * 3) % 11) - 5) / 4 + (i < 10 ? 1 : -1));
}

async function world(metric = 0) {
  const wasm = await load();
  wasm.init(8, metric, 0);
  for (let i = 0; i < 20; i++) insertVector(wasm, worldVector(i), i % 4);
  setQuery(wasm, worldVector(3).map((x) => x + 0.125));
  return wasm;
}

const programs = {
  async quickStart() {
    const wasm = await load();
    wasm.init(8, 1, 0); // 8 dimensions, cosine, core 0
    const index = insertVector(wasm, [1, 0, 0, 0, 0, 0, 0, 0], 3);
    setQuery(wasm, [0.95, 0.05, 0, 0, 0, 0, 0, 0]);
    const n = wasm.search(5);
    const typed = results(wasm, n).filter(([i]) => wasm.type_matches(i, 0b1000));
    return [index, n, typed];
  },

  async spiking() {
    const wasm = await world();
    wasm.snn_reset();
    wasm.snn_inject(0, 1.5);
    wasm.snn_inject(1, 0.8);
    const first = wasm.snn_step(1.0);
    wasm.snn_propagate(0.5);
    wasm.snn_stdp();
    const second = wasm.snn_tick(1.0, 0.5, 1);
    const bits = wasm.snn_get_spikes();
    const fired = [];
    for (let i = 0; i < 32; i++) if (bits & (1 << i)) fired.push(i);
    const before = wasm.snn_get_membrane(0);
    wasm.snn_set_membrane(0, 0.5);
    return [first, second, fired, wasm.snn_spiked(0), before, wasm.snn_get_membrane(0), wasm.snn_get_time()];
  },

  async similarityToSpikes() {
    const wasm = await world();
    const found = wasm.hnsw_to_snn(5, 2.0);
    wasm.snn_tick(1.0, 0.5, 1);
    return [found, wasm.snn_get_spikes() >>> 0];
  },

  async spikeTiming() {
    const wasm = await world();
    const a = wasm.encode_vector_to_spikes(0);
    const b = wasm.encode_vector_to_spikes(1);
    const n = wasm.spike_search(0b10101010101010101010101010101010, 5);
    return [a >>> 0, b >>> 0, wasm.spike_timing_similarity(a, b), results(wasm, n)];
  },

  async homeostasis() {
    const wasm = await world();
    for (let i = 0; i < 1000; i++) {
      if (i % 9 === 0) wasm.snn_inject(0, 2.0);
      wasm.snn_step(1.0);
      wasm.homeostatic_update(1.0);
    }
    return [wasm.get_spike_rate(0), wasm.get_spike_rate(1), wasm.get_network_activity()];
  },

  async resonance() {
    const wasm = await world();
    for (let i = 0; i < 7; i++) wasm.oscillator_step(1.0);
    const n = wasm.resonance_search(5, 0.5);
    return [wasm.oscillator_get_phase(), wasm.compute_resonance(0), results(wasm, n)];
  },

  async winnerTakeAll() {
    const wasm = await world();
    wasm.hnsw_to_snn(6, 1.0);
    wasm.wta_reset();
    const winner = wasm.wta_compete();
    wasm.wta_soft();
    return [winner, wasm.snn_get_membrane(winner), wasm.snn_get_membrane(0)];
  },

  async dendrites() {
    const wasm = await world();
    wasm.dendrite_reset();
    wasm.dendrite_inject(0, 0, 1.5);
    wasm.dendrite_inject(0, 1, 1.2);
    const total = wasm.dendrite_integrate(0);
    wasm.snn_step(1.0);
    wasm.dendrite_propagate(0.5);
    return [total, wasm.snn_get_spikes(), wasm.dendrite_integrate(1)];
  },

  async patterns() {
    const wasm = await world();
    for (let t = 0; t < 32; t++) {
      if (t % 4 === 0) wasm.snn_inject(0, 1.5);
      if (t % 8 === 0) wasm.snn_inject(2, 1.5);
      wasm.snn_step(1.0);
      wasm.pattern_record();
    }
    const pattern = wasm.get_pattern(0);
    return [pattern >>> 0, wasm.pattern_match(pattern), wasm.pattern_correlate(0, 8) >>> 0];
  },

  async neuromorphic() {
    const wasm = await world();
    const n = wasm.neuromorphic_search(5, 1.0, 20);
    return [n, results(wasm, n), wasm.get_network_activity()];
  },

  async graphNetwork() {
    const wasm = await world();
    wasm.set_edge_weight(0, 255);
    wasm.set_edge_weight(1, 128);
    for (let layer = 0; layer < 3; layer++) {
      for (let i = 0; i < wasm.count(); i++) {
        wasm.aggregate_neighbors(i);
        wasm.update_vector(i, 0.1);
      }
    }
    return [Array.from(floats(wasm, wasm.get_delta_ptr())), wasm.get_edge_weight(1), results(wasm, wasm.search(5))];
  },

  async manyCores() {
    const cores = [];
    for (let i = 0; i < 16; i++) {
      const wasm = await load();
      wasm.init(8, 1, i);
      for (let j = 0; j < 5; j++) insertVector(wasm, worldVector(i * 5 + j));
      cores.push(wasm);
    }
    for (const wasm of cores) setQuery(wasm, worldVector(42));
    const counts = cores.map((wasm) => wasm.search(3));
    cores[0].clear_global();
    // Pointers of one memory mean nothing in another: the records have to be carried over.
    cores.forEach((wasm, i) => {
      const own = new Uint8Array(wasm.memory.buffer, wasm.get_result_ptr(), 128);
      const at = cores[0].memory.buffer.byteLength - 128;
      new Uint8Array(cores[0].memory.buffer, at, 128).set(own);
      cores[0].merge(at, counts[i]);
    });
    return [counts, results(cores[0], 16, cores[0].get_global_ptr())];
  },

  async foreignPointers() {
    const cores = [];
    for (let i = 0; i < 4; i++) {
      const wasm = await load();
      wasm.init(8, 1, i);
      for (let j = 0; j < 5; j++) insertVector(wasm, worldVector(i * 5 + j));
      setQuery(wasm, worldVector(2));
      cores.push(wasm);
    }
    const counts = await Promise.all(cores.map((wasm) => wasm.search(3)));
    cores[0].clear_global();
    for (let i = 0; i < cores.length; i++) cores[0].merge(cores[i].get_result_ptr(), counts[i]);
    return results(cores[0], 16, cores[0].get_global_ptr());
  },

  async anomalies() {
    const wasm = await world();
    const spikes = [];
    for (let event = 0; event < 6; event++) {
      setQuery(wasm, worldVector(event < 4 ? 3 : 100 + event).map((x) => (event < 4 ? x : x * 9)));
      wasm.hnsw_to_snn(5, 2.0);
      spikes.push(wasm.snn_tick(1.0, 0.5, 1));
    }
    return spikes;
  },

  async trading() {
    const wasm = await load();
    wasm.init(8, 0, 0);
    for (let i = 0; i < 4; i++) insertVector(wasm, worldVector(i * 3), i);
    setQuery(wasm, worldVector(6));
    wasm.hnsw_to_snn(5, 2.0);
    wasm.snn_tick(0.1, -0.5, 0);
    return wasm.snn_get_spikes();
  },

  async sensorFusion() {
    const wasm = await world();
    wasm.snn_reset();
    for (let i = 0; i < 8; i++) {
      wasm.snn_inject(i, worldVector(1)[i] * 2.0);
      wasm.snn_inject(8 + i, worldVector(2)[i] * 1.5);
      wasm.snn_inject(16 + i, worldVector(3)[i]); // neurons from 20 on do not exist
    }
    for (let t = 0; t < 5; t++) wasm.snn_tick(1.0, 0.4, 0);
    return wasm.snn_get_spikes() >>> 0;
  },

  async attention() {
    const wasm = await world();
    wasm.snn_reset();
    wasm.hnsw_to_snn(wasm.count(), 3.0);
    const spikes = [];
    for (let t = 0; t < 10; t++) {
      wasm.snn_tick(1.0, -0.3, 0);
      spikes.push(wasm.snn_get_spikes() >>> 0);
    }
    return spikes;
  },

  async sequences() {
    const wasm = await world();
    wasm.snn_reset();
    for (const pattern of [[0, 1], [2, 3], [4], [0, 1], [2, 3], [4]]) {
      for (const neuron of pattern) wasm.snn_inject(neuron, 2.0);
      wasm.snn_tick(10.0, 0.5, 1);
    }
    return Array.from({ length: 20 }, (_, i) => wasm.get_edge_weight(i));
  },

  async bigK() {
    const wasm = await world();
    return results(wasm, wasm.search(20));
  },
};

const seen = {};
for (const [name, program] of Object.entries(programs)) seen[name] = await program();
console.log(JSON.stringify(seen));
