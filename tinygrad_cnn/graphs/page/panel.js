// The side panel: what is known about a node, a module, or the whole graph.

/** An element with properties, listeners (onclick: ...) and children; text is always text, never markup. */
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

function figure(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

function scaled(value, unit, steps = ["", "k", "M", "G", "T"]) {
  let k = 0;
  while (Math.abs(value) >= 1000 && k < steps.length - 1) {
    value /= 1000;
    k += 1;
  }
  return `${k ? value.toPrecision(3) : figure(value)} ${steps[k]}${unit}`;
}

const share = (value) => (value === 0 ? "0 %" : value < 0.001 ? "< 0.1 %" : `${(100 * value).toFixed(1)} %`);
const duration = (seconds) =>
  seconds >= 1 ? `${seconds.toPrecision(3)} s` : seconds >= 1e-3 ? `${(seconds * 1e3).toPrecision(3)} ms`
    : `${(seconds * 1e6).toPrecision(3)} µs`;
const sides = (shape) => (shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "() one number");

/** What a node or a module is called, in a word or two. */
function called(item) {
  if (item.path !== undefined && item.details && item.collapsed) return item.path || item.class || "module";
  const { op, name, path, kind } = item.details;
  return (kind === "op" ? op || name : name || op || path) || kind || item.id;
}

/** One line that tells a box apart from its neighbours, for screen readers. */
function spoken(item, graph) {
  const d = item.details || {};
  if (graph.modules.has(item.id)) {
    return `module ${item.path}${item.class ? `, ${item.class}` : ""}, ${plural(graph.inside(item.id).length, "node")}`;
  }
  const where = d.path && d.path !== called(item) ? `in ${d.path}` : "";
  return [d.kind === "op" ? "" : d.kind, called(item), where, d.shape ? `shape ${d.shape.join(" by ") || "scalar"}` : "",
    ...(d.warnings || [])].filter(Boolean).join(", ");
}

/** A histogram as a drawing: counts as bars, the ends and zero marked below. */
function histogram({ low, high, counts }, title) {
  const [w, tall] = [280, 72];
  const most = Math.max(1, ...counts);
  const step = w / counts.length;
  const bars = counts.map((count, k) => {
    const size = count ? Math.max((count / most) * tall, 1) : 0;
    const bar = draw("rect", { x: k * step + 0.5, y: tall - size, width: Math.max(step - 1, 0.5), height: size, class: "bar" });
    const from = low + ((high - low) * k) / counts.length;
    bar.append(draw("title", {}, `${figure(from)} to ${figure(from + (high - low) / counts.length)}: ${plural(count, "value")}`));
    return bar;
  });
  const zero = low < 0 && high > 0 ? (w * -low) / (high - low) : null;
  const marks = zero === null ? [] : [
    draw("line", { x1: zero, x2: zero, y1: 0, y2: tall + 3, class: "zero" }),
    ...(zero > 60 && zero < w - 60 ? [draw("text", { x: zero, y: tall + 15, "text-anchor": "middle" }, "0")] : []),
  ];
  const words = `${title}: histogram from ${figure(low)} to ${figure(high)}, the fullest of ${counts.length} bins holds ${most}`;
  return draw("svg", { viewBox: `0 0 ${w} ${tall + 20}`, class: "histogram", role: "img", "aria-label": words },
    ...bars, draw("line", { x1: 0, x2: w, y1: tall, y2: tall, class: "axis" }), ...marks,
    draw("text", { x: 0, y: tall + 15 }, figure(low)), draw("text", { x: w, y: tall + 15, "text-anchor": "end" }, figure(high)));
}

function statistics(title, stats, className) {
  if (!stats) return null;
  const rows = [["mean", figure(stats.mean)], ["deviation", figure(stats.std)], ["smallest", figure(stats.min)],
    ["largest", figure(stats.max)], ["norm", figure(stats.norm)], ["zeros", share(stats.zeros || 0)]];
  if (stats.nan) rows.push(["NaN", share(stats.nan)]);
  if (stats.inf) rows.push(["infinite", share(stats.inf)]);
  const counts = stats.histogram && stats.histogram.counts;
  return h("section", { class: `statistics ${className}` }, h("h3", {}, title),
    counts && counts.length ? histogram(stats.histogram, title) : null,
    h("dl", { class: "facts two" }, rows.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value)))));
}

/** MathML that was made when the page was written; only its own elements and harmless attributes are let in. */
function formula(latex, plain, mathml) {
  const space = "http://www.w3.org/1998/Math/MathML";
  const tree = mathml ? new DOMParser().parseFromString(mathml, "application/xml").documentElement : null;
  if (!tree || tree.namespaceURI !== space || tree.localName !== "math") return h("code", {}, plain || latex || "");
  for (const element of [tree, ...tree.querySelectorAll("*")]) {
    if (element.namespaceURI !== space) return h("code", {}, plain);
    for (const { name } of [...element.attributes]) if (/^on|href|src|style/i.test(name)) element.removeAttribute(name);
  }
  tree.setAttribute("aria-label", plain);
  return h("span", { class: "math", title: plain }, document.importNode(tree, true));
}

function formulas(details, mathml) {
  if (!details.formulas || !details.formulas.length) return null;
  return h("section", {}, h("h3", {}, "Rule of its gradient"), h("dl", { class: "rules" },
    details.formulas.map(({ input, plain, latex }) => h("div", {}, h("dt", {}, `for ${input}`),
      h("dd", {}, formula(latex, plain, mathml[latex]))))));
}

function facts(details, extra) {
  const rows = [...extra];
  if (details.name && details.name !== details.op) rows.push(["name", details.name]);
  if (details.shape) rows.push(["shape", sides(details.shape)]);
  if (details.dtype) rows.push(["dtype", details.dtype]);
  for (const [key, value] of Object.entries(details.parameters || {})) rows.push([key, String(value)]);
  if (details.params) rows.push(["parameters", details.params.toLocaleString("en")]);
  if (details.cost) rows.push(["cost", `${scaled(details.cost.flop, "FLOP")}, ${scaled(details.cost.bytes, "B")} moved`]);
  if (typeof details.seconds === "number") rows.push(["time", duration(details.seconds)]);
  if (typeof details.memory === "number") rows.push(["memory", scaled(details.memory, "B")]);
  if (details.site) rows.push(["made at", h("code", {}, details.site)]);
  return h("dl", { class: "facts" }, rows.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))));
}

/** Everything about one node or module; `act` holds what the buttons do. */
function detailsOf(graph, id, state, act) {
  const item = graph.get(id);
  const details = item.details || {};
  const module = graph.modules.has(id);
  const around = graph.around(id);
  const button = (words, key, run, pressed) => h("button", {
    type: "button", onclick: run, "aria-keyshortcuts": key, title: `${words} (key ${key})`,
    "aria-pressed": pressed === undefined ? null : String(pressed) }, words);
  const goto = (other) => h("li", {}, h("button", { type: "button", class: "link", onclick: () => act.go(other) },
    called(graph.get(other)), graph.get(other).details.shape ? h("span", { class: "soft" }, ` ${sides(graph.get(other).details.shape)}`) : ""));
  const list = (title, ids) => ids.length ? h("section", {}, h("h3", {}, title), h("ul", { class: "links" },
    [...new Set(ids)].slice(0, 60).map(goto), ids.length > 60 ? h("li", { class: "soft" }, `and ${ids.length - 60} more`) : null)) : null;
  const closed = state.closed.has(id);
  return [
    h("div", { class: "path" }, around.map((m) => [h("button", { type: "button", class: "link", onclick: () => act.go(m) },
      graph.modules.get(m).path.split(".").pop() || "module"), h("span", { "aria-hidden": "true" }, "›")])),
    h("h2", { tabindex: "-1", id: "heading" }, called(item),
      h("span", { class: "kind" }, module ? item.class || "module" : details.number ? `${details.kind} #${details.number}` : details.kind)),
    (details.warnings || []).map((words) => h("p", { class: "warning" }, words)),
    details.explain ? h("p", { class: "note" }, details.explain) : null,
    h("div", { class: "buttons" },
      module ? button(closed ? "Open" : "Close", closed ? "o" : "c", () => act.toggle(id)) : null,
      button("Ancestors", "a", () => act.highlight("before"), state.mode === "before"),
      button("Descendants", "d", () => act.highlight("after"), state.mode === "after"),
      button("Gradient path", "g", () => act.highlight("gradient"), state.mode === "gradient")),
    facts(details, module ? [["holds", plural(graph.inside(id).length, "node")]] : []),
    statistics("Gradient", details.gradient, "gradient"),
    statistics("Values", details.values, "values"),
    formulas(details, act.mathml),
    module ? list("Inside", graph.inside(id)) : [list("Comes from", graph.before.get(id) || []), list("Goes to", graph.after.get(id) || [])],
  ];
}

/** What the panel says while nothing is chosen: notes, legend, and the modules as a list. */
function overview(graph, state, act, dark) {
  const { scene } = graph;
  const ops = [...graph.nodes.values()].filter((node) => node.details.kind === "op");
  const parameters = [...graph.nodes.values()].filter((node) => node.details.kind === "parameter");
  const size = parameters.reduce((sum, { details }) => sum + (details.shape || []).reduce((a, b) => a * b, 1), 0);
  const counts = [plural(ops.length, "op")];
  if (parameters.length) counts.push(`${plural(parameters.length, "parameter")} (${plural(size, "number")})`);
  if (graph.modules.size) counts.push(plural(graph.modules.size, "module"));
  const swatch = ([colour, words]) => {
    const box = draw("svg", { viewBox: "0 0 28 16", class: "swatch", "aria-hidden": "true" },
      draw("rect", { x: 0.5, y: 0.5, width: 27, height: 15, rx: 3, fill: colour, stroke: "#777777" }));
    recolour(box, dark);
    return h("li", {}, box, h("span", {}, words));
  };
  const modules = [...graph.modules.values()].slice(0, 300);
  return [
    h("h2", { tabindex: "-1", id: "heading" }, "Overview"),
    h("p", {}, `${counts.join(", ")}.`),
    h("p", { class: "soft" }, "Choose a box to read about it. Double-click a module, or press Enter on it, to open or close it. ",
      h("kbd", {}, "?"), " lists the keys."),
    (scene.notes || []).map((words) => h("p", { class: "note" }, words)),
    scene.legend && scene.legend.length ? h("section", {}, h("h3", {}, "Legend"), h("ul", { class: "legend" }, scene.legend.map(swatch))) : null,
    modules.length ? h("section", {}, h("h3", {}, "Modules"), h("ul", { class: "links modules" }, modules.map((module) =>
      h("li", { style: `--level: ${graph.chain(module.id).length - 1}` },
        h("button", { type: "button", class: "link", onclick: () => act.go(module.id) }, module.path || "module",
          module.class ? h("span", { class: "soft" }, ` ${module.class}`) : ""))))) : null,
  ];
}
