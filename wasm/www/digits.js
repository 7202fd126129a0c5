// The digits: images of 8x8 pixels of 0..16, labels, and which of them lies where in the array.

export const SIDE = 8;
export const DIMS = 16;
export const SHIFTS = [[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]];

/** Reads digits.bin (made and described by scripts/gen_page.py). */
export function readDigits(buffer) {
  const bytes = new Uint8Array(buffer);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "GDIG") throw new TypeError("digits.bin: not the digits");
  const view = new DataView(buffer);
  const [n, nPlaces] = [view.getUint16(4, true), view.getUint16(6, true)];
  let at = 64;
  const take = (count, width) => {
    const values = new Uint16Array(count);
    for (let i = 0; i < count; i++) {
      for (let bit = 0; bit < width; bit++, at++) values[i] |= ((bytes[at >> 3] >> (at & 7)) & 1) << bit;
    }
    at = (at + 7) & ~7;
    return values;
  };
  const pixels = Uint8Array.from(take(n * SIDE * SIDE, 5));
  const labels = Uint8Array.from(take(n, 4));
  const places = take(nPlaces, 14);
  if (at !== bytes.length * 8) throw new RangeError(`digits.bin has ${bytes.length} bytes, not ${at / 8}`);
  return new Digits(pixels, labels, places);
}

class Digits {
  constructor(pixels, labels, places) {
    this.pixels = pixels;
    this.labels = labels;
    this.places = places;
  }

  get length() {
    return this.labels.length;
  }

  /** Pixels of a digit: a view. */
  image(digit) {
    return this.pixels.subarray(digit * 64, digit * 64 + 64);
  }

  /** The label of what is stored at a place: 32 places a core. */
  labelAt(place) {
    return this.labels[this.places[place] & 2047];
  }

  /** Pixels of what is stored at a place: a digit, perhaps moved by a pixel. */
  imageAt(place) {
    const image = this.image(this.places[place] & 2047);
    const [down, right] = SHIFTS[this.places[place] >> 11];
    if (!down && !right) return image;
    const out = new Uint8Array(64);
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const [y, x] = [row - down, column - right];
        if (y >= 0 && y < SIDE && x >= 0 && x < SIDE) out[row * SIDE + column] = image[y * SIDE + x];
      }
    }
    return out;
  }
}

/** 8x8 pixels as 16 numbers: the mean of each 2x2 square. */
export function pooled(image, out = new Float32Array(DIMS)) {
  for (let d = 0; d < DIMS; d++) {
    const at = (d >> 2) * 16 + (d & 3) * 2;
    out[d] = (image[at] + image[at + 1] + image[at + 8] + image[at + 9]) / 4;
  }
  return out;
}
