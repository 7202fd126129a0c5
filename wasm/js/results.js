// A list of 16 records in the module's memory: results of a search, or the list that many are merged into.

import { integer } from "./checks.js";
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

  #record(place) {
    return this.#address + integer("place", place, 0, L.MAX_RESULTS - 1) * RECORD_BYTES;
  }

  index(place) {
    return this.#machine.bytes[this.#record(place)];
  }
  core(place) {
    return this.#machine.bytes[this.#record(place) + 1];
  }
  distance(place) {
    return this.#machine.floats[(this.#record(place) + 4) >> 2];
  }

  /** The first n records as objects. */
  first(n) {
    integer("n", n, 0, L.MAX_RESULTS);
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
      const at = this.#record(place);
      this.#machine.bytes.set([index, core, 0, 0], at);
      this.#machine.floats[(at + 4) >> 2] = distance;
    });
  }
}
