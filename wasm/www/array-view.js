// The array: 16 x 16 cores, each a round cluster of 32 dots, one a neuron.

import { CORES, N_LABELS, PER_CORE } from "./simulation.js";
import { css, mixed, theme } from "./theme.js";
import { Surface } from "./surface.js";

const SIDE = 16;
const TINTS = 12;
const LEVELS = 64;
/** Six by six without the corners are 32. */
const CELLS = Array.from({ length: 36 }, (_, cell) => cell).filter((cell) => ![0, 5, 30, 35].includes(cell));

export class ArrayView {
  /** `choose(core)` is called when the visitor picks one; `describe(core)` says what is under the pointer. */
  constructor(canvas, overlay, labels, { choose, describe }) {
    this.labels = labels;
    this.chosen = 0;
    this.hovered = -1;
    this.found = [];
    this.levels = new Uint8Array(CORES * PER_CORE);
    this.heat = new Float32Array(CORES);
    this.names = placeNames(labels);
    this.describe = describe;
    this.surface = new Surface(canvas, () => this.prepare(), { alpha: false });
    this.top = new Surface(overlay, () => this.drawTop());
    this.prepare();
    overlay.addEventListener("pointermove", (event) => this.hover(this.coreAt(event)));
    overlay.addEventListener("pointerleave", () => this.hover(-1));
    overlay.addEventListener("click", (event) => choose(this.coreAt(event)));
    overlay.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -SIDE, ArrowDown: SIDE }[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.hovered = -1; // a pointer that rests on the map no longer says which core is meant
      const next = this.chosen + step;
      const stays = Math.abs(step) === 1 ? next >> 4 === this.chosen >> 4 : next >= 0 && next < CORES;
      if (stays) choose(next);
    });
  }

  coreAt(event) {
    const [x, y] = this.top.at(event);
    const column = Math.floor((x / this.top.width) * SIDE);
    const row = Math.floor((y / this.top.height) * SIDE);
    return Math.min(Math.max(row, 0), SIDE - 1) * SIDE + Math.min(Math.max(column, 0), SIDE - 1);
  }

  hover(core) {
    if (core === this.hovered) return;
    this.hovered = core;
    this.describe(core < 0 ? this.chosen : core);
    this.drawTop();
  }

  choose(core) {
    this.chosen = core;
    this.describe(core);
    this.drawTop();
  }

  /** Everything that depends on size and colours: where dots lie, and how each looks at each level. */
  prepare() {
    const { width, context } = this.surface;
    const tile = width / SIDE;
    this.pitch = Math.max(1, Math.floor(tile / 6.6));
    const inset = (tile - 6 * this.pitch) / 2;
    this.image = context.createImageData(width, this.surface.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.pixels.fill(packed(theme.plate));
    this.starts = new Uint32Array(CORES * PER_CORE);
    this.tiles = [];
    for (let core = 0; core < CORES; core++) {
      const left = Math.round((core % SIDE) * tile + inset);
      const top = Math.round((core >> 4) * tile + inset);
      CELLS.forEach((cell, i) => {
        const [x, y] = [left + (cell % 6) * this.pitch, top + Math.floor(cell / 6) * this.pitch];
        this.starts[core * PER_CORE + i] = y * width + x;
      });
    }
    this.sprites = sprites(this.pitch);
    this.shown = new Int16Array(CORES * PER_CORE).fill(-1);
    this.draw(this.levels, this.heat);
    context.putImageData(this.image, 0, 0);
    if (this.top) this.drawTop();
  }

  draw(levels, heat) {
    // A copy: the array that was given goes back to the thread that fills it.
    if (levels !== this.levels) this.levels.set(levels);
    this.heat = heat;
    const { pixels, pitch, shown, starts, sprites: looks } = this;
    const { width, height, context } = this.surface;
    let [first, last] = [CORES, -1];
    for (let core = 0; core < CORES; core++) {
      const tint = Math.min(TINTS - 1, Math.floor(Math.sqrt(heat[core]) * 4));
      for (let i = core * PER_CORE; i < (core + 1) * PER_CORE; i++) {
        const look = tint * LEVELS + (levels[i] >> 2);
        if (look === shown[i]) continue;
        shown[i] = look;
        last = core;
        if (first > core) first = core;
        const dot = looks[look];
        let to = starts[i];
        for (let row = 0, from = 0; row < pitch; row++, to += width) {
          for (let x = 0; x < pitch; x++) pixels[to + x] = dot[from++];
        }
      }
    }
    if (last < 0) return;
    const [top, bottom] = [first >> 4, (last >> 4) + 1].map((row) => Math.round((row / SIDE) * height));
    context.putImageData(this.image, 0, 0, 0, top, width, bottom - top);
  }

  /** The 16 nearest that the plain search found, to be ringed. */
  mark(places) {
    this.found = places;
    this.drawTop();
  }

  drawTop() {
    const { context, width, height, ratio } = this.top;
    const tile = width / SIDE;
    context.clearRect(0, 0, width, height);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `${Math.round(tile * 0.95)}px ${theme.serif}`;
    context.lineJoin = "round";
    for (const { x, y, label } of this.names) {
      context.strokeStyle = css(theme.plate, 0.85);
      context.lineWidth = tile * 0.22;
      context.strokeText(label, x * tile, y * tile);
      context.fillStyle = css(mixed(theme.soft, theme.ink, 0.45), 0.9);
      context.fillText(label, x * tile, y * tile);
    }
    context.strokeStyle = css(theme.blue);
    context.lineWidth = 1.6 * ratio;
    const radius = this.pitch * 0.5 + 1.4 * ratio;
    for (const place of this.found) {
      const start = this.starts[place];
      const [x, y] = [(start % this.surface.width) + this.pitch / 2, Math.floor(start / this.surface.width) + this.pitch / 2];
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      context.stroke();
    }
    if (this.hovered >= 0 && this.hovered !== this.chosen) this.frame(this.hovered, css(theme.soft), 1);
    this.frame(this.chosen, css(theme.ink), 2);
  }

  frame(core, colour, thickness) {
    const { context, width, ratio } = this.top;
    const tile = width / SIDE;
    const line = thickness * ratio;
    const inset = line / 2 - 0.5 * ratio;
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.beginPath();
    const [left, top] = [(core % SIDE) * tile + inset, (core >> 4) * tile + inset];
    context.roundRect(left, top, tile - 2 * inset, tile - 2 * inset, tile * 0.28);
    context.stroke();
  }
}

function packed([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Pixels of a dot for each (tint of the core, level of the neuron), corners smoothed. */
function sprites(pitch) {
  const size = pitch > 3 ? pitch - 1 : pitch;
  const radius = size / 2;
  const coverage = Array.from({ length: pitch * pitch }, (_, i) => {
    const [x, y] = [(i % pitch) + 0.5 - pitch / 2, Math.floor(i / pitch) + 0.5 - pitch / 2];
    return pitch < 3 ? 1 : Math.min(1, Math.max(0, radius - Math.hypot(x, y) + 0.5));
  });
  const all = [];
  for (let tint = 0; tint < TINTS; tint++) {
    const heat = tint / (TINTS - 1);
    const ground = mixed(theme.plate, theme.ramp[130], heat * 0.6);
    for (let level = 0; level < LEVELS; level++) {
      // In a hot core a neuron at rest is as warm as the ground: what stands out is who fired.
      const colour = theme.ramp[Math.max(Math.round((level / (LEVELS - 1)) * 255), Math.round(heat * 110))];
      all.push(Uint32Array.from(coverage, (share) => packed(mixed(ground, colour, share))));
    }
  }
  return all;
}

/** Where on the map each digit's name goes: the middle of the largest patch of cores that hold mostly it. */
function placeNames(labels) {
  const of = Array.from({ length: CORES }, (_, core) => majority(labels, core));
  const seen = new Set();
  const largest = new Array(N_LABELS).fill([]);
  for (let start = 0; start < CORES; start++) {
    if (seen.has(start)) continue;
    const patch = [start];
    seen.add(start);
    for (const core of patch) {
      const around = [core % SIDE ? core - 1 : -1, core % SIDE < SIDE - 1 ? core + 1 : -1, core - SIDE, core + SIDE];
      for (const next of around) {
        if (next >= 0 && next < CORES && !seen.has(next) && of[next] === of[start]) {
          seen.add(next);
          patch.push(next);
        }
      }
    }
    if (patch.length > largest[of[start]].length) largest[of[start]] = patch;
  }
  return largest.map((patch, label) => {
    const mean = [0, 1].map((axis) => patch.reduce((sum, core) => sum + (axis ? core >> 4 : core % SIDE), 0) / patch.length);
    const distance = (core) => Math.hypot((core % SIDE) - mean[0], (core >> 4) - mean[1]);
    const core = patch.reduce((best, one) => (distance(one) < distance(best) ? one : best), patch[0]);
    return { label: String(label), x: (core % SIDE) + 0.5, y: (core >> 4) + 0.5 };
  });
}

/** The label that most of a core's digits have. */
export function majority(labels, core) {
  const counts = new Array(N_LABELS).fill(0);
  for (let i = core * PER_CORE; i < (core + 1) * PER_CORE; i++) counts[labels[i]]++;
  return counts.indexOf(Math.max(...counts));
}
