// What comes out: the nearest digits with and without spikes, how often each was right, and the spikes by digit.

import { DIMS, pooled } from "./digits.js";
import { K, N_LABELS } from "./simulation.js";
import { css, theme } from "./theme.js";
import { Surface } from "./surface.js";

const SMOOTHED = 8;

/** A small square picture of 8x8 or 4x4 pixels of 0..16. */
export class Picture {
  constructor(canvas) {
    this.pixels = new Float32Array(64);
    this.surface = new Surface(canvas, () => this.draw());
  }

  show(pixels) {
    this.pixels = pixels;
    this.draw();
  }

  draw() {
    const { context: c, width, height } = this.surface;
    const n = Math.sqrt(this.pixels.length);
    c.clearRect(0, 0, width, height);
    for (let i = 0; i < n * n; i++) {
      const edge = (k) => Math.round((k * width) / n);
      const [column, row] = [i % n, Math.floor(i / n)];
      c.fillStyle = css(theme.ink, Math.min(1, Math.max(0, this.pixels[i] / 16)));
      c.fillRect(edge(column), edge(row), edge(column + 1) - edge(column), edge(row + 1) - edge(row));
    }
  }
}

/** Five digits in a row; what the undisturbed picture would have found is underlined. */
export class Row {
  constructor(list, digits) {
    this.digits = digits;
    this.items = Array.from({ length: K }, () => {
      const item = document.createElement("li");
      const canvas = document.createElement("canvas");
      canvas.setAttribute("aria-hidden", "true");
      const text = document.createElement("span");
      item.append(canvas, text);
      list.append(item);
      return { item, text, picture: new Picture(canvas) };
    });
  }

  show(found) {
    this.items.forEach(({ item, text, picture }, place) => {
      const one = found?.[place];
      item.classList.toggle("right", Boolean(one?.right));
      picture.show(one ? this.digits.image(one.digit) : new Float32Array(64));
      text.textContent = one ? String(this.digits.labels[one.digit]) : "";
      const verdict = one?.right ? "right" : "not among the five";
      item.setAttribute("aria-label", one ? `a ${this.digits.labels[one.digit]}, ${verdict}` : "nothing");
    });
  }
}

/** How many of five were right, glimpse by glimpse: two lines, each a mean of the last eight. */
export class Score {
  constructor(canvas) {
    this.scores = { plain: [], spiking: [] };
    this.surface = new Surface(canvas, () => this.draw());
  }

  show(scores) {
    this.scores = scores;
    this.draw();
  }

  draw() {
    const { context: c, width, height, ratio } = this.surface;
    c.clearRect(0, 0, width, height);
    const pad = 5 * ratio;
    const y = (value) => height - pad - (value / K) * (height - 2 * pad);
    c.font = `${Math.round(10 * ratio)}px ${theme.font}`;
    c.textBaseline = "middle";
    c.lineWidth = ratio;
    const left = 16 * ratio;
    for (const value of [0, K]) {
      c.strokeStyle = css(theme.line);
      c.beginPath();
      c.moveTo(left, Math.round(y(value)) + 0.5);
      c.lineTo(width, Math.round(y(value)) + 0.5);
      c.stroke();
      c.fillStyle = css(theme.soft);
      c.fillText(String(value), 2 * ratio, Math.min(Math.max(y(value), 6 * ratio), height - 6 * ratio));
    }
    for (const [name, colour] of [["plain", theme.blue], ["spiking", theme.ember]]) {
      const scores = this.scores[name];
      const step = (width - left - pad) / 47;
      const smooth = scores.map((_, i) => {
        const part = scores.slice(Math.max(0, i - SMOOTHED + 1), i + 1);
        return part.reduce((sum, value) => sum + value, 0) / part.length;
      });
      c.strokeStyle = c.fillStyle = css(colour);
      c.lineWidth = 2 * ratio;
      c.beginPath();
      smooth.forEach((value, i) => c.lineTo(left + i * step, y(value)));
      c.stroke();
      if (smooth.length) {
        c.beginPath();
        c.arc(left + (smooth.length - 1) * step, y(smooth.at(-1)), 3 * ratio, 0, 7);
        c.fill();
      }
    }
  }
}

/** Two bars for each digit: its share of the spikes of a wave, and of the 16 nearest. */
export class Votes {
  constructor(list) {
    this.items = Array.from({ length: N_LABELS }, (_, label) => {
      const item = document.createElement("li");
      const bars = ["plain", "spiking"].map((name) => {
        const bar = document.createElement("i");
        bar.className = name;
        item.append(bar);
        return bar;
      });
      const text = document.createElement("b");
      text.textContent = String(label);
      item.append(text);
      list.append(item);
      return { item, bars };
    });
  }

  /** Shares in 0..1. */
  show(plain, spiking) {
    this.items.forEach(({ item, bars }, label) => {
      [plain[label], spiking[label]].forEach((share, i) => (bars[i].style.transform = `scaleY(${share.toFixed(3)})`));
      const percent = (share) => `${Math.round(share * 100)} %`;
      item.setAttribute("aria-label", `${label}: ${percent(spiking[label])} of the spikes, ${percent(plain[label])} of the nearest`);
    });
  }
}

/** The sixteen numbers of a picture. */
export function sixteen(image) {
  return pooled(image, new Float32Array(DIMS));
}

