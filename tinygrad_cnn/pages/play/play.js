// The page to play with: sends what is drawn, one request at a time and the latest wins, and shows the answer.

import { Pad } from "./draw.js";
import { Maps, bytesOf, grid, saliency, volume } from "./maps.js";

const SHOWN = 10;  // bars, where there are more than 20 classes
const $ = (id) => document.getElementById(id);
const about = await ask("about");
const many = about.classes.length > 20;
const bars = [], stages = [];
let chosen = null;  // class whose gradient is shown
let inside = 1;  // the layer whose maps are shown side by side; 0 is the input
let answer = null, waiting = null, running = false, truth = null, said = 0;

// -- questions ------------------------------------------------------------------------------------------------

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The program that answers has ended. Start it again with: tinygrad-cnn play RUN");
  }
  const value = await response.json();
  if (!response.ok) throw new Error(value.error);
  return value;
}

function complain(error) {
  $("error").textContent = error?.message ?? "";
  $("error").hidden = !error;
}

function base64(bytes) {
  let text = "";
  for (let k = 0; k < bytes.length; k += 32768) text += String.fromCharCode(...bytes.subarray(k, k + 32768));
  return btoa(text);
}

// Ask about what the pad shows now.  While an answer is on its way, only the latest change waits.
async function update(began) {
  waiting = began;
  if (running) return;
  running = true;
  document.querySelector("main").ariaBusy = "true";
  try {
    while (waiting !== null) {
      const start = waiting;
      waiting = null;
      const { shape, bytes, paper } = pad.pixels();
      const body = JSON.stringify({ shape, pixels: base64(bytes), paper, class: chosen });
      answer = await ask("answer", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      complain(null);
      show();
      if (pad.empty) continue;
      performance.measure("answer", { start });
      const time = performance.now() - start;
      $("speed").textContent = `Answered in ${time.toFixed(0)} ms, ${answer.milliseconds.toFixed(1)} ms of it in the network.`;
    }
  } catch (error) {
    complain(error);
  } finally {
    running = false;
    document.querySelector("main").ariaBusy = "false";
  }
}

// -- the answer -----------------------------------------------------------------------------------------------

const percent = (p) => (p > 0.9995 ? "100" : p >= 0.1 ? (100 * p).toFixed(1) : p >= 0.0005 ? (100 * p).toFixed(2) : "0") + " %";

function show() {
  const blank = !answer || answer.empty || pad.empty;
  const p = blank ? about.classes.map(() => 0) : answer.probabilities;
  const order = p.map((_, k) => k).sort((a, b) => p[b] - p[a]);
  const [best, second] = order;
  const name = (k) => about.classes[k];
  bars.forEach((bar, n) => {
    const k = many ? order[n] : n;
    bar.label = k;
    bar.querySelector(".name").textContent = name(k);
    bar.querySelector(".fill").style.transform = `translateX(${100 * (p[k] - 1)}%)`;
    bar.querySelector(".share").textContent = blank ? "" : percent(p[k]);
    bar.classList.toggle("best", !blank && k === best);
    bar.setAttribute("aria-pressed", String(k === chosen));
  });
  $("best").textContent = blank ? "?" : name(best);
  $("best").classList.toggle("long", !blank && name(best).length > 2);
  $("best").classList.toggle("unsure", blank || p[best] < 0.6);
  let words = pad.empty ? "Draw something" : "Nothing to see yet";
  if (!blank) words = percent(p[best]) + (p[second] >= 0.0005 ? `, then ${name(second)} with ${percent(p[second])}` : "");
  if (!blank && truth !== null) words += best === about.classes.indexOf(truth) ? ". Right!" : `. It is ${truth}.`;
  $("sure").textContent = words;
  clearTimeout(said);
  said = setTimeout(() => { $("live").textContent = blank ? words : `${name(best)}, ${words}`; }, 600);
  $("undo").disabled = $("clear").disabled = pad.empty;
  $("volumes").classList.toggle("idle", blank);
  if (blank) $("overlay").width = 0;
  else saliency($("overlay"), $("paper").width, answer, pad.place, palette());
  layers();
}

// What the colours over the drawing mean; changes with the chosen class only.
function legend() {
  const swatch = (side) => `<span class="swatch" style="background:var(--${side})"></span>`;
  const more = about.bright ? "more ink" : "brighter pixels";
  $("legend").innerHTML = chosen === null
    ? "Choose a class to see which pixels speak for it and which against."
    : `${swatch("for")} Here ${more} would speak for <b></b>, ${swatch("against")} against it: the gradient of its logit.`;
  if (chosen !== null) $("legend").querySelector("b").textContent = about.classes[chosen];
}

// Colours of the style sheet as the browser has resolved them, light or dark; asked for once, since that takes time.
let colours = null;

function palette() {
  if (colours) return colours;
  const probe = $("live");
  const css = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const rgb = (name) => css(name).match(/[\d.]+/g).slice(0, 3).map(Number);
  colours = { for: rgb("--for"), against: rgb("--against"), frame: css("--edge") };
  return colours;
}

// -- layers ---------------------------------------------------------------------------------------------------

function layers() {
  if (!answer) return;
  const line = palette().frame;
  const all = [{ ...answer.input, title: "input", isInput: true }, ...answer.layers];
  if (stages.length !== all.length) build(all);
  const widest = Math.max(...about.shape.slice(0, 2));
  all.forEach((layer, n) => {
    const { maps, canvas } = stages[n];
    const last = n === all.length - 1 && about.classes.length <= 20;
    volume(canvas, maps.take(layer), widest, line, last ? about.classes : []);
  });
  look();
}

function look() {
  const stage = stages[inside];
  if (!stage?.maps.shape) return;
  const { maps } = stage;
  stages.forEach(({ button }, n) => button.setAttribute("aria-pressed", String(n === inside)));
  const [total, kind] = [maps.shape.at(-1), maps.flat ? "numbers" : "maps"];
  const part = maps.isInput ? "what the network sees" : maps.count < total ? `the first ${maps.count} of ${total} ${kind}` : total === 1 ? "one map" : `${total} ${kind}`;
  $("inside-title").textContent = `${maps.title}, ${maps.shape.join("x")}: ${part}`;
  const [low, high] = maps.ramp($("ramp"));
  $("low").textContent = low.toPrecision(2);
  $("high").textContent = high.toPrecision(2);
  grid($("inside"), maps, palette().frame);
}

function build(all) {
  stages.length = 0;
  $("volumes").replaceChildren();
  inside = Math.min(inside, all.length - 1);
  all.forEach((layer, n) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "stage";
    const canvas = document.createElement("canvas");
    const title = Object.assign(document.createElement("span"), { className: "title", textContent: layer.title });
    const shape = Object.assign(document.createElement("span"), { className: "shape", textContent: layer.shape.join("x") });
    button.append(canvas, title, shape);
    button.addEventListener("click", () => { inside = n; look(); });
    if (n) $("volumes").append(Object.assign(document.createElement("span"), { className: "arrow", textContent: "→", ariaHidden: "true" }));
    $("volumes").append(button);
    stages.push({ button, canvas, maps: new Maps() });
  });
}

// -- controls -------------------------------------------------------------------------------------------------

for (let n = 0; n < (many ? SHOWN : about.classes.length); n++) {
  const bar = document.createElement("button");
  bar.type = "button";
  bar.className = "bar";
  bar.innerHTML = '<span class="name"></span><span class="track"><div class="fill"></div></span><span class="share"></span>';
  bar.addEventListener("click", () => {
    chosen = chosen === bar.label ? null : bar.label;
    legend();
    show();
    update(performance.now());
  });
  bars.push(bar);
}
$("bars").append(...bars);
$("bars").style.setProperty("--names", `${Math.min(9, Math.max(...about.classes.map((name) => name.length)) * 0.62)}em`);

const pad = new Pad($("paper"), {
  channels: about.shape[2],
  changed(began) { truth = null; update(began); },
});
$("pad").classList.toggle("colour", about.shape[2] > 1);
$("colour-label").hidden = about.shape[2] === 1;
$("sample").hidden = !about.samples;
$("model").textContent = about.model;
document.title = `Play with ${about.model}`;
$("about").textContent = `${about.run}: ${about.parameters.toLocaleString("en")} parameters, trained on ${about.data}`;
const digits = ["digits", "mnist"].includes(about.data);
$("hint").textContent = digits ? "Draw a digit here" : "Draw here, or drop a picture";
$("note").textContent = about.data === "digits"
  ? "The people who wrote its digits crossed their sevens. Try yours both ways." : "";

$("clear").addEventListener("click", () => { complain(null); pad.clear(); });
$("undo").addEventListener("click", () => pad.undo());
$("thickness").addEventListener("input", (event) => { pad.thickness = event.target.value / 100; });
$("colour").addEventListener("input", (event) => { pad.colour = event.target.value; });
$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", (event) => { upload(event.target.files[0]); event.target.value = ""; });
$("sample").addEventListener("click", async () => {
  try {
    const { shape, pixels, label } = await ask("sample");
    pad.show(shape, bytesOf(pixels));
    truth = label;
    complain(null);
  } catch (error) {
    complain(error);
  }
});

async function upload(file) {
  if (!file) return;
  try {
    if (file.size > about.upload) {
      throw new Error(`${file.name} has ${file.size.toLocaleString("en")} bytes; at most ${about.upload.toLocaleString("en")} are taken.`);
    }
    const type = file.type || "application/octet-stream";
    const { shape, pixels } = await ask("picture", { method: "POST", headers: { "Content-Type": type }, body: file });
    complain(null);
    pad.show(shape, bytesOf(pixels));
  } catch (error) {
    complain(error);
  }
}

addEventListener("dragover", (event) => { event.preventDefault(); $("drop").hidden = false; });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").hidden = true; });
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").hidden = true;
  upload(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => upload(event.clipboardData.files[0]));
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !pad.empty) { event.preventDefault(); pad.undo(); }
});
addEventListener("resize", () => show());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = null; show(); });
legend();
show();
update(performance.now());
