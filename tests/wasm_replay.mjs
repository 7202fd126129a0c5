// Replays recorded steps on a module and prints what it answered: node wasm_replay.mjs MODULE < steps.json
// A step is {write: address, words} or {call: name, words, floats}: floats travel as the words of their bits, both ways.
import { readFileSync } from "node:fs";

const bytes = readFileSync(process.argv[2]);
const wasm = (await WebAssembly.instantiate(bytes)).instance.exports;
const memory = new Uint32Array(wasm.memory.buffer);
const scratch = new DataView(new ArrayBuffer(4));

const toFloat = (word) => (scratch.setUint32(0, word), scratch.getFloat32(0));
const toWord = (number) => (scratch.setFloat32(0, number), scratch.getUint32(0));

const { steps, regions } = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const step of steps) {
  if (step.write !== undefined) {
    memory.set(step.words, step.write / 4);
    continue;
  }
  const given = step.words.map((word, i) => (step.floats[i] ? toFloat(word) : word | 0));
  const answer = wasm[step.call](...given);
  answers.push(answer === undefined ? null : step.gives_float ? toWord(answer) : answer >>> 0);
}
const memories = regions.map(([address, length]) => Array.from(memory.subarray(address / 4, (address + length) / 4)));
console.log(JSON.stringify({ answers, memories }));
