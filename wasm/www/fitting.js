// A drawing of 32 x 32 points, made like the stored digits: as high as the square, in its middle, counted in blocks.

export const FINE = 32;
export const BLOCK = 4;
export const COARSE = 8;

/** The drawing moved and scaled so that it fills the pad's height or width, as the stored digits do. */
export function fitted(points) {
  let [left, right, top, bottom] = [FINE, -1, FINE, -1];
  points.forEach((value, i) => {
    if (!value) return;
    const [x, y] = [i % FINE, Math.floor(i / FINE)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  });
  if (right < 0) return points;
  const [width, height] = [right - left + 1, bottom - top + 1];
  // A dot stays a dot: what is small is not blown up without end.
  const scale = Math.min(FINE / Math.max(width, height), 2.5);
  const [shiftX, shiftY] = [(FINE - width * scale) / 2, (FINE - height * scale) / 2];
  const out = new Uint8Array(FINE * FINE);
  for (let i = 0; i < FINE * FINE; i++) {
    const x = Math.floor(((i % FINE) + 0.5 - shiftX) / scale);
    const y = Math.floor((Math.floor(i / FINE) + 0.5 - shiftY) / scale);
    if (x >= 0 && x < width && y >= 0 && y < height) out[i] = points[(top + y) * FINE + left + x];
  }
  return out;
}

/** 32 x 32 points as 8 x 8 counts of 0..16. */
export function counted(points) {
  const image = new Uint8Array(COARSE * COARSE);
  points.forEach((value, i) => {
    image[Math.floor(i / FINE / BLOCK) * COARSE + Math.floor((i % FINE) / BLOCK)] += value;
  });
  return image;
}
