// What the reader's hands do: keys, clicks, buttons; and the first drawing.

const KEYS = [
  ["/", "search; Enter goes to the next hit, Shift+Enter to the one before"],
  ["← ↑ ↓ →", "in the graph: go to the box on that side; with Shift: pan"],
  ["Enter", "choose a box; open or close a module"],
  ["o, c", "open the chosen module; close it, or the one around the chosen box"],
  ["a, d, g", "light up ancestors, descendants, the path of the gradient"],
  ["p , .", "play or pause the backward pass; one step back; one step on"],
  ["+ − 0", "zoom in, zoom out, show the whole graph"],
  ["i, t, ?", "details; light or dark; this list"],
  ["Esc", "undo what was chosen, found or lit"],
];

/** The box on one side of another: a neighbour in the graph if there is one that way, else the nearest. */
function beside(id, key) {
  const ahead = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const middle = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return [x + width / 2, y + height / 2];
  };
  const [x, y] = middle(boxElement(id));
  const near = new Set(state.view.edges.flatMap(({ from, to }) => (from === id ? [to] : to === id ? [from] : [])));
  let best = null;
  for (const other of state.view.boxes) {
    if (other === id) continue;
    const [u, v] = middle(boxElement(other));
    const along = (u - x) * ahead[0] + (v - y) * ahead[1];
    const across = Math.abs((u - x) * ahead[1]) + Math.abs((v - y) * ahead[0]);
    if (along < 2 || across > 2 * along) continue;
    const cost = (along + 2 * across) * (near.has(other) ? 0.3 : 1);
    if (!best || cost < best.cost) best = { other, cost };
  }
  return best && best.other;
}

function keyInGraph(event) {
  const id = document.activeElement.dataset.id;
  if (event.key.startsWith("Arrow")) {
    if (event.shiftKey || !id) {
      const [x, y] = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      camera.pan(x, y);
    } else {
      const next = beside(id, event.key);
      if (!next) return true;
      focusBox(next);
      camera.show(boxElement(next));
      if (state.selected) select(next, { open: false });
    }
    return true;
  }
  if ((event.key === "Enter" || event.key === " ") && id) {
    if (graph.modules.has(id)) toggle(id);
    else select(id);
    return true;
  }
  return false;
}

function escape() {
  if (document.activeElement === $("query")) focusBox(state.hit >= 0 ? boxOf(state.hits[state.hit]) : state.view.boxes[0]);
  if (state.playing) return play(false);
  if (state.mode) return act.highlight(state.mode);
  if (state.step) return goTo(0);
  if ($("query").value) {
    $("query").value = "";
    return search();
  }
  if (state.selected) return select(null);
  return openPanel(false);
}

const SHORT = {
  "/": () => $("query").focus(),
  "?": () => help(),
  "+": () => camera.by(1.3), "=": () => camera.by(1.3), "-": () => camera.by(1 / 1.3), 0: () => camera.fit({ slow: true }),
  o: () => state.selected && state.closed.has(state.selected) && toggle(state.selected),
  c: () => {
    if (!state.selected) return;
    const own = graph.modules.has(state.selected) && !state.closed.has(state.selected);
    const id = own ? state.selected : graph.around(boxOf(state.selected)).at(-1);
    if (id) toggle(id);
  },
  a: () => state.selected && act.highlight("before"),
  d: () => state.selected && act.highlight("after"),
  g: () => state.selected && act.highlight("gradient"),
  p: () => play(), ",": () => (play(false), goTo(state.step - 1)), ".": () => (play(false), goTo(state.step + 1)),
  i: () => openPanel(document.body.classList.contains("without-panel")),
  t: () => $("theme").click(),
  Escape: escape,
};

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (typing && event.key !== "Escape") return;
  if ($("stage").contains(document.activeElement) && keyInGraph(event)) return event.preventDefault();
  if (Object.hasOwn(SHORT, event.key)) {
    event.preventDefault();
    SHORT[event.key]();
  }
});

function help() {
  $("keys").replaceChildren(...KEYS.map(([keys, words]) => h("div", {},
    h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key.replace(/(.),$/, "$1")))), h("dd", {}, words))));
  $("help").showModal();
}

// ---- Mouse and touch ------------------------------------------------------------------------------------------------

const groupAt = (event) => event.target.closest?.("g.node, g.cluster");
$("stage").addEventListener("click", (event) => {
  const group = groupAt(event);
  if (!group) return select(null, { open: false });
  if (event.target.closest(".sign")) return toggle(group.dataset.id);
  focusBox(group.dataset.id);
  select(group.dataset.id);
});
$("stage").addEventListener("dblclick", (event) => {
  const group = groupAt(event);
  if (group && !event.target.closest(".sign")) toggle(group.dataset.id);
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  nextHit(1);
});
$("query").addEventListener("input", search);
$("query").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.shiftKey) {
    event.preventDefault();
    nextHit(-1);
  }
});
const press = (id, run) => $(id).addEventListener("click", run);
press("previous", () => nextHit(-1));
press("smaller", () => camera.by(1 / 1.3));
press("larger", () => camera.by(1.3));
press("whole", () => camera.fit({ slow: true }));
press("show-panel", SHORT.i);
press("close-panel", () => (state.selected ? select(null, { open: false }) : null, openPanel(false)));
press("show-help", help);
press("cancel", () => layouts.stop());
press("play", () => play());
press("step-back", SHORT[","]);
press("step-on", SHORT["."]);
$("slider").addEventListener("input", () => (play(false), goTo(Number($("slider").value))));

// ---- Light and dark, print ------------------------------------------------------------------------------------------

function paintTheme() {
  document.documentElement.dataset.theme = dark() ? "dark" : "light";
  $("theme").setAttribute("aria-label", dark() ? "Switch to light" : "Switch to dark");
  recolour($("sheet"), dark());
  if (!state.selected) panel(); // the legend's swatches
}
press("theme", () => {
  $("theme").dataset.turned = $("theme").dataset.turned === "yes" ? "no" : "yes";
  paintTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintTheme);
addEventListener("beforeprint", () => {
  print.was = camera.transform;
  recolour($("sheet"), false);
  const { width, height } = camera.size;
  $("stage").setAttribute("viewBox", `0 0 ${width} ${height}`);
  $("sheet").removeAttribute("transform");
});
addEventListener("afterprint", () => {
  $("stage").removeAttribute("viewBox");
  camera.move(print.was);
  recolour($("sheet"), dark());
});

// ---- The beginning --------------------------------------------------------------------------------------------------

async function begin() {
  paintTheme();
  openPanel(innerWidth > 900);
  $("player").hidden = !graph.steps.length;
  $("slider").max = graph.steps.length;
  goTo(0);
  panel();
  levels();
  if (graph.nodes.size) await first();
  else say("There is nothing to draw: no ops were recorded.", true);
  document.documentElement.dataset.ready = "yes";
}

/** The first drawing: modules closed as the scene says, and more of them if that is still too much. */
async function first() {
  let closed = new Set([...graph.modules.values()].filter((module) => module.closed).map((module) => module.id));
  for (let level = graph.depth - 1; graph.view(closed).boxes.length > MOST && level >= 0; level -= 1) closed = graph.closedAt(level);
  const end = [...graph.nodes.values()].filter((node) => node.details.kind === "output").pop() || [...graph.nodes.values()].pop();
  await show(closed, { fit: true, only: part(end.id, closed) });
}

begin();
