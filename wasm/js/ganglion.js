// Ganglion: small vector-search cores with spiking neurons, in WebAssembly.
//
//   const net = await Ganglion.load();
//   net.insert(vector, { type: 3 });
//   net.search(query, { k: 5 });              // [{ index, core, distance }, ...], nearest first

import * as check from "./checks.js";
import { Core, METRICS } from "./core.js";
import * as L from "./layout.js";
import { compile, hasSimd, Machine, moduleUrl } from "./machine.js";
import { Results } from "./results.js";

export { Core, hasSimd, METRICS, moduleUrl, Results };

const LOAD_KEYS = ["dims", "metric", "cores", "module", "simd"];

/** One core, or the first of an array: everything that a core has, and what concerns all cores. */
export class Ganglion extends Core {
  #machine;
  #merged;

  /** Use `Ganglion.load`. */
  constructor(machine, n) {
    super(machine, 0);
    this.#machine = machine;
    this.#merged = new Results(machine, machine.globalAddress);
    /** The cores by id; the first is this object. */
    this.cores = Object.freeze(Array.from({ length: n }, (_, id) => (id ? new Core(machine, id) : this)));
  }

  static async load(given = {}) {
    const { dims = 16, metric = "l2", cores = 1, module, simd } = check.options("options", given, LOAD_KEYS);
    check.integer("dims", dims, 1, L.MAX_DIMS);
    check.choice("metric", metric, METRICS);
    check.integer("cores", cores, 1, L.MAX_CORES);
    const machine = new Machine(await compile(module, cores > 1, simd));
    if (cores > 1 && !machine.isArray) throw new RangeError(`cores: the module has one core, not ${cores}`);
    const net = new Ganglion(machine, cores);
    for (const core of net.cores) core.init({ dims, metric });
    return net;
  }

  /** The k nearest in all cores; they become the merged list as well. The array variants only. */
  searchAll(query, given = {}) {
    const { k = 10, exact = false } = check.options("options", given, ["k", "exact"]);
    check.integer("k", k, 1, L.MAX_RESULTS);
    check.flag("exact", exact);
    if (!this.#machine.isArray) throw new TypeError("searchAll: this module has one core; load with cores: 2 to 256");
    const { dims } = this;
    const other = this.cores.find((core) => core.dims !== dims && core.count > 0);
    if (other) throw new RangeError(`core ${other.id} has ${other.dims} dims, core 0 has ${dims}`);
    this.#machine.write("query", this.#machine.queryBuffer, query, dims);
    const { exports } = this.#machine;
    return this.results.first(exact ? exports.search_all_exact(k) : exports.search_all(k));
  }

  /**
   * Folds results (by default those of the last search) into the merged list; returns how many it holds.
   * Results that are given go through `results`, which they overwrite.
   */
  merge(matches) {
    const { exports, resultAddress } = this.#machine;
    if (matches === undefined) return exports.merge(resultAddress, L.MAX_RESULTS);
    if (!Array.isArray(matches)) throw new TypeError(`matches must be an array, not ${check.shown(matches)}`);
    matches.forEach((match, place) => {
      const name = `matches[${place}]`;
      const { index, core, distance } = check.options(name, match, ["index", "core", "distance"]);
      check.integer(`${name}.index`, index, 0, L.NONE - 1);
      check.integer(`${name}.core`, core, 0, L.MAX_CORES - 1);
      check.comparable(`${name}.distance`, distance);
    });
    for (let from = 0; from < matches.length; from += L.MAX_RESULTS) {
      const part = matches.slice(from, from + L.MAX_RESULTS);
      this.results.write(part);
      exports.merge(resultAddress, part.length);
    }
    return this.merged.length;
  }

  /** The list that results are merged into, in place. */
  get merged() {
    return this.#merged;
  }

  clearMerged() {
    this.#machine.exports.clear_global();
  }
}
