// A canvas whose pixels are those of the screen.

import { theme } from "./theme.js";

/** Keeps a canvas at device resolution; `redraw` is called when its size or the colours have changed. */
export class Surface {
  constructor(canvas, redraw, options) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", options);
    this.redraw = redraw;
    this.isSeen = true;
    new ResizeObserver(() => this.fit()).observe(canvas);
    new IntersectionObserver((entries) => this.see(entries.at(-1).isIntersecting)).observe(canvas);
    theme.onChange(() => redraw());
    this.measure();
  }

  measure() {
    this.ratio = Math.min(window.devicePixelRatio || 1, 3);
    const { width, height } = this.canvas.getBoundingClientRect();
    this.width = Math.max(1, Math.round(width * this.ratio));
    this.height = Math.max(1, Math.round(height * this.ratio));
    const isNew = this.canvas.width !== this.width || this.canvas.height !== this.height;
    if (isNew) Object.assign(this.canvas, { width: this.width, height: this.height });
    return isNew;
  }

  fit() {
    if (this.measure()) this.redraw();
  }

  /** What is out of sight need not be drawn; what comes into sight must. */
  see(isSeen) {
    const comes = isSeen && !this.isSeen;
    this.isSeen = isSeen;
    if (comes) this.redraw();
  }

  /** Where a pointer is, in device pixels. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.width, ((event.clientY - box.top) / box.height) * this.height];
  }
}

/** 8x8 pixels of 0..16 as a small canvas in a colour, from transparent to full. */
export function stamp(image, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(8, 8);
  for (let i = 0; i < 64; i++) {
    pixels.data.set([...colour, (image[i] / 16) * 255], i * 4);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
