// The page: takes what the visitor does to the thread that computes, and draws what comes back.

import { Picture, Row, Score, sixteen, Votes } from "./answers-view.js";
import { ArrayView, majority } from "./array-view.js";
import { Dial, MembraneView, Recorder } from "./charts.js";
import { readDigits } from "./digits.js";
import { GraphView } from "./graph-view.js";
import { Pad } from "./pad.js";
import { DEFAULTS, N_LABELS, PER_CORE, WAVE } from "./simulation.js";
import { theme } from "./theme.js";

const PACES = [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1].map((share) => share * 1000);
/** ms of brain time that are run at once for a visitor who wants little motion: four waves. */
const STILL = 4 * WAVE;
const FIRST_DIGIT = 3;
/** Legible ones come first; the scrawls follow. */
const FIRST_TAKEN = 12;
const UNIT = 6.5;

const $ = (id) => document.getElementById(id);
const wantsStill = matchMedia("(prefers-reduced-motion: reduce)");
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });

const state = {
  isRunning: !wantsStill.matches,
  pace: 62.5,
  owed: 0,
  isWaiting: false,
  levels: new Uint8Array(256 * PER_CORE),
  chosen: 0,
  /** Until the visitor chooses a core: the one where the answer was found. */
  follows: true,
  time: 0,
  waves: 0,
  /** Counts the questions, so that a late answer is not taken for one to the newest. */
  question: 0,
};
/** Measured, for the line at the foot and for whoever asks: ms. */
const stats = { frames: [], draws: [], ticks: [], n: 0 };
globalThis.ganglion = { state, stats };

let digits, views;

function tell(problem) {
  $("trouble").hidden = false;
  $("trouble").textContent = `This page ${digits ? "cannot go on" : "could not start"}: ${problem}`;
  $("facts").textContent = "";
}

// ---------------------------------------------------------------- start

function start({ bytes, simd, memory, milliseconds }) {
  digits = readDigits(bytes);
  const labels = Uint8Array.from(digits.places, (_, place) => digits.labelAt(place));
  state.labels = labels;
  views = {
    pad: new Pad($("pad"), (image) => ask(image, null)),
    seen: new Picture($("seen")),
    map: new ArrayView($("map"), $("map-top"), labels, { choose: pick, describe }),
    graph: new GraphView($("graph"), (place) => digits.imageAt(place)),
    membranes: new MembraneView($("membranes")),
    recorder: new Recorder($("recorder")),
    dial: new Dial($("dial")),
    votes: new Votes($("votes")),
    glimpse: new Picture($("glimpse")),
    plain: new Row($("row-plain"), digits),
    spiking: new Row($("row-spiking"), digits),
    score: new Score($("score")),
  };
  state.loaded = `256 cores loaded in ${milliseconds.toFixed(0)} ms${simd ? ", with SIMD" : ""}, ${(memory / 1024).toLocaleString("en")} KiB`;
  readKnobs();
  take(FIRST_DIGIT);
  const best = labels.indexOf(FIRST_DIGIT);
  choose(best >> 5);
  document.documentElement.dataset.state = "ready";
  showRunning();
  requestAnimationFrame(frame);
}

// ---------------------------------------------------------------- what the visitor does

function ask(image, label) {
  state.label = label;
  state.waves = 0;
  $("says-spiking").textContent = $("says-plain").textContent = "–";
  views.seen.show(sixteen(image));
  views.recorder.clear();
  for (const [i, button] of [...$("picker").children].entries()) button.setAttribute("aria-pressed", String(i === label));
  state.question += 1;
  worker.postMessage({ type: "ask", image: Uint8Array.from(image), question: state.question });
  settle();
}

/** Another stored digit of a label than the one before. */
function take(label) {
  const all = [...digits.labels.keys()].filter((digit) => digits.labels[digit] === label);
  state.taken ??= new Array(N_LABELS).fill(FIRST_TAKEN);
  state.taken[label] = (state.taken[label] + 2) % all.length;
  const image = digits.image(all[state.taken[label]]);
  views.pad.show(image);
  ask(image, label);
}

function pick(core) {
  state.follows = false;
  choose(core);
}

function choose(core) {
  state.chosen = core;
  worker.postMessage({ type: "choose", core });
  views.map.choose(core);
}

function describe(core) {
  const label = majority(state.labels, core);
  const heat = views?.map.heat[core] ?? 0;
  const doing = heat > 0.5 ? `${Math.round(heat)} spike${heat < 1.5 ? "" : "s"} just now` : "quiet now";
  $("map-told").textContent = `Core ${core}, mostly ${label}s: ${doing}`;
}

function setRunning(isRunning) {
  state.isRunning = isRunning;
  state.owed = 0;
  showRunning();
}

function showRunning() {
  $("run-text").textContent = state.isRunning ? "Pause" : "Run";
  $("step").disabled = state.isRunning;
  document.documentElement.dataset.running = String(state.isRunning);
}

/** A new picture while nothing moves: some waves at once, so that there is something to see. */
function settle() {
  if (!state.isRunning) state.owed = STILL;
}

const shown = {
  gain: (value) => value.toFixed(2),
  inhibition: (value) => value.toFixed(2),
  noise: (value) => value.toFixed(1),
  learning: (value) => ["off", "slow", "steady", "quick", "rash"][value],
};

function readKnobs() {
  const values = { compete: $("compete").checked };
  for (const [name, text] of Object.entries(shown)) {
    values[name] = Number($(name).value);
    $(`${name}-value`).textContent = text(values[name]);
    $(name).setAttribute("aria-valuetext", text(values[name]));
  }
  state.pace = PACES[Number($("pace").value)];
  const text = state.pace === 1000 ? "real time" : `1/${Math.round(1000 / state.pace)}`;
  $("pace-value").textContent = text;
  $("pace").setAttribute("aria-valuetext", text);
  worker.postMessage({ type: "settings", values });
}

function turnBack() {
  for (const name of Object.keys(shown)) $(name).value = String(DEFAULTS[name]);
  $("compete").checked = DEFAULTS.compete;
}

for (let label = 0; label < N_LABELS; label++) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = String(label);
  button.setAttribute("aria-label", `A stored ${label}`);
  button.setAttribute("aria-keyshortcuts", String(label));
  button.addEventListener("click", () => digits && take(label));
  $("picker").append(button);
}
turnBack();
for (const name of [...Object.keys(shown), "pace", "compete"]) {
  $(name).addEventListener("input", () => {
    readKnobs();
    settle();
  });
}
$("run").addEventListener("click", () => setRunning(!state.isRunning));
$("step").addEventListener("click", () => (state.owed = WAVE));
$("clear").addEventListener("click", () => views?.pad.clear());
$("forget").addEventListener("click", () => worker.postMessage({ type: "forget" }));
$("defaults").addEventListener("click", () => {
  turnBack();
  readKnobs();
  settle();
});
$("seat").addEventListener("click", () => {
  state.seat = (state.seat ?? 1) + 1;
  worker.postMessage({ type: "seat", number: state.seat });
  settle();
});
wantsStill.addEventListener("change", () => setRunning(!wantsStill.matches));
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || !digits || event.target.matches?.("input:not([type=range])")) return;
  const act = { p: () => setRunning(!state.isRunning), s: () => (state.owed = WAVE), c: () => views.pad.clear() }[event.key];
  if (act) act();
  else if (/^[0-9]$/.test(event.key)) take(Number(event.key));
});

// ---------------------------------------------------------------- frames

let before;

/** Asks for the ms that have become due, and draws what came. */
function frame(now) {
  requestAnimationFrame(frame);
  const seconds = before === undefined ? 0 : Math.min((now - before) / 1000, 0.1);
  if (before !== undefined) kept(stats.frames, now - before);
  before = now;
  const began = performance.now();
  if (state.news) {
    takeIn(state.news);
    state.news = null;
  }
  if (state.isRunning) state.owed += seconds * state.pace;
  if (!state.isWaiting && state.owed >= 1) {
    const ticks = Math.min(Math.floor(state.owed), 64);
    // What a slow machine cannot compute in time is not made up for later.
    state.owed = state.isRunning ? Math.min(state.owed - ticks, 1) : state.owed - ticks;
    state.isWaiting = true;
    worker.postMessage({ type: "run", ticks, levels: state.levels }, [state.levels.buffer]);
  }
  draw();
  kept(stats.draws, performance.now() - began);
  if (++stats.n % 30 === 0) showFacts();
}

function kept(list, value) {
  list.push(value);
  if (list.length > 600) list.shift();
}

function takeIn(news) {
  const { steps, wave, heat, votes, thresholds, weights, levels, time, ticks, question } = news;
  if (question !== state.question) return;
  const now = performance.now() / 1000;
  state.time = time;
  state.heat = heat.reduce((sum, one) => sum + one, 0);
  state.learned = weights.reduce((sum, one) => sum + Math.abs(one - weights[0]), 0);
  const last = steps.membranes.subarray((ticks - 1) * PER_CORE);
  const spikes = steps.spikes.reduce((all, one) => all | one, 0) >>> 0;
  const winner = steps.winners.reduce((one, other) => (other >= 0 ? other : one), -1);
  views.map.draw(levels, heat);
  views.graph.update({ membranes: last, thresholds, weights, spikes, winner, now });
  views.membranes.update({ membranes: last, thresholds, spikes, winner, seconds: ticks / state.pace });
  views.recorder.update(steps);
  views.dial.phase = steps.phases[ticks - 1] + 1;
  if (wave) showWave(wave);
  if (stats.n % 15 === 0) describe(views.map.hovered < 0 ? state.chosen : views.map.hovered);
  const total = votes.reduce((sum, one) => sum + one, 0);
  const shares = votes.map((one) => (total > 0 ? one / total : 0));
  views.votes.show(state.plainShares ?? new Array(N_LABELS).fill(0), shares);
  state.isDirty = true;
}

function draw() {
  const moving = performance.now() / 1000 - Math.max(...views.graph.firedAt) < 0.5;
  if (state.isDirty || moving) {
    views.graph.now = performance.now() / 1000;
    if (views.graph.surface.isSeen) views.graph.draw();
  }
  if (!state.isDirty) return;
  state.isDirty = false;
  for (const name of ["membranes", "recorder", "dial"]) if (views[name].surface.isSeen) views[name].draw();
}

function most(counts) {
  const best = Math.max(...counts);
  return best > 0 ? counts.indexOf(best) : null;
}

function showWave({ found, comparison, scores, glimpse, answer }) {
  state.waves += 1;
  const near = new Array(N_LABELS).fill(0);
  for (const { place } of found) near[state.labels[place]] += 1;
  if (state.waves === 1 && state.follows) choose(found[0].place >> 5);
  state.plainShares = near.map((one) => one / found.length);
  views.map.mark(found.map(({ place }) => place));
  $("says-plain").textContent = String(most(near) ?? "–");
  if (answer) {
    $("says-spiking").textContent = String(most(answer) ?? "–");
  }
  views.glimpse.show(glimpse.map((value) => value * UNIT));
  for (const name of ["plain", "spiking"]) {
    views[name].show(comparison[name]);
    const mean = scores[name].reduce((sum, one) => sum + one, 0) / scores[name].length;
    $(`tally-${name}`).textContent = mean.toFixed(1);
  }
  views.score.show(scores);
}

function showFacts() {
  const mean = (list) => list.reduce((sum, one) => sum + one, 0) / (list.length || 1);
  const parts = [state.loaded];
  if (stats.ticks.length) parts.push(`one ms of all 8,192 neurons takes ${mean(stats.ticks).toFixed(2)} ms`);
  parts.push(`${Math.round(1000 / mean(stats.frames))} frames a second`);
  $("facts").textContent = `${parts.join(" · ")}.`;
}

function showCore({ core, links }) {
  if (core !== state.chosen) return;
  const labels = state.labels.subarray(core * PER_CORE, (core + 1) * PER_CORE);
  $("core-title").textContent = `Core ${core}`;
  views.graph.show(core, links);
  views.membranes.show(labels);
  if (!state.follows || state.waves > 1) views.recorder.clear();
  state.isDirty = true;
}

worker.onmessage = ({ data }) => {
  if (data.type === "ready") start(data);
  else if (data.type === "core") showCore(data);
  else if (data.type === "error") tell(data.message);
  else if (data.type === "frame") {
    state.isWaiting = false;
    kept(stats.ticks, data.milliseconds / data.ticks);
    state.news = data;
    state.levels = data.levels;
  }
};
worker.onerror = (event) => tell(event.message || "its worker could not be loaded");
theme.onChange(() => (state.isDirty = true));
