// The page: its state, what is drawn of it, and what the reader's hands do.

const $ = (id) => document.getElementById(id);
const MOST = 400; // boxes that are laid out without asking
const NEAR = 300; // boxes that are shown of a graph that has more
const PATIENCE = 60000; // ms for one layout
const { mathml, ...SCENE } = JSON.parse($("scene").textContent);
const graph = new Graph(SCENE);
const layouts = new Layouts($("graphviz").textContent);
const camera = new Camera($("stage"), $("sheet"));
const state = { closed: new Set(), selected: null, mode: null, hits: [], hit: -1, step: 0, playing: null, only: null, view: null };
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches !== ($("theme").dataset.turned === "yes");
const boxElement = (id) => document.getElementById(`box-${id}`) || document.getElementById(`frame-${id}`);
const boxOf = (id) => graph.boxOf(id, state.closed); // an open module stands for itself, as a frame

function say(words, stays = false) {
  clearTimeout(say.timer);
  $("message").textContent = words;
  $("message").hidden = !words;
  if (words && !stays) say.timer = setTimeout(() => ($("message").hidden = true), 6000);
}

function ask(words) {
  $("ask-words").textContent = words;
  $("ask").returnValue = "no";
  $("ask").showModal();
  return new Promise((done) => $("ask").addEventListener("close", () => done($("ask").returnValue === "yes"), { once: true }));
}

// ---- Layout -------------------------------------------------------------------------------------------------------

/** Lay out and draw with these modules closed.  `anchor` is the node or module that should not move under the eye. */
async function show(closed, { anchor = null, only = null, fit = false, asked = false } = {}) {
  const view = graph.view(closed, only);
  if (view.boxes.length > MOST && !asked) {
    const count = view.boxes.length.toLocaleString("en");
    if (!(await ask(`That makes ${count} boxes. To lay them out may take a minute, and few readers find a way through.`))) return false;
  }
  const was = anchor && state.view && boxElement(boxOf(anchor)) ? camera.place(boxElement(boxOf(anchor))) : null;
  const inGraph = $("stage").contains(document.activeElement);
  const turn = (show.turn = (show.turn || 0) + 1);
  const patience = setTimeout(() => {
    $("busy-words").textContent = `Laying out ${plural(view.boxes.length, "box").replace("boxs", "boxes")} …`;
    $("busy").hidden = false;
  }, 300);
  try {
    let svg;
    try {
      svg = await layouts.lay(graph.input(view), PATIENCE);
    } catch (error) {
      if (!/Graphviz could not/.test(error.message)) throw error;
      svg = await layouts.lay(graph.input(view, true), PATIENCE); // without labels in HTML
    }
    if (turn !== show.turn) return false;
    Object.assign(state, { closed, only, view });
    place(svg);
  } catch (error) {
    if (turn === show.turn) say(error.message, true);
    return false;
  } finally {
    clearTimeout(patience);
    if (turn === show.turn) $("busy").hidden = true;
  }
  paint();
  levels();
  const now = anchor && boxElement(boxOf(anchor));
  if (fit || !now) camera.fit({ least: 0.75 });
  else if (was) camera.hold(now, was);
  if (inGraph) focusBox(boxOf(state.selected && boxElement(boxOf(state.selected)) ? state.selected : state.view.boxes[0]));
  document.documentElement.dataset.boxes = view.boxes.length;
  return true;
}

/** Put Graphviz's drawing onto the sheet, as boxes that can be read out, focused and chosen. */
function place(svg) {
  const root = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const [, , width, height] = root.getAttribute("viewBox").split(/[\s,]+/).map(Number);
  camera.size = { width, height };
  const drawing = root.querySelector("g.graph");
  drawing.querySelectorAll("title, script, foreignObject").forEach((element) => element.remove());
  drawing.querySelectorAll(":scope > polygon, :scope > text").forEach((element) => element.remove());
  $("sheet").replaceChildren(document.importNode(drawing, true));
  for (const group of $("sheet").querySelectorAll("g.node, g.cluster")) {
    const id = group.id.replace(/^(box|frame)-/, "");
    const open = group.classList.contains("cluster");
    group.dataset.id = id;
    group.querySelector(":scope > :is(path, polygon, ellipse)")?.classList.add("outline");
    if (!graph.get(id)) continue;
    group.setAttribute("role", "button");
    group.setAttribute("tabindex", "-1");
    group.setAttribute("aria-label", spoken(graph.get(id), graph));
    if (graph.modules.has(id)) {
      group.setAttribute("aria-expanded", String(open));
      group.append(sign(group, open));
    }
  }
  for (const group of $("sheet").querySelectorAll("g.edge")) group.setAttribute("aria-hidden", "true");
  recolour($("sheet"), dark());
  const first = $("sheet").querySelector("g.node");
  if (first) first.setAttribute("tabindex", "0");
  $("stage").setAttribute("aria-label", `Graph of ${state.view.boxes.length} boxes. Arrow keys move between boxes, Enter chooses.`);
}

/** The small plus or minus at the corner of a module. */
function sign(group, open) {
  const { x, y, width } = group.getBBox();
  const [cx, cy] = open ? [x + width - 14, y + 14] : [x + width + 2, y - 2];
  const cross = `M${cx - 4} ${cy}h8${open ? "" : `M${cx} ${cy - 4}v8`}`;
  return draw("g", { class: "sign" }, draw("circle", { cx, cy, r: 15, class: "reach" }),
    draw("circle", { cx, cy, r: 8, class: "disc" }), draw("path", { d: cross, class: "cross" }));
}

// ---- What is coloured and what is said ------------------------------------------------------------------------------

function litNodes() {
  if (!state.selected || !state.mode) return null;
  const ids = graph.inside(state.selected);
  return state.mode === "gradient" ? graph.gradientPath(ids) : graph.spread(ids, state.mode);
}

/** Give every box and arrow the classes that the state asks for. */
function paint() {
  const { view } = state;
  if (!view) return;
  const boxes = (ids) => new Set([...ids].map((id) => view.box.get(id) || graph.boxOf(id, state.closed)));
  const lit = litNodes();
  const litBoxes = lit && boxes(lit);
  const hits = new Set(state.hits.map(boxOf));
  const done = boxes(graph.steps.slice(0, Math.max(state.step - 1, 0)).flat());
  const current = boxes(state.step ? graph.steps[state.step - 1] : []);
  const chosen = state.selected && boxOf(state.selected);
  for (const group of $("sheet").querySelectorAll("g.node, g.cluster")) {
    const { id } = group.dataset;
    const node = group.classList.contains("node");
    group.classList.toggle("selected", id === chosen);
    group.classList.toggle("hit", hits.has(id));
    group.classList.toggle("found", state.hit >= 0 && id === boxOf(state.hits[state.hit]));
    group.classList.toggle("dim", node && (litBoxes ? !litBoxes.has(id) : state.step > 0 && !done.has(id) && !current.has(id)));
    group.classList.toggle("lit", node && Boolean(litBoxes) && litBoxes.has(id));
    group.classList.toggle("reached", node && !current.has(id) && done.has(id));
    group.classList.toggle("current", node && current.has(id));
  }
  view.edges.forEach((edge, k) => {
    const on = lit && edge.parts.some((part) => lit.has(graph.edges[part].tail) && lit.has(graph.edges[part].head));
    const passed = state.step > 0 && (done.has(edge.to) || current.has(edge.to));
    const group = document.getElementById(`edge-${k}`);
    if (!group) return; // an invisible arrow, which only holds boxes in their places
    group.classList.toggle("lit", Boolean(on));
    group.classList.toggle("dim", lit ? !on : state.step > 0 && !passed);
  });
}

function panel(focus = false) {
  const contents = state.selected ? detailsOf(graph, state.selected, state, act) : overview(graph, state, act, dark());
  $("contents").replaceChildren(...contents.flat(3).filter(Boolean));
  $("panel").scrollTop = 0;
  if (focus) $("heading").focus();
}

function openPanel(open) {
  document.body.classList.toggle("without-panel", !open);
  $("show-panel").setAttribute("aria-expanded", String(open));
}

const act = {
  mathml: mathml || {},
  /** Choose a node or module; it is shown if it is seen, or opened up to. */
  async go(id) { if (await reveal(id)) select(id, { look: true }); },
  toggle(id) { return toggle(id); },
  highlight(mode) {
    state.mode = state.mode === mode ? null : mode;
    if (state.mode === "gradient" && !litNodes()) {
      state.mode = null;
      say(graph.get(state.selected).details.explain || `No gradient reaches ${called(graph.get(state.selected))}.`);
    }
    paint();
    const focused = document.activeElement.textContent;
    panel();
    for (const button of $("contents").querySelectorAll(".buttons button")) if (button.textContent === focused) button.focus();
  },
};

function select(id, { look = false, focus = false, open = true } = {}) {
  if (id !== state.selected) state.mode = null;
  state.selected = id;
  paint();
  if (id && open) openPanel(true);
  panel(focus);
  const element = id && boxElement(boxOf(id));
  if (element && look) camera.show(element);
}

function focusBox(id) {
  const element = id && boxElement(id);
  if (!element) return;
  for (const old of $("sheet").querySelectorAll("[tabindex='0']")) old.setAttribute("tabindex", "-1");
  element.setAttribute("tabindex", "0");
  element.focus({ preventScroll: true });
}

async function toggle(id) {
  if (!graph.modules.has(id)) return;
  const closed = new Set(state.closed);
  if (!closed.delete(id)) closed.add(id);
  const inner = closed.has(id) ? id : graph.inside(id)[0];
  if (await show(closed, { anchor: id, only: part(inner, closed) })) select(id, { open: false });
}

/** All boxes (null) if they are few enough, else those around one of them. */
function part(id, closed) {
  const count = graph.view(closed).boxes.length;
  if (count <= MOST) return null;
  const only = graph.near(graph.boxOf(id, closed), closed, NEAR);
  say(`Shown are the ${only.size} boxes nearest to ${called(graph.get(id))}, of ${count.toLocaleString("en")}. Search goes to the others.`);
  return only;
}

/** Open the closed modules around a node or module, so that it is drawn itself. */
async function reveal(id) {
  const closed = new Set(state.closed);
  let changed = false;
  for (const module of graph.around(id)) changed = closed.delete(module) || changed;
  if (!changed && (!state.only || state.only.has(graph.boxOf(id, closed)))) return true;
  return show(closed, { anchor: graph.around(id).find((m) => state.closed.has(m)) || id, only: part(id, closed) });
}

// ---- Levels, search, the backward pass ------------------------------------------------------------------------------

function levels() {
  const same = (a, b) => a.size === b.size && [...a].every((id) => b.has(id));
  const names = [["Close all", graph.closedAt(0)]];
  for (let level = 1; level < graph.depth && level <= 4; level += 1) names.push([String(level), graph.closedAt(level)]);
  names.push(["Open all", new Set()]);
  $("levels").hidden = !graph.modules.size;
  const focused = document.activeElement.textContent;
  const inside = $("levels").contains(document.activeElement);
  $("levels").replaceChildren(...names.map(([words, closed]) => h("button", {
    type: "button", "aria-pressed": String(same(closed, state.closed)),
    "aria-label": /\d/.test(words) ? `Open ${plural(Number(words), "level")} of modules` : null,
    onclick: async () => { if (await show(closed, { fit: true, asked: closed.size > 0 && graph.view(closed).boxes.length <= MOST })) panel(); },
  }, words)));
  if (inside) [...$("levels").children].find((button) => button.textContent === focused)?.focus();
}

function search() {
  state.hits = graph.search($("query").value);
  state.hit = -1;
  const asked = $("query").value.trim();
  $("hits").textContent = asked ? (state.hits.length ? plural(state.hits.length, "hit") : "nothing found") : "";
  $("previous").disabled = $("next").disabled = !state.hits.length;
  paint();
}

async function nextHit(step) {
  if (!state.hits.length) return;
  state.hit = (state.hit + step + state.hits.length + (state.hit < 0 && step < 0 ? 1 : 0)) % state.hits.length;
  const id = state.hits[state.hit];
  $("hits").textContent = `${state.hit + 1} of ${state.hits.length}`;
  if (await reveal(id)) select(id, { look: true, open: innerWidth > 700 });
}

function stepWords(step) {
  const total = graph.steps.length;
  if (!step) return `${plural(total, "step")}, from the result back to what it was made from.`;
  const all = graph.steps[step - 1].map((id) => graph.nodes.get(id).details);
  const ops = all.filter(({ kind }) => kind === "op").map(({ op, path, formulas: rules }) => {
    const words = (rules || []).map(({ input, plain }) => `for ${input}: ${plain}`).join("; ");
    return `${op}${path && path !== op ? ` in ${path}` : ""}${words ? ` — ${words}` : ""}`;
  });
  const leaves = all.filter(({ kind }) => kind !== "op").map((details) => details.name || details.op || details.kind);
  if (leaves.length) ops.push(`${ops.length ? "and " : ""}the gradient of ${leaves.join(", ")}`);
  return `Step ${step} of ${total}: ${ops.join(" · ")}`;
}

function goTo(step, look = true) {
  state.step = Math.min(Math.max(step, 0), graph.steps.length);
  $("slider").value = state.step;
  const words = stepWords(state.step);
  $("step-words").textContent = words;
  $("slider").setAttribute("aria-valuetext", words);
  if (state.step) state.mode = null;
  paint();
  const at = state.step && look && graph.steps[state.step - 1].map((id) => boxElement(boxOf(id))).find(Boolean);
  if (at) camera.show(at);
}

function play(on = !state.playing) {
  clearInterval(state.playing);
  state.playing = null;
  if (on && graph.steps.length) {
    if (state.step >= graph.steps.length) goTo(0);
    state.playing = setInterval(() => (state.step < graph.steps.length ? goTo(state.step + 1) : play(false)), 900);
    goTo(state.step + 1);
  }
  $("play").textContent = state.playing ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", state.playing ? "Pause the backward pass" : "Play the backward pass");
}
