// The thread that computes: it runs the simulation for as many ms as the page asks for, and sends what is to be drawn.

import { Ganglion, hasSimd } from "./js/ganglion.js";
import { readDigits } from "./digits.js";
import { CREST, PER_CORE, Simulation, WAVE } from "./simulation.js";

const MOST_TICKS = 64;
let simulation;

async function start() {
  const began = performance.now();
  const file = await fetch(new URL("./digits.bin", import.meta.url));
  if (!file.ok) throw new Error(`${file.url}: ${file.status} ${file.statusText}`);
  const [bytes, net, jury] = await Promise.all([file.arrayBuffer(), Ganglion.load({ cores: 256 }), Ganglion.load()]);
  simulation = new Simulation(net, jury, readDigits(bytes.slice()));
  const memory = net.exports.memory.buffer.byteLength;
  postMessage({ type: "ready", simd: hasSimd(), memory, milliseconds: performance.now() - began, bytes });
}

function chosenCore() {
  const core = simulation.net.cores[simulation.chosen];
  const links = Array.from({ length: PER_CORE }, (_, index) => core.neighbours(index));
  postMessage({ type: "core", core: simulation.chosen, links });
}

/** Runs `ticks` ms and sends what changed; `levels` goes to and fro, so that nothing is allocated. */
function run({ ticks, levels }) {
  const began = performance.now();
  const n = Math.min(ticks, MOST_TICKS);
  const core = simulation.net.cores[simulation.chosen];
  const steps = {
    membranes: new Float32Array(n * PER_CORE),
    spikes: new Uint32Array(n),
    phases: new Uint8Array(n),
    winners: new Int16Array(n).fill(-1),
  };
  let wave = null;
  for (let t = 0; t < n; t++) {
    steps.phases[t] = simulation.time % WAVE;
    const isFirst = simulation.tick();
    if (isFirst) wave = answers();
    core.membranes(steps.membranes.subarray(t * PER_CORE, (t + 1) * PER_CORE));
    steps.spikes[t] = core.spikes;
    if (simulation.settings.compete && steps.phases[t] === CREST) steps.winners[t] = core.winner ?? -1;
  }
  simulation.paint(levels);
  const message = {
    type: "frame",
    levels,
    steps,
    wave,
    heat: simulation.heat.slice(),
    votes: simulation.heard(),
    time: simulation.time,
    question: simulation.question,
    thresholds: core.thresholds(),
    weights: core.weights(),
    ticks: n,
  };
  message.milliseconds = performance.now() - began;
  postMessage(message, [levels.buffer, ...Object.values(steps).map((values) => values.buffer)]);
}

function answers() {
  const { found, comparison, scores, seated, glimpse, answer } = simulation;
  return {
    found: found.map(({ index, core, distance }) => ({ place: core * PER_CORE + index, distance })),
    comparison,
    scores: { plain: scores.plain.slice(), spiking: scores.spiking.slice() },
    seated,
    glimpse: Array.from(glimpse),
    answer,
  };
}

const actions = {
  run,
  ask({ image, question }) {
    simulation.ask(image);
    simulation.question = question;
  },
  settings: ({ values }) => Object.assign(simulation.settings, values),
  choose({ core }) {
    simulation.chosen = core;
    chosenCore();
  },
  seat: ({ number }) => simulation.seat(number),
  forget: () => simulation.forget(),
};

onmessage = ({ data }) => {
  try {
    actions[data.type](data);
  } catch (error) {
    postMessage({ type: "error", message: String(error?.message ?? error) });
  }
};

start().catch((error) => postMessage({ type: "error", message: String(error?.message ?? error) }));
