// The graph of one core: 32 stored digits, the links that a search walks along, and spikes that travel on them.

import { PER_CORE } from "./simulation.js";
import { css, theme } from "./theme.js";
import { stamp, Surface } from "./surface.js";

const FULL_WEIGHT = 255;
/** Seconds that a spike's dot takes along a link, and a neuron's ring takes to fade. */
const TRAVEL = 0.28;
const FADE = 0.45;

/** Places in 0..1 for nodes of a graph: springs along the links, everything else apart. The same for the same graph. */
export function arrange(links) {
  const n = links.length;
  const at = Array.from({ length: n }, (_, i) => {
    const angle = i * 2.399963;
    const radius = Math.sqrt((i + 0.5) / n) * 0.5;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  for (let round = 0; round < 260; round++) {
    const heat = 0.06 * (1 - round / 260) + 0.002;
    const force = at.map(([x, y]) => [-x * 0.35, -y * 0.35]);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        const [dx, dy] = [at[i][0] - at[j][0], at[i][1] - at[j][1]];
        const d2 = dx * dx + dy * dy + 1e-4;
        const isLinked = links[i].includes(j) || links[j].includes(i);
        const push = 0.011 / d2 - (isLinked ? Math.sqrt(d2) * 1.1 : 0);
        const d = Math.sqrt(d2);
        force[i][0] += (dx / d) * push;
        force[i][1] += (dy / d) * push;
        force[j][0] -= (dx / d) * push;
        force[j][1] -= (dy / d) * push;
      }
    }
    at.forEach((place, i) => {
      const size = Math.hypot(...force[i]);
      const step = Math.min(size, 1) * heat;
      if (size > 0) [0, 1].forEach((axis) => (place[axis] += (force[i][axis] / size) * step));
    });
  }
  const [low, high] = [Math.min, Math.max].map((pick) => [0, 1].map((axis) => pick(...at.map((place) => place[axis]))));
  return at.map((place) => place.map((value, axis) => (value - low[axis]) / (high[axis] - low[axis] || 1)));
}

export class GraphView {
  constructor(canvas, imageAt) {
    this.imageAt = imageAt;
    this.links = [];
    this.membranes = new Float32Array(PER_CORE);
    this.thresholds = new Float32Array(PER_CORE).fill(1);
    this.weights = new Float32Array(PER_CORE);
    this.firedAt = new Float64Array(PER_CORE).fill(-10);
    this.winner = -1;
    this.now = 0;
    this.surface = new Surface(canvas, () => this.prepare());
  }

  show(core, links) {
    this.core = core;
    this.links = links;
    this.edges = [];
    links.forEach((list, i) => list.forEach((j) => (i < j || !links[j].includes(i)) && this.edges.push([i, j])));
    this.at = arrange(links);
    this.firedAt.fill(-10);
    this.winner = -1;
    this.prepare();
  }

  prepare() {
    if (!this.at) return;
    const { width, height } = this.surface;
    this.radius = Math.min(width, height) * 0.05;
    const margin = this.radius * 1.35;
    this.places = this.at.map(([x, y]) => [margin + x * (width - 2 * margin), margin + y * (height - 2 * margin)]);
    this.stamps = this.links.map((_, i) => stamp(this.imageAt(this.core * PER_CORE + i), theme.ink));
    this.draw();
  }

  /** `now` in seconds; `spikes`: who fired since the last call. */
  update({ membranes, thresholds, weights, spikes, winner, now }) {
    Object.assign(this, { membranes, thresholds, weights, now });
    if (winner >= 0) this.winner = winner;
    for (let i = 0; i < PER_CORE; i++) if ((spikes >>> i) & 1) this.firedAt[i] = now;
  }

  draw() {
    const { context: c, width, height, ratio } = this.surface;
    if (!this.at) return;
    c.clearRect(0, 0, width, height);
    for (const [i, j] of this.edges) {
      const share = (this.weights[i] + this.weights[j]) / (2 * FULL_WEIGHT);
      c.strokeStyle = css(theme.soft, 0.16 + 0.5 * share);
      c.lineWidth = (0.5 + 1.7 * share) * ratio;
      c.beginPath();
      c.moveTo(...this.places[i]);
      c.lineTo(...this.places[j]);
      c.stroke();
    }
    c.fillStyle = css(theme.ember);
    for (let i = 0; i < this.links.length; i++) {
      const share = (this.now - this.firedAt[i]) / TRAVEL;
      if (share < 0 || share > 1) continue;
      const [x, y] = this.places[i];
      for (const j of this.links[i]) {
        const [toX, toY] = this.places[j];
        c.beginPath();
        c.arc(x + (toX - x) * share, y + (toY - y) * share, 2.2 * ratio, 0, 7);
        c.fill();
      }
    }
    for (let i = 0; i < this.links.length; i++) this.drawNode(i);
  }

  drawNode(i) {
    const { context: c, ratio } = this.surface;
    const [x, y] = this.places[i];
    const r = this.radius;
    const fresh = Math.max(0, 1 - (this.now - this.firedAt[i]) / FADE);
    c.fillStyle = css(theme.plate);
    c.beginPath();
    c.arc(x, y, r, 0, 7);
    c.fill();
    if (fresh > 0) {
      c.fillStyle = css(theme.ember, 0.55 * fresh);
      c.fill();
    }
    c.imageSmoothingEnabled = false;
    const side = Math.round((r * 1.4) / 8) * 8 || 8;
    c.drawImage(this.stamps[i], Math.round(x - side / 2), Math.round(y - side / 2), side, side);
    c.lineWidth = 1 * ratio;
    c.strokeStyle = css(theme.line);
    c.beginPath();
    c.arc(x, y, r, 0, 7);
    c.stroke();
    const charge = Math.min(Math.max(this.membranes[i] / this.thresholds[i], 0), 1);
    const level = fresh > 0 ? 1 : charge;
    if (level > 0.02) {
      c.lineWidth = 2.2 * ratio;
      c.strokeStyle = css(theme.ember, 0.35 + 0.65 * Math.max(fresh, charge));
      c.beginPath();
      c.arc(x, y, r, -Math.PI / 2, -Math.PI / 2 + level * 2 * Math.PI);
      c.stroke();
    }
    if (i === this.winner) {
      c.lineWidth = 1.5 * ratio;
      c.strokeStyle = css(theme.ink);
      c.beginPath();
      c.arc(x, y, r + 3.2 * ratio, 0, 7);
      c.stroke();
    }
  }
}
