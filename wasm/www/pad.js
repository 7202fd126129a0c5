// The drawing pad: 32 x 32 points, counted in blocks of 4 x 4, which is how the stored digits once came about.

import { BLOCK, COARSE, counted, FINE, fitted } from "./fitting.js";
import { css, theme } from "./theme.js";
import { Surface } from "./surface.js";

const BRUSH = 2.9;

export class Pad {
  /** `change(image)` is called with 64 pixels of 0..16 when the visitor has drawn. */
  constructor(canvas, change) {
    this.canvas = canvas;
    this.change = change;
    this.points = new Uint8Array(FINE * FINE);
    this.image = new Uint8Array(COARSE * COARSE);
    this.isDrawn = false;
    this.cursor = [3, 3];
    this.surface = new Surface(canvas, () => this.draw());
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.last = null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.draw());
  }

  /** Shows a digit instead of a drawing. */
  show(image) {
    this.points.fill(0);
    this.isDrawn = false;
    this.image = Uint8Array.from(image);
    this.draw();
  }

  clear() {
    this.show(new Uint8Array(COARSE * COARSE));
    this.change(this.image);
  }

  /** Before the first stroke the digit that was shown goes away. */
  begin() {
    if (!this.isDrawn) this.points.fill(0);
    this.isDrawn = true;
  }

  down(event) {
    if (event.button) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.begin();
    this.last = this.spot(event);
    this.stroke(this.last, this.last);
  }

  move(event) {
    if (!this.last) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const to = this.spot(one);
      this.stroke(this.last, to);
      this.last = to;
    }
  }

  spot(event) {
    const [x, y] = this.surface.at(event);
    return [(x / this.surface.width) * FINE, (y / this.surface.height) * FINE];
  }

  stroke([fromX, fromY], [toX, toY]) {
    const n = Math.ceil(Math.hypot(toX - fromX, toY - fromY) * 2) + 1;
    for (let i = 0; i <= n; i++) {
      const [x, y] = [fromX + ((toX - fromX) * i) / n, fromY + ((toY - fromY) * i) / n];
      for (let row = Math.max(0, Math.floor(y - BRUSH)); row <= Math.min(FINE - 1, y + BRUSH); row++) {
        for (let column = Math.max(0, Math.floor(x - BRUSH)); column <= Math.min(FINE - 1, x + BRUSH); column++) {
          if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= BRUSH) this.points[row * FINE + column] = 1;
        }
      }
    }
    this.finish();
  }

  finish() {
    this.image = counted(fitted(this.points));
    this.draw();
    this.change(this.image);
  }

  key(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const writes = event.key === " " || event.key === "Enter";
    const erases = event.key === "Backspace" || event.key === "Delete";
    if ((!move && !writes && !erases) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (move) {
      this.cursor = this.cursor.map((value, axis) => Math.min(COARSE - 1, Math.max(0, value + move[axis])));
      this.draw();
      return;
    }
    this.begin();
    const [left, top] = this.cursor.map((value) => value * BLOCK);
    for (let row = top; row < top + BLOCK; row++) this.points.fill(writes ? 1 : 0, row * FINE + left, row * FINE + left + BLOCK);
    this.finish();
  }

  draw() {
    const { context: c, width, height, ratio } = this.surface;
    c.clearRect(0, 0, width, height);
    const n = this.isDrawn ? FINE : COARSE;
    const cell = width / n;
    for (let i = 0; i < n * n; i++) {
      const share = this.isDrawn ? this.points[i] : this.image[i] / 16;
      if (!share) continue;
      c.fillStyle = css(theme.ink, share);
      const [x, y] = [Math.round((i % n) * cell), Math.round(Math.floor(i / n) * cell)];
      c.fillRect(x, y, Math.round(((i % n) + 1) * cell) - x, Math.round((Math.floor(i / n) + 1) * cell) - y);
    }
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) {
      const square = width / COARSE;
      c.strokeStyle = css(theme.ember);
      c.lineWidth = 2 * ratio;
      c.strokeRect(this.cursor[0] * square + ratio, this.cursor[1] * square + ratio, square - 2 * ratio, square - 2 * ratio);
    }
  }
}
