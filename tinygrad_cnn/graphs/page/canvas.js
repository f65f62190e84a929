// The drawing: layout by Graphviz in a worker, the camera, and colours for light and dark.

class Layouts {
  // One worker, so that the page stays alive while Graphviz thinks; it is ended when it thinks for too long.
  constructor(packed) { this.packed = packed; }

  async source() {
    const bytes = Uint8Array.from(atob(this.packed), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return (this.text ||= await new Response(stream).text());
  }

  async start() {
    const work = `;const viz = Viz.instance(); onmessage = async ({ data }) => {
      try { postMessage((await viz).render(data, { format: "svg" })); }
      catch (error) { postMessage({ status: "failure", errors: [{ message: String(error) }] }); } };`;
    const url = URL.createObjectURL(new Blob([await this.source(), work], { type: "text/javascript" }));
    try { return new Worker(url); } finally { setTimeout(() => URL.revokeObjectURL(url), 10000); }
  }

  /** The layout of a graph, in SVG.  Rejects with a sentence if Graphviz refuses it or needs more than `most` ms. */
  async lay(input, most) {
    this.stop();
    const worker = (this.worker ||= await this.start());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.stop(`The layout took more than ${most / 1000} seconds and was stopped.`), most);
      this.fail = (message) => { clearTimeout(timer); this.fail = null; reject(new Error(message)); };
      worker.onerror = (event) => { event.preventDefault(); this.stop(`Graphviz failed: ${event.message}`); };
      worker.onmessage = ({ data }) => {
        const refused = data.status !== "success";
        const said = (data.errors || []).map((error) => error.message).join("; ");
        if (refused) return this.fail && this.fail(`Graphviz could not lay this out: ${said}`);
        clearTimeout(timer);
        this.fail = null;
        resolve(data.output);
      };
      worker.postMessage(input);
    });
  }

  stop(message = "The layout was stopped.") {
    if (!this.fail) return;
    this.worker.terminate();
    this.worker = null;
    this.fail(message);
  }
}

class Camera {
  constructor(stage, sheet) {
    this.stage = d3.select(stage);
    this.sheet = sheet;
    this.size = { width: 1, height: 1 };
    this.zoom = d3.zoom().scaleExtent([0.02, 6]).clickDistance(6)
      .extent(() => [[0, 0], [stage.clientWidth, stage.clientHeight]])
      .filter((event) => !event.button && (!event.ctrlKey || event.type === "wheel"))
      .on("zoom", ({ transform }) => sheet.setAttribute("transform", transform));
    this.stage.call(this.zoom).on("dblclick.zoom", null);
  }

  get transform() { return d3.zoomTransform(this.stage.node()); }
  get calm() { return matchMedia("(prefers-reduced-motion: reduce)").matches; }
  move(transform, slow) {
    const target = slow && !this.calm ? this.stage.transition().duration(220) : this.stage.interrupt();
    target.call(this.zoom.transform, transform);
  }
  by(factor) { (this.calm ? this.stage : this.stage.transition().duration(150)).call(this.zoom.scaleBy, factor); }
  pan(x, y) { this.stage.call(this.zoom.translateBy, x / this.transform.k, y / this.transform.k); }

  /** All of it, or with `least` the beginning of it at a size that can be read. */
  fit({ least = 0, slow = false } = {}) {
    const { clientWidth: w, clientHeight: h } = this.stage.node();
    const { width, height } = this.size;
    const whole = Math.min((w - 24) / width, (h - 24) / height, 1.3);
    const top = w < 700 ? 56 : 12; // on a narrow screen buttons lie there
    const k = Math.max(whole, least);
    const x = Math.max((w - width * k) / 2, width * k > w && height * k <= h ? 12 : -Infinity);
    this.move(d3.zoomIdentity.translate(x, Math.max((h - height * k) / 2, top)).scale(k), slow);
  }

  /** Where an element stands, in the stage's pixels, and how much of the stage the panel leaves free. */
  place(element) {
    const a = element.getBoundingClientRect();
    const b = this.stage.node().getBoundingClientRect();
    const over = $("panel").getBoundingClientRect(); // on a narrow screen it covers the lower part
    const h = over.height && over.x < b.right ? Math.max(over.y - b.y, 80) : b.height;
    return { x: a.x - b.x, y: a.y - b.y, width: a.width, height: a.height, w: b.width, h };
  }

  /** Pan, and zoom if it is too small to read, until an element is in view. */
  show(element) {
    const { x, y, width, height, w, h } = this.place(element);
    const { k } = this.transform;
    if (k >= 0.5 && x > 8 && y > 8 && x + width < w - 8 && y + height < h - 8) return;
    const [cx, cy] = this.transform.invert([x + width / 2, y + height / 2]);
    const wanted = Math.max(k, 0.8);
    this.move(d3.zoomIdentity.translate(w / 2 - cx * wanted, h / 2 - cy * wanted).scale(wanted), true);
  }

  /** Put the corner of an element where the corner of its predecessor was. */
  hold(element, was) {
    const is = this.place(element);
    const t = this.transform;
    this.move(d3.zoomIdentity.translate(t.x + was.x - is.x, t.y + was.y - is.y).scale(t.k));
  }
}

// Colours.  A scene is drawn for white paper.  In the dark each colour keeps its hue, and its lightness is turned over
// in OKLab, which is even to the eye; text that would then be hard to read on its ground becomes black or white.

const [linear, gamma] = [
  (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4),
  (v) => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055),
];

function rgbOf(colour) {
  rgbOf.known ||= new Map();
  if (!rgbOf.known.has(colour)) {
    const pen = (rgbOf.pen ||= document.createElement("canvas").getContext("2d"));
    pen.fillStyle = "#000";
    pen.fillStyle = colour; // names and short forms become #rrggbb or rgba(...)
    const drawn = !/^(none|transparent)$/i.test(colour);
    const hex = drawn && /^#(..)(..)(..)$/.exec(pen.fillStyle);
    rgbOf.known.set(colour, hex ? hex.slice(1).map((part) => linear(parseInt(part, 16) / 255)) : null);
  }
  return rgbOf.known.get(colour);
}

function turned(colour) {
  const rgb = rgbOf(colour);
  if (!rgb) return colour;
  const [r, g, b] = rgb;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const light = 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s;
  const pale = light > 0.85 ? 1.35 : 1; // pale tints would be lost on a dark ground
  const A = pale * (1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s);
  const B = pale * (0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s);
  const L = Math.min(1.03 - 0.8 * light, 0.96);
  const [l3, m3, s3] = [L + 0.3963377774 * A + 0.2158037573 * B, L - 0.1055613458 * A - 0.0638541728 * B,
    L - 0.0894841775 * A - 1.291485548 * B].map((v) => v ** 3);
  const out = [4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3,
    -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3, -0.0041960863 * l3 - 0.7034186147 * m3 + 1.707614701 * s3];
  return `#${out.map((v) => Math.round(255 * gamma(Math.min(Math.max(v, 0), 1))).toString(16).padStart(2, "0")).join("")}`;
}

function contrast(one, two) {
  const [a, b] = [one, two].map((c) => rgbOf(c) || [1, 1, 1]).map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05);
  return Math.max(a, b) / Math.min(a, b);
}

/** Colour a drawing, or a swatch of the legend, for the ground on which it stands. */
function recolour(root, dark) {
  const at = (element, key) => {
    const kept = element.getAttribute(`data-${key}`) ?? element.getAttribute(key);
    if (!kept || kept === "none" || kept === "transparent" || kept.startsWith("url(")) return null;
    element.setAttribute(`data-${key}`, kept);
    const wanted = dark ? turned(kept) : kept;
    element.setAttribute(key, wanted);
    return wanted;
  };
  for (const shape of root.querySelectorAll("path, polygon, polyline, ellipse, circle, rect, stop")) {
    for (const key of ["fill", "stroke", "stop-color"]) at(shape, key);
  }
  for (const text of root.querySelectorAll("text")) {
    if (!text.hasAttribute("fill")) text.setAttribute("fill", "#000000");
    const colour = at(text, "fill");
    const group = text.closest(".node, .cluster"); // what is written beside an edge stands on the page itself
    const ground = group && group.querySelector(".outline")?.getAttribute("fill");
    if (colour && ground && rgbOf(ground) && contrast(colour, ground) < 4.5) {
      text.setAttribute("fill", contrast("#ffffff", ground) > contrast("#111111", ground) ? "#ffffff" : "#111111");
    }
  }
}
