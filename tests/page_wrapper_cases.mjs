// Tests of the JavaScript wrapper: [name, function] pairs that run in node and in a browser alike.

function check(condition, text) {
  if (!condition) throw new Error(text);
}

function same(given, wanted) {
  const [a, b] = [given, wanted].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

async function throwsError(kind, text, run) {
  let error;
  try {
    await run();
  } catch (caught) {
    error = caught;
  }
  check(error !== undefined, `no error: ${text}`);
  check(error.constructor === kind, `${error.constructor.name} (${error.message}) is not ${kind.name}`);
  check(error.message.includes(text), `"${error.message}" does not say "${text}"`);
}

/** Reproducible numbers in -1..1. */
function numbers(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function vectors(n, dims, seed) {
  const next = numbers(seed);
  return Array.from({ length: n }, () => Float32Array.from({ length: dims }, next));
}

function l2(a, b) {
  return a.reduce((sum, x, d) => Math.fround(sum + Math.fround(Math.fround(x - b[d]) ** 2)), 0);
}

/** `wrapper`: the exports of ganglion.js; `parts`: those of machine.js. */
export function cases({ Ganglion, Core, hasSimd, METRICS, moduleUrl }, { compile, Machine }) {
  const full = async (options = {}) => {
    const net = await Ganglion.load(options);
    const stored = vectors(32, net.dims, 5);
    for (const vector of stored) net.insert(vector);
    return { net, stored };
  };
  return [
    [
      "the example of the documentation",
      async () => {
        const net = await Ganglion.load({ dims: 4, metric: "cosine" });
        same(net.insert([1, 0, 0, 0], { type: 3 }), 0);
        same(net.insert(new Float32Array([0, 1, 0, 0])), 1);
        const found = net.search([1, 0, 0, 0], { k: 5 });
        same(found, [{ index: 0, core: 0, distance: 0 }, { index: 1, core: 0, distance: 1 }]);
        same([net.type(0), net.hasType(0, 3), net.hasType(0, [1, 2]), net.type(1)], [3, true, false, 0]);
        same([net.dims, net.metric, net.count, net.capacity, net.isFull], [4, "cosine", 2, 32, false]);
      },
    ],
    [
      "searches against brute force, exact and beam",
      async () => {
        for (const dims of [16, 5]) {
          const { net, stored } = await full({ dims });
          let hits = 0;
          for (const query of vectors(40, dims, 9)) {
            const wanted = stored.map((vector, index) => ({ index, core: 0, distance: l2(vector, query) }));
            wanted.sort((a, b) => a.distance - b.distance || a.index - b.index);
            const near = wanted.slice(0, 10).map(({ index }) => index);
            const exact = net.search(query, { k: 10, exact: true });
            same(exact.map(({ index }) => index), near);
            exact.forEach(({ distance }, i) => check(Math.abs(distance - wanted[i].distance) < 1e-5, "distance"));
            hits += net.search(query, { k: 10 }).filter(({ index }) => near.includes(index)).length;
          }
          check(hits >= 0.97 * 400, `recall@10 ${hits / 400}`);
        }
      },
    ],
    [
      "every variant gives the same bits",
      async () => {
        const answers = [];
        for (const cores of [1, 3]) {
          for (const simd of hasSimd() ? [false, true] : [false]) {
            const { net, stored } = await full({ cores, simd });
            const seen = [];
            for (const query of vectors(4, 16, 3)) {
              seen.push(net.search(query), net.neuromorphicSearch(query, { k: 7 }), Array.from(net.membranes()));
            }
            seen.push(net.encode(4), net.neighbours(9).length, Array.from(net.vector(31)), Array.from(stored[31]));
            answers.push(JSON.stringify(seen));
          }
        }
        same(new Set(answers).size, 1);
      },
    ],
    [
      "views: no copy where the caller has one already",
      async () => {
        const { net, stored } = await full();
        const query = net.query;
        query.set(stored[12]);
        same(net.search(query, { k: 1 })[0].index, 12);
        check(net.query.buffer === query.buffer && query.length === 16, "a view of the memory");
        const results = net.results;
        same([results.length, results.index(0), results.core(0), results.distance(0)], [1, 12, 0, 0]);
        net.search(stored[3], { k: 4 });
        same([results.length, results.index(0)], [4, 3]);
        same([...results], results.first(4));
        const out = new Float32Array(40);
        check(net.membranes(out) === out && net.vector(3, out) === out, "the array given is filled");
      },
    ],
    [
      "the state that is read in place is what the functions say",
      async () => {
        const { net } = await full({ cores: 2 });
        const other = net.cores[1];
        for (const vector of vectors(7, 16, 8)) other.insert(vector, { type: 2, weight: 128 });
        other.setMembrane(6, 0.75);
        other.setThreshold(5, 2.5);
        same([other.membranes()[6], other.membrane(6)], [0.75, 0.75]);
        same([other.thresholds()[5], other.threshold(5), other.threshold(4)], [2.5, 2.5, 1]);
        same([Array.from(other.weights()), other.weight(3)], [new Array(7).fill(128), 128]);
        net.setMembrane(6, 0.5);
        same([net.membrane(6), other.membrane(6), net.membranes().length], [0.5, 0.75, 32]);
        other.setMembrane(2, 3);
        same([other.compete(), other.winner, net.winner], [2, 2, null]);
        const linked = new Set(other.neighbours(0));
        const delta = Array.from(other.aggregate(0));
        const share = Math.fround(128 / 255);
        for (let d = 0; d < 16; d++) {
          let sum = 0;
          for (const j of linked) sum += share * other.vector(j)[d];
          check(Math.abs(delta[d] - sum / linked.size) < 1e-6, "the mean of the neighbours");
        }
      },
    ],
    [
      "where the cores lie is found in every variant, and where it were not, copies say the same",
      async () => {
        for (const isArray of [false, true]) {
          for (const simd of hasSimd() ? [false, true] : [false]) {
            const machine = new Machine(await compile(undefined, isArray, simd));
            check(machine.base > 0, "found");
            const core = new Core(machine, isArray ? 200 : 0);
            for (const vector of vectors(9, 16, 4)) core.insert(vector);
            core.setMembrane(8, 0.25);
            const seen = () => [core.vector(8), core.membranes(), core.threshold(8), core.neighbours(8), core.winner];
            const inPlace = JSON.stringify(seen());
            machine.base = -1;
            same(JSON.stringify(seen()), inPlace);
          }
        }
      },
    ],
    [
      "neurons: leak, spike, rest, propagation, learning",
      async () => {
        const { net } = await full();
        net.inject(4, 2);
        net.inject(5, 0.5);
        same([net.tick({ dt: 1, gain: 0 }), net.spikes, net.spiked(4), net.spiked(5)], [1, 16, true, false]);
        same([net.membrane(4), net.membrane(5), net.refractory()[4], net.time], [0, Math.fround(0.5 * Math.fround(0.95)), 2, 1]);
        net.propagate(0.25);
        for (const j of net.neighbours(4)) check(net.membrane(j) >= 0.25, "neighbours heard");
        net.reset();
        same([net.time, net.membrane(5), net.spikes], [0, 0, 0]);
        const j = net.neighbours(0)[0];
        net.setWeight(0, 100);
        net.setWeight(j, 100);
        net.inject(j, 2);
        net.step(1);
        net.inject(0, 2);
        net.step(5);
        net.learn();
        check(net.weight(j) > 100 && net.weight(0) < 100, "who fired first is strengthened");
      },
    ],
    [
      "units",
      async () => {
        const { net, stored } = await full();
        same(net.phase, 0);
        check(Math.abs(net.oscillate(6.25) - Math.PI / 2) < 1e-6, "a quarter of 25 ms");
        same([net.resonance(8), net.resonance(24)], [1, 0]);
        const pattern = net.encode(3);
        same([net.similarity(pattern, pattern), net.spikeSearch(pattern, { k: 1 })[0].index], [1, 3]);
        same([net.matchPattern(pattern), net.pattern(3)], [3, pattern]);
        check((net.correlate(3, 32) >>> 0) === 0xfffffff7, "all but itself");
        net.setMembrane(2, 1);
        net.setMembrane(9, 2);
        net.soften();
        same([net.membrane(2), net.membrane(9)], [0.25, 2]);
        same([net.compete(), net.winner, net.membrane(2)], [9, 9, 0]);
        net.resetCompetition();
        same(net.winner, null);
        net.injectBranch(1, 0, 0.5);
        same([net.integrate(1), net.membrane(1)], [0.5, 0.5]);
        net.resetDendrites();
        same(net.integrate(1), 0);
        net.reset();
        net.inject(7, 5);
        net.step();
        net.recordPatterns();
        same([net.pattern(7) & 1, net.pattern(8) & 1], [1, 0]);
        net.propagateToBranches(0.5);
        const [j] = net.neighbours(7);
        check(net.neighbours(j).includes(7) ? net.integrate(j) > 0 : true, "dendrites");
        net.regulate(1);
        check(net.rate(7) > 0 && net.rate(8) === 0 && net.activity === net.rates().reduce((a, b) => a + b), "rates");
        same(net.drive(stored[5], { k: 3, gain: 1.5 })[0].index, 5);
        check(net.membrane(5) >= 1.5, "driven");
        check(net.resonanceSearch(stored[5], { k: 3, weight: 0.5 })[0].index === 5, "resonance");
      },
    ],
    [
      "types, updates",
      async () => {
        const { net, stored } = await full();
        for (let i = 0; i < 32; i++) net.setType(i, i % 3);
        const found = net.search(stored[4], { k: 16, types: [1] });
        check(found.length > 0 && found.every(({ index }) => index % 3 === 1), "only type 1");
        same(net.search(stored[4], { k: 1, types: [0, 2] })[0].index % 3 === 1, false);
        const before = net.vector(4);
        net.update(4, 0.5, new Float32Array(16).fill(1));
        same(Array.from(net.vector(4)), Array.from(before, (x) => Math.fround(x + 0.5)));
      },
    ],
    [
      "snapshots go from core to core and from variant to variant",
      async () => {
        const { net, stored } = await full({ cores: 4 });
        net.tick();
        const kept = net.snapshot();
        const alone = await Ganglion.load({ dims: 3 });
        alone.restore(kept);
        net.cores[3].restore(kept.buffer);
        same([alone.count, alone.dims, net.cores[3].count], [32, 16, 32]);
        same(alone.search(stored[8]), net.search(stored[8]));
        same(net.cores[3].search(stored[8], { k: 1 })[0], { index: 8, core: 3, distance: 0 });
        kept[100] ^= 1;
        await throwsError(RangeError, "snapshot is damaged", () => alone.restore(kept));
        await throwsError(RangeError, "snapshot has 10 bytes", () => alone.restore(new Uint8Array(10)));
        await throwsError(TypeError, 'snapshot must be bytes, not "x"', () => alone.restore("x"));
        same(alone.search(stored[8]).length, 10);
      },
    ],
    [
      "256 cores",
      async () => {
        const net = await Ganglion.load({ cores: 256, dims: 8 });
        const stored = vectors(2048, 8, 77);
        stored.forEach((vector, i) => net.cores[i % 256].insert(vector));
        check(net.cores.every((core, id) => core.count === 8 && core.id === id && core instanceof Core), "8 each");
        for (const query of vectors(10, 8, 6)) {
          const wanted = stored.map((vector, i) => ({ index: i >> 8, core: i % 256, distance: l2(vector, query) }));
          wanted.sort((a, b) => a.distance - b.distance);
          const found = net.searchAll(query, { k: 5, exact: true });
          same(found.map(({ index, core }) => [index, core]), wanted.slice(0, 5).map(({ index, core }) => [index, core]));
          same([...net.merged], found);
        }
        const lists = net.cores.map((core) => core.search(stored[300], { k: 2 }));
        net.clearMerged();
        same([net.merged.length, net.merge(lists.flat())], [0, 16]);
        same(net.merged.first(1)[0], { index: 1, core: 44, distance: 0 });
        net.cores[9].search(stored[9], { k: 1 });
        same([net.merge(), net.merged.index(0), net.merged.core(0)], [16, 0, 9]);
      },
    ],
    [
      "the wrapper works on its core, whatever the caller did with the exports",
      async () => {
        const net = await Ganglion.load({ cores: 4, dims: 2 });
        net.insert([1, 2]);
        const { exports } = net;
        exports.core_select(3);
        same([net.count, net.insert([3, 4]), net.cores[3].count], [1, 1, 0]);
        exports.init(5, 0, 2);
        same([net.count, net.dims, net.search([3, 4], { k: 1 })], [2, 2, [{ index: 1, core: 0, distance: 0 }]]);
        same([net.cores[2].dims, net.cores[3].dims], [5, 2]);
        exports.core_select(2);
        same([net.cores[3].insert([5, 6]), net.cores[2].count, Array.from(net.cores[3].vector(0))], [0, 0, [5, 6]]);
      },
    ],
    [
      "infinite distances merge, and matches that are given overwrite the results",
      async () => {
        const net = await Ganglion.load({ dims: 2 });
        net.insert([0, 0]);
        net.insert([3e38, -3e38]);
        const found = net.search([0, 0], { k: 2 });
        check(found[1].distance === Infinity, "the square is beyond float32");
        same([net.merge(found), net.merged.index(1), net.merged.distance(1) === Infinity], [2, 1, true]);
        same(net.merge([{ index: 7, core: 9, distance: -Infinity }]), 3);
        same([net.merged.index(0), net.merged.core(0), net.merged.distance(0) === -Infinity], [7, 9, true]);
        same([net.results.index(0), net.results.core(0)], [7, 9]);
      },
    ],
    [
      "arguments that cannot be meant are named",
      async () => {
        const { net, stored } = await full();
        const q = stored[0];
        const bad = [
          [RangeError, "k must be an integer from 1 to 16, not 0", () => net.search(q, { k: 0 })],
          [RangeError, "k must be an integer from 1 to 16, not 255", () => net.search(q, { k: 255 })],
          [RangeError, "k must be an integer from 1 to 16, not 2.5", () => net.search(q, { k: 2.5 })],
          [TypeError, 'k must be an integer, not "5"', () => net.search(q, { k: "5" })],
          [TypeError, 'options has no "top"', () => net.search(q, { top: 3 })],
          [TypeError, "options must be an object, not 5", () => net.search(q, 5)],
          [TypeError, "options must be an object, not null", () => net.search(q, null)],
          [TypeError, "exact must be true or false, not 1", () => net.search(q, { exact: 1 })],
          [TypeError, "types: only without exact", () => net.search(q, { exact: true, types: 3 })],
          [RangeError, "types must be an integer from 0 to 15, not 16", () => net.search(q, { types: [1, 16] })],
          [RangeError, "query has 3 elements; this core has 16 dims", () => net.search([1, 2, 3])],
          [TypeError, 'query must be an array of 16 numbers, not "abc"', () => net.search("abc")],
          [TypeError, "query must be an array of 16 numbers, not undefined", () => net.search()],
          [TypeError, "query must be an array of 16 numbers, not DataView", () => net.search(new DataView(new ArrayBuffer(64)))],
          [RangeError, "query[3] must be a finite float32, not NaN", () => net.search(q.map((x, d) => (d === 3 ? NaN : x)))],
          [RangeError, "query[0] must be a finite float32, not 1e+39", () => net.search([1e39, ...new Array(15).fill(0)])],
          [TypeError, "query[1] must be a number, not undefined", () => net.search(Object.assign(new Array(16), { 0: 1 }))],
          [TypeError, "query[0] must be a number, not 1n", () => net.search(new BigInt64Array(16).fill(1n))],
          [RangeError, "core 0 is full: it holds 32 vectors", () => net.insert(q)],
          [RangeError, "type must be an integer from 0 to 15, not 16", () => net.insert(q, { type: 16 })],
          [RangeError, "weight must be an integer from 0 to 255, not -1", () => net.insert(q, { weight: -1 })],
          [RangeError, "index must be an integer from 0 to 31, not 255", () => net.vector(255)],
          [RangeError, "index must be an integer from 0 to 31, not NaN", () => net.membrane(NaN)],
          [TypeError, "index must be an integer, not undefined", () => net.neighbours()],
          [RangeError, "current must be a finite float32, not Infinity", () => net.inject(0, Infinity)],
          [RangeError, "dt must be from 0 to 1000 ms, not -1", () => net.step(-1)],
          [RangeError, "dt must be from 0 to 1000 ms, not 1001", () => net.tick({ dt: 1001 })],
          [TypeError, "learn must be true or false, not 1", () => net.tick({ learn: 1 })],
          [RangeError, "iterations must be an integer from 0 to 255, not 256", () => net.neuromorphicSearch(q, { iterations: 256 })],
          [RangeError, "pattern must be an integer from -2147483648 to 4294967295, not 4294967296", () => net.spikeSearch(2 ** 32)],
          [RangeError, "branch must be an integer from 0 to 5, not 6", () => net.injectBranch(0, 6, 1)],
          [RangeError, "metric must be one of l2, cosine, dot, not \"l1\"", () => net.init({ metric: "l1" })],
          [RangeError, "dims must be an integer from 1 to 16, not 200", () => net.init({ dims: 200 })],
          [RangeError, "dims must be an integer from 1 to 16, not 0", () => Ganglion.load({ dims: 0 })],
          [RangeError, "cores must be an integer from 1 to 256, not 257", () => Ganglion.load({ cores: 257 })],
          [TypeError, "module must be a WebAssembly.Module, bytes, a Response, an address or, in node, a file path, not 5", () => Ganglion.load({ module: 5 })],
          [TypeError, "out must be a Float32Array, not Array(3)", () => net.membranes([1, 2, 3])],
          [RangeError, "out has 4 elements, 32 are needed", () => net.membranes(new Float32Array(4))],
          [TypeError, "searchAll: this module has one core", () => net.searchAll(q)],
          [TypeError, "matches must be an array, not 4", () => net.merge(4)],
          [TypeError, 'matches[0].distance must be a number, not "1"', () => net.merge([{ index: 1, core: 0, distance: "1" }])],
          [RangeError, "place must be an integer from 0 to 15, not 99", () => net.results.index(99)],
          [RangeError, "place must be an integer from 0 to 15, not 16", () => net.results.core(16)],
          [RangeError, "place must be an integer from 0 to 15, not -1", () => net.results.distance(-1)],
          [RangeError, "n must be an integer from 0 to 16, not 20", () => net.merged.first(20)],
          [RangeError, "n must be an integer from 0 to 16, not -1", () => net.results.first(-1)],
          [TypeError, "new Ganglion() is not how one is made: use await Ganglion.load()", () => new Ganglion()],
          [TypeError, "new Core() is not how one is made: use await Ganglion.load()", () => new Core()],
          [RangeError, "matches[0].index must be an integer from 0 to 254, not 255", () => net.merge([{ index: 255, core: 0, distance: 1 }])],
          [RangeError, "matches[0].distance must be a number, not NaN", () => net.merge([{ index: 1, core: 0, distance: NaN }])],
        ];
        const before = JSON.stringify([net.snapshot(), net.merged.first(16)].map((part) => Array.from(part)));
        for (const [kind, text, run] of bad) await throwsError(kind, text, run);
        same(JSON.stringify([net.snapshot(), net.merged.first(16)].map((part) => Array.from(part))), before);
        const empty = await Ganglion.load();
        await throwsError(RangeError, "index 0: the core is empty", () => empty.vector(0));
        same([empty.search(q), empty.compete(), empty.matchPattern(0), empty.winner], [[], null, null, null]);
        const mixed = await Ganglion.load({ cores: 2, dims: 3 });
        mixed.cores[1].init({ dims: 2, metric: METRICS[1] }).insert([1, 2]);
        await throwsError(RangeError, "core 1 has 2 dims, core 0 has 3", () => mixed.searchAll([1, 2, 3]));
        const one = moduleUrl(false, false);
        await throwsError(RangeError, "cores: the module has one core, not 2", () => Ganglion.load({ cores: 2, module: one }));
        const foreign = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
        await throwsError(TypeError, "module: its memory is not laid out", () => Ganglion.load({ module: foreign }));
      },
    ],
  ];
}
