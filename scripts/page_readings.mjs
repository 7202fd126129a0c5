// How often the page's array reads a digit right, wave by wave: node scripts/page_readings.mjs [EVERY]
// For every 15th stored digit (or EVERY-th): the spikes of all waves so far, and a plain search of the last glimpse.

import { readFile } from "node:fs/promises";
import { Ganglion } from "../wasm/js/ganglion.js";
import { readDigits } from "../wasm/www/digits.js";
import { N_LABELS, PER_CORE, Simulation, WAVE } from "../wasm/www/simulation.js";

const WAVES = 5;
const every = Number(process.argv[2] ?? 15);
const { buffer, byteOffset, length } = await readFile(new URL("../wasm/www/digits.bin", import.meta.url));
const digits = readDigits(buffer.slice(byteOffset, byteOffset + length));
const simulation = new Simulation(await Ganglion.load({ cores: 256 }), await Ganglion.load(), digits);
const most = (counts) => counts.indexOf(Math.max(...counts));

console.log("noise | spikes, waves 1 to 5 | plain search, waves 1 to 5 | spikes a wave");
for (const noise of [0, 0.5, 1]) {
  simulation.settings.noise = noise;
  const right = { spikes: new Array(WAVES).fill(0), plain: new Array(WAVES).fill(0) };
  let [n, fired] = [0, 0];
  for (let digit = 0; digit < digits.length; digit += every, n++) {
    simulation.ask(digits.image(digit));
    for (let wave = 0; wave < WAVES; wave++) {
      for (let t = 0; t < WAVE; t++) simulation.tick();
      const near = new Array(N_LABELS).fill(0);
      for (const { core, index } of simulation.found) near[digits.labelAt(core * PER_CORE + index)] += 1;
      right.spikes[wave] += most(simulation.heard()) === digits.labels[digit];
      right.plain[wave] += most(near) === digits.labels[digit];
      fired += simulation.waveSpikes;
    }
  }
  const shares = (counts) => counts.map((count) => (count / n).toFixed(2)).join(" ");
  console.log(`${noise} | ${shares(right.spikes)} | ${shares(right.plain)} | ${Math.round(fired / n / WAVES)}`);
}
