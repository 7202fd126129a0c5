// One running module: how it is loaded, views of its memory, and where in it the cores lie.

import { flag, shown, vector } from "./checks.js";
import * as L from "./layout.js";

const ONE_CORE = ["ganglion.wasm", "ganglion-simd.wasm"];
const ARRAY = ["ganglion-array.wasm", "ganglion-array-simd.wasm"];

/** (func (result v128) (v128.const 0)): valid where 128-bit SIMD is. */
const SIMD_PROBE = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 22, 1, 20, 0, 0xfd, 12],
  ...new Array(16).fill(0),
  0x0b,
]);

let simd;

/** Whether this engine runs 128-bit SIMD. */
export function hasSimd() {
  return (simd ??= WebAssembly.validate(SIMD_PROBE));
}

/** The module that comes with the wrapper: its address. */
export function moduleUrl(isArray, wantsSimd) {
  return new URL(`../${(isArray ? ARRAY : ONE_CORE)[wantsSimd ? 1 : 0]}`, import.meta.url);
}

/** Whether a string names a file: what is no whole address, where no page is that it could be relative to (node). */
function isPath(text) {
  const isDrive = /^[a-z]:[\\/]/i.test(text);
  return typeof location === "undefined" && (isDrive || !URL.canParse(text));
}

/** Compiles what `module` is: a WebAssembly.Module, bytes, a Response, an address or a path; undefined: our own. */
export async function compile(module, isArray, wantsSimd = hasSimd()) {
  if (module === undefined) module = moduleUrl(isArray, flag("simd", wantsSimd));
  if (module instanceof WebAssembly.Module) return module;
  if (module instanceof ArrayBuffer || ArrayBuffer.isView(module)) return WebAssembly.compile(module);
  const isFile = typeof module === "string" && isPath(module);
  if (!isFile && typeof module === "string" && URL.canParse(module)) module = new URL(module);
  if (isFile || (module instanceof URL && module.protocol === "file:")) {
    const { readFile } = await import("node:fs/promises");
    return WebAssembly.compile(await readFile(module));
  }
  if (typeof module === "string" || module instanceof URL) module = await fetch(module);
  if (typeof Response === "undefined" || !(module instanceof Response)) {
    const kinds = "a WebAssembly.Module, bytes, a Response, an address or, in node, a file path";
    throw new TypeError(`module must be ${kinds}, not ${shown(module)}`);
  }
  if (!module.ok) throw new Error(`${module.url}: ${module.status} ${module.statusText}`);
  return WebAssembly.compile(await module.arrayBuffer());
}

/** The instance. Memory never grows: views stay valid. */
export class Machine {
  constructor(module) {
    this.exports = new WebAssembly.Instance(module, {}).exports;
    const e = this.exports;
    if (e.snapshot?.() !== L.SNAPSHOT_BYTES) {
      throw new TypeError("module: its memory is not laid out as this wrapper expects; they must be of one version");
    }
    const { buffer } = e.memory;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.floats = new Float32Array(buffer);
    this.insertBuffer = new Float32Array(buffer, e.get_insert_ptr(), L.MAX_DIMS);
    this.queryBuffer = new Float32Array(buffer, e.get_query_ptr(), L.MAX_DIMS);
    this.deltaBuffer = new Float32Array(buffer, e.get_delta_ptr(), L.MAX_DIMS);
    this.resultAddress = e.get_result_ptr();
    this.globalAddress = e.get_global_ptr();
    this.saved = e.get_snapshot_ptr();
    if (this.words[this.saved >> 2] !== L.SNAPSHOT_MAGIC) {
      throw new TypeError("module: its snapshots are not of the layout that this wrapper knows");
    }
    this.isArray = "core_select" in e;
    this.base = this.#locate();
  }

  /** From now on the exports mean this core. Said anew each time: the caller may use core_select and init as well. */
  select(id) {
    if (this.isArray) this.exports.core_select(id);
  }

  /** Puts a vector into a buffer, unless it is that buffer already. */
  write(name, buffer, values, dims) {
    vector(name, values, dims);
    if (values.buffer !== buffer.buffer || values.byteOffset !== buffer.byteOffset) buffer.set(values);
  }

  /** Address of a core's live memory. Where that could not be found: of a copy, valid until the next call. */
  coreAddress(id) {
    if (this.base >= 0) return this.base + id * L.CORE_BYTES;
    this.select(id);
    this.exports.snapshot();
    return this.saved + L.SNAPSHOT_CORE;
  }

  /** Address of core 0, which the module does not export: a vector that is nowhere else shows it. -1: not found. */
  #locate() {
    const e = this.exports;
    const mark = -123456.789;
    e.init(L.MAX_DIMS, 0, 0);
    this.insertBuffer.fill(0);
    this.insertBuffer[0] = mark;
    e.insert();
    const word = new Uint32Array(this.insertBuffer.buffer, this.insertBuffer.byteOffset, 1)[0];
    this.insertBuffer.fill(0);
    const found = [];
    for (let at = 0; at < this.words.length; at += 4) {
      const count = this.bytes[at * 4 + L.CORE.count];
      const isSaved = at * 4 >= this.saved && at * 4 < this.saved + L.SNAPSHOT_BYTES;
      if (this.words[at] === word && !isSaved && count === 1) found.push(at * 4);
    }
    e.init(L.MAX_DIMS, 0, 0);
    return found.length === 1 ? found[0] : -1;
  }
}
