// The chosen core's instruments: membranes now, and the chart that runs: gamma wave and spikes.

import { CREST, DRIVE, PER_CORE, WAVE } from "./simulation.js";
import { css, mixed, theme } from "./theme.js";
import { Surface } from "./surface.js";

/** Bars of all membranes, the threshold, and who won the last competition. */
export class MembraneView {
  constructor(canvas) {
    this.values = new Float32Array(PER_CORE);
    this.thresholds = new Float32Array(PER_CORE).fill(1);
    this.flash = new Float32Array(PER_CORE);
    this.labels = new Uint8Array(PER_CORE);
    this.winner = -1;
    this.surface = new Surface(canvas, () => this.draw());
  }

  update({ membranes, thresholds, spikes, winner, seconds }) {
    this.values = membranes;
    this.thresholds = thresholds;
    if (winner >= 0) this.winner = winner;
    for (let i = 0; i < PER_CORE; i++) {
      this.flash[i] = (spikes >>> i) & 1 ? 1 : Math.max(0, this.flash[i] - seconds * 3);
    }
  }

  show(labels) {
    this.labels = labels;
    this.winner = -1;
    this.flash.fill(0);
  }

  draw() {
    const { context: c, width, height, ratio } = this.surface;
    c.clearRect(0, 0, width, height);
    const step = width / PER_CORE;
    const foot = 15 * ratio;
    const room = height - foot - 4 * ratio;
    const ground = height - foot;
    const scale = room / 1.35;
    const bar = Math.max(1, Math.round(step * 0.62));
    c.font = `${Math.round(Math.min(10 * ratio, step * 0.95))}px ${theme.font}`;
    c.textAlign = "center";
    c.textBaseline = "alphabetic";
    for (let i = 0; i < PER_CORE; i++) {
      const x = Math.round(i * step + (step - bar) / 2);
      const value = Math.min(Math.max(this.values[i], 0), 1.35);
      const fresh = this.flash[i];
      if (fresh > 0) {
        c.fillStyle = css(theme.ember, fresh * 0.9);
        c.fillRect(x, ground - scale * this.thresholds[i], bar, scale * this.thresholds[i]);
      }
      const share = Math.min(value / this.thresholds[i], 1);
      c.fillStyle = css(mixed(mixed(theme.line, theme.soft, 0.35), theme.ember, share * share));
      c.fillRect(x, ground - scale * value, bar, Math.max(scale * value, ratio));
      const isWinner = i === this.winner;
      c.fillStyle = css(isWinner ? theme.ink : theme.soft);
      c.fillText(String(this.labels[i]), i * step + step / 2, height - 3 * ratio);
      if (isWinner) c.fillRect(x, ground + 2 * ratio, bar, 2 * ratio);
    }
    c.strokeStyle = css(theme.ink, 0.75);
    c.lineWidth = ratio;
    c.beginPath();
    for (let i = 0; i < PER_CORE; i++) {
      const y = Math.round(ground - scale * this.thresholds[i]) + 0.5;
      c.moveTo(i * step, y);
      c.lineTo((i + 1) * step, y);
    }
    c.stroke();
  }
}

const KEPT = 200;

/** The last 200 ms: the gamma wave above, a row for each neuron below; dim: its charge, bright: a spike. */
export class Recorder {
  constructor(canvas) {
    this.surface = new Surface(canvas, () => this.draw());
    this.rows = document.createElement("canvas");
    Object.assign(this.rows, { width: KEPT, height: PER_CORE });
    this.context = this.rows.getContext("2d");
    this.image = this.context.createImageData(KEPT, PER_CORE);
    this.clear();
  }

  clear() {
    this.membranes = new Float32Array(KEPT * PER_CORE);
    this.spikes = new Uint32Array(KEPT);
    this.phases = new Int16Array(KEPT).fill(-1);
    this.winners = new Int16Array(KEPT).fill(-1);
    this.at = 0;
  }

  /** Takes the steps of a frame in. */
  update({ membranes, spikes, phases, winners }) {
    for (let t = 0; t < spikes.length; t++) {
      const to = this.at % KEPT;
      this.membranes.set(membranes.subarray(t * PER_CORE, (t + 1) * PER_CORE), to * PER_CORE);
      this.spikes[to] = spikes[t];
      this.phases[to] = phases[t];
      this.winners[to] = winners[t];
      this.at += 1;
    }
  }

  draw() {
    if (!this.spikes) return;
    const { context: c, width, height, ratio } = this.surface;
    c.clearRect(0, 0, width, height);
    const head = Math.round(height * 0.2);
    const step = width / KEPT;
    const { image } = this;
    const pixels = new Uint32Array(image.data.buffer).fill(0);
    const word = ([red, green, blue], alpha) => ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    const spike = word(theme.ember, 1);
    const charges = Array.from({ length: 16 }, (_, i) => word(theme.soft, (i / 15) * 0.42));
    const y = (phase) => head / 2 - Math.sin((phase / WAVE) * 2 * Math.PI) * head * 0.38;
    c.fillStyle = css(theme.blue, 0.09);
    const marks = [];
    for (let column = 0; column < KEPT; column++) {
      const t = (this.at + column) % KEPT;
      const phase = this.phases[t];
      if (phase < 0) continue;
      if (phase === 0 || (phase < DRIVE && column === 0)) {
        const n = Math.min(DRIVE - phase, KEPT - column);
        c.fillRect(column * step, 0, n * step, height);
      }
      for (let i = 0; i < PER_CORE; i++) {
        const fired = (this.spikes[t] >>> i) & 1;
        const charge = Math.min(Math.max(this.membranes[t * PER_CORE + i], 0), 1);
        pixels[i * KEPT + column] = fired ? spike : charges[Math.round(charge * 15)];
      }
      if (phase === CREST && this.winners[t] >= 0) marks.push([column, this.winners[t]]);
    }
    this.context.putImageData(image, 0, 0);
    c.imageSmoothingEnabled = false;
    const room = height - head;
    c.drawImage(this.rows, 0, head, width, room);
    c.strokeStyle = css(theme.ink);
    c.lineWidth = ratio;
    const row = room / PER_CORE;
    for (const [column, neuron] of marks) {
      c.strokeRect(column * step - 2 * ratio, head + neuron * row - ratio, step + 4 * ratio, row + 2 * ratio);
    }
    c.strokeStyle = css(theme.blue);
    c.lineWidth = 1.6 * ratio;
    c.beginPath();
    let isDown = false;
    for (let column = 0; column < KEPT; column++) {
      const phase = this.phases[(this.at + column) % KEPT];
      if (phase < 0) continue;
      c[isDown ? "lineTo" : "moveTo"]((column + 0.5) * step, y(phase + 0.5));
      isDown = true;
    }
    c.stroke();
    const last = this.phases[(this.at + KEPT - 1) % KEPT];
    if (last >= 0) {
      c.fillStyle = css(theme.blue);
      c.beginPath();
      c.arc(width - 4 * ratio, y(last + 0.5), 3.4 * ratio, 0, 7);
      c.fill();
    }
  }
}

/** A hand that turns once in a gamma wave; the arc is the time in which the question is put. */
export class Dial {
  constructor(canvas) {
    this.phase = 0;
    this.surface = new Surface(canvas, () => this.draw());
  }

  draw() {
    const { context: c, width, height, ratio } = this.surface;
    const [x, y, r] = [width / 2, height / 2, Math.min(width, height) / 2 - 3 * ratio];
    const angle = (phase) => (phase / WAVE) * 2 * Math.PI - Math.PI / 2;
    c.clearRect(0, 0, width, height);
    c.lineWidth = ratio;
    c.strokeStyle = css(theme.line);
    c.beginPath();
    c.arc(x, y, r, 0, 7);
    c.stroke();
    c.lineWidth = 3 * ratio;
    c.strokeStyle = css(theme.blue, 0.55);
    c.beginPath();
    c.arc(x, y, r, angle(0), angle(DRIVE));
    c.stroke();
    c.fillStyle = css(theme.ink);
    c.beginPath();
    c.arc(x + r * Math.cos(angle(CREST)), y + r * Math.sin(angle(CREST)), 2.4 * ratio, 0, 7);
    c.fill();
    c.lineWidth = 1.6 * ratio;
    c.strokeStyle = css(theme.ink);
    c.beginPath();
    c.moveTo(x, y);
    c.lineTo(x + (r - 5 * ratio) * Math.cos(angle(this.phase)), y + (r - 5 * ratio) * Math.sin(angle(this.phase)));
    c.stroke();
  }
}
