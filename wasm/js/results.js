// A list of 16 records in the module's memory: results of a search, or the list that many are merged into.

import * as L from "./layout.js";

const RECORD_BYTES = 8;

export class Results {
  #machine;
  #address;

  constructor(machine, address) {
    this.#machine = machine;
    this.#address = address;
  }

  /** Records that say something. */
  get length() {
    let n = 0;
    while (n < L.MAX_RESULTS && this.index(n) !== L.NONE) n++;
    return n;
  }

  index(place) {
    return this.#machine.bytes[this.#address + place * RECORD_BYTES];
  }
  core(place) {
    return this.#machine.bytes[this.#address + place * RECORD_BYTES + 1];
  }
  distance(place) {
    return this.#machine.floats[(this.#address + place * RECORD_BYTES + 4) >> 2];
  }

  /** The first n records as objects. */
  first(n) {
    return Array.from({ length: n }, (_, place) => ({
      index: this.index(place),
      core: this.core(place),
      distance: this.distance(place),
    }));
  }

  *[Symbol.iterator]() {
    yield* this.first(this.length);
  }

  /** Overwrites the list. */
  write(matches) {
    matches.forEach(({ index, core, distance }, place) => {
      const at = this.#address + place * RECORD_BYTES;
      this.#machine.bytes.set([index, core, 0, 0], at);
      this.#machine.floats[(at + 4) >> 2] = distance;
    });
  }
}
