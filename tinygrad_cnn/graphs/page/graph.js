// The scene as a graph: what is visible, what depends on what, what a search finds.  Nothing here knows the page.

class Graph {
  constructor(scene) {
    this.scene = scene;
    this.nodes = new Map(scene.nodes.map((node) => [node.id, node]));
    this.modules = new Map((scene.modules || []).map((module) => [module.id, module]));
    // From tail, who makes a value, to head, who takes it.  In the scene, as in DOT, an edge with dir=back stands the
    // other way round, since that is how it is laid out.
    this.edges = scene.edges.map(({ tail, head, attributes: { dir, ...attributes } }) =>
      dir === "back" ? { tail: head, head: tail, attributes, flip: true } : { tail, head, attributes, flip: false });
    this.before = new Map();
    this.after = new Map();
    for (const { tail, head } of this.edges) {
      pushTo(this.after, tail, head);
      pushTo(this.before, head, tail);
    }
    this.chains = new Map(); // a module's id -> the ids of all modules around it and itself, outermost first
    for (const id of this.modules.keys()) this.chain(id);
    this.members = new Map([...this.modules.keys()].map((id) => [id, []])); // every node inside, however deep
    for (const node of this.nodes.values()) for (const id of this.chain(node.module)) this.members.get(id).push(node.id);
    this.depth = Math.max(0, ...[...this.modules.keys()].map((id) => this.level(id)));
    this.steps = (scene.backward || []).map((step) => step.filter((id) => this.nodes.has(id)));
    this.reached = new Set(this.steps.flat());
  }

  chain(id) {
    if (!id || !this.modules.has(id)) return [];
    if (!this.chains.has(id)) {
      const path = [];
      const seen = new Set();
      for (let at = id; at && this.modules.has(at) && !seen.has(at); at = this.modules.get(at).parent) {
        seen.add(at);
        path.unshift(at);
      }
      this.chains.set(id, path);
    }
    return this.chains.get(id);
  }

  /** 1 for the outermost modules; 0 for frames that are no module ("forward", "gradients") and stay open. */
  level(id) { return this.modules.get(id).level ?? this.chain(id).length; }

  get(id) { return this.nodes.get(id) || this.modules.get(id); }

  /** The nodes that a box stands for: itself, or everything inside a module. */
  inside(id) { return this.modules.has(id) ? this.members.get(id) : [id]; }

  /** Modules around a node or a module, outermost first, without itself. */
  around(id) { return this.modules.has(id) ? this.chain(id).slice(0, -1) : this.chain(this.nodes.get(id).module); }

  /** The box in which a node is seen: the outermost closed module that holds it, or itself. */
  boxOf(id, closed) {
    const chain = this.modules.has(id) ? this.chain(id) : this.chain(this.nodes.get(id).module);
    return chain.find((module) => closed.has(module)) || id;
  }

  /** Modules to close so that only `levels` of them are open. */
  closedAt(levels) {
    return new Set([...this.modules.keys()].filter((id) => this.level(id) > levels && this.members.get(id).length));
  }

  /** What is seen when these modules are closed: boxes, edges between them, and who stands for whom. */
  view(closed, only = null) {
    const box = new Map();
    const boxes = [];
    const seen = new Set();
    for (const id of this.nodes.keys()) {
      const at = this.boxOf(id, closed);
      box.set(id, at);
      if (!seen.has(at) && (!only || only.has(at))) {
        seen.add(at);
        boxes.push(at);
      }
    }
    const edges = [];
    const merged = new Map();
    this.edges.forEach((edge, index) => {
      const from = box.get(edge.tail);
      const to = box.get(edge.head);
      if (from === to || !seen.has(from) || !seen.has(to)) return;
      const itself = from === edge.tail && to === edge.head;
      const key = `${from} ${to} ${edge.attributes.style || ""}`;
      if (!itself && merged.has(key)) {
        const old = merged.get(key);
        old.parts.push(index);
        return;
      }
      const { label, ...attributes } = edge.attributes;
      if (itself && label) attributes.label = label;
      const made = { from, to, attributes, parts: [index], flip: edge.flip };
      if (!itself) merged.set(key, made);
      edges.push(made);
    });
    return { box, boxes, edges, closed, shown: seen };
  }

  /** The view in the form in which Viz.js takes graphs. */
  input(view, plain = false) {
    const { label, labelloc, bgcolor, ...graph } = this.scene.graph || {};
    const top = { nodes: [], subgraphs: [] };
    const frames = new Map([["", top]]);
    const home = (chain) => {
      const id = chain[chain.length - 1] || "";
      if (!frames.has(id)) {
        const module = this.modules.get(id);
        const { fontname } = graph; // nested frames do not inherit it
        const graphAttributes = { ...(fontname ? { fontname } : {}), ...tidy(module.attributes, plain, module.path), id: `frame-${id}` };
        const frame = { name: `cluster_${id}`, graphAttributes, nodes: [], subgraphs: [] };
        frames.set(id, frame);
        home(chain.slice(0, -1)).subgraphs.push(frame);
      }
      return frames.get(id);
    };
    for (const id of view.boxes) {
      const module = this.modules.get(id);
      const attributes = module ? module.collapsed : this.nodes.get(id).attributes;
      const words = module ? module.path : this.nodes.get(id).details.op || id;
      home(this.around(id)).nodes.push({ name: id, attributes: { ...tidy(attributes, plain, words), id: `box-${id}` } });
    }
    for (const row of this.scene.ranks || []) {
      if (!row.every((id) => view.shown.has(id))) continue;
      home(this.around(row[0])).subgraphs.push({ graphAttributes: { rank: "same" }, nodes: row.map((name) => ({ name })) });
    }
    return {
      directed: true,
      graphAttributes: graph,
      nodeAttributes: this.scene.node || {},
      edgeAttributes: this.scene.edge || {},
      edges: view.edges.map((edge, k) => ({
        tail: edge.flip ? edge.to : edge.from, // what stands to the right of its op is laid out as if it came after
        head: edge.flip ? edge.from : edge.to,
        attributes: { ...tidy(edge.attributes, plain, null), id: `edge-${k}`, ...(edge.flip ? { dir: "back" } : {}) },
      })),
      ...top,
    };
  }

  /** Every node that these lead to ("after"), or that leads to them ("before"), themselves included. */
  spread(ids, direction, enters = () => true) {
    const found = new Set(ids);
    const stack = [...found];
    while (stack.length) {
      const at = stack.pop();
      for (const next of this[direction].get(at) || []) {
        if (!found.has(next) && enters(next)) {
          found.add(next);
          stack.push(next);
        }
      }
    }
    return found;
  }

  /** The nodes that the gradient passes from the outputs back to these, or null if none arrives. */
  gradientPath(ids) {
    const kind = (id) => this.nodes.get(id).details.kind;
    const carries = (id) => (kind(id) === "op" && this.reached.size ? this.reached.has(id) : !["cut", "constant"].includes(kind(id)));
    let ends = [...this.nodes.keys()].filter((id) => kind(id) === "output");
    if (!ends.length) ends = [...this.nodes.keys()].filter((id) => !this.after.has(id));
    const up = this.spread(ends.filter(carries), "before", carries);
    const starts = ids.filter((id) => up.has(id));
    if (!starts.length) return null;
    return this.spread(starts, "after", (id) => up.has(id));
  }

  /** Ids of nodes and modules that hold every word, in the order of the graph. */
  search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    this.index ||= [
      ...[...this.modules.values()].map((m) => [m.id, `${m.path} ${m.class || ""} module`.toLowerCase()]),
      ...[...this.nodes.values()].map((n) => [n.id, describe(n.details).toLowerCase()]),
    ];
    return this.index.filter(([, hay]) => words.every((word) => hay.includes(word))).map(([id]) => id);
  }

  /** At most `most` boxes nearest to `start`, so that a graph without modules can still be looked at. */
  near(start, closed, most) {
    const view = this.view(closed);
    const beside = new Map();
    for (const { from, to } of view.edges) {
      pushTo(beside, from, to);
      pushTo(beside, to, from);
    }
    const found = new Set([start]);
    for (const at of found) {
      for (const next of beside.get(at) || []) if (found.size < most) found.add(next);
      if (found.size >= most) break;
    }
    return found;
  }
}

function pushTo(map, key, value) {
  if (map.has(key)) map.get(key).push(value);
  else map.set(key, [value]);
}

/** Attributes as Viz.js takes them; `plain` replaces labels in HTML by words, for when Graphviz refuses them. */
function tidy(attributes, plain, words) {
  const kept = {};
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || /^(href|url|.*href|.*url|id)$/i.test(key)) continue;
    if (plain && value && typeof value === "object") {
      if (words) kept[key] = words.replaceAll("\\", "\\\\");
    } else kept[key] = value;
  }
  return kept;
}

function describe(details) {
  const { op, name, path, kind, number, shape, dtype, parameters, site } = details;
  const settings = Object.entries(parameters || {}).map(([key, value]) => `${key}=${value}`);
  return [op, name, path, kind, number ? `#${number}` : "", `(${(shape || []).join(", ")})`, dtype, ...settings, site].join(" ");
}
