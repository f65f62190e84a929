// The drawing pad: strokes of mouse, finger, pen or keyboard, on paper or on a picture, and their pixels.

const SIDE = 128;  // pixels of what is sent, along each side

export class Pad {
  // `changed(began)` is called after each change, with the time of the event that made it.
  constructor(canvas, { channels, changed }) {
    this.canvas = canvas;
    this.channels = channels;
    this.changed = changed;
    this.strokes = [];
    this.picture = null;  // {shape, pixels, canvas}
    this.thickness = 0.08;  // of the pad's side
    this.colour = "#1a1e25";
    this.small = document.createElement("canvas");
    this.context = this.small.getContext("2d", { willReadFrequently: true });
    this.pen = null;  // where the keyboard's pen is: {x, y, down}
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => { if (event.pointerId === this.pointer) this.pointer = null; });
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => { if (this.pen) { this.pen = null; this.paint(); } });
    new ResizeObserver(() => this.paint()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  get empty() { return !this.strokes.length && !this.picture; }

  // Where the picture lies on the pad, as shares of its side; a drawing has all of it.
  get place() {
    if (!this.picture) return { x: 0, y: 0, w: 1, h: 1 };
    const [height, width] = this.picture.shape;
    const scale = 1 / Math.max(height, width);
    return { x: (1 - width * scale) / 2, y: (1 - height * scale) / 2, w: width * scale, h: height * scale };
  }

  clear() { this.strokes = []; this.picture = null; this.#done(performance.now()); }

  undo() {
    if (this.strokes.length) this.strokes.pop();
    else this.picture = null;
    this.#done(performance.now());
  }

  show(shape, bytes) {
    const [height, width, channels] = shape;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const image = new ImageData(width, height);
    for (let k = 0; k < width * height; k++) {
      for (let c = 0; c < 3; c++) image.data[4 * k + c] = bytes[k * channels + (channels > 1 ? c : 0)];
      image.data[4 * k + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.strokes = [];
    this.picture = { shape, bytes, canvas };
    this.#done(performance.now());
  }

  // What is sent: {shape, bytes, paper}.  A picture without strokes goes as it came.
  pixels() {
    if (this.picture && !this.strokes.length) {
      return { shape: this.picture.shape, bytes: this.picture.bytes, paper: null };
    }
    const { x, y, w, h } = this.place;
    const side = this.picture ? 2 * SIDE : SIDE;
    const width = Math.max(1, Math.round(w * side)), height = Math.max(1, Math.round(h * side));
    this.small.width = width;
    this.small.height = height;
    const context = this.context;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    if (this.picture) context.drawImage(this.picture.canvas, 0, 0, width, height);
    context.setTransform(side, 0, 0, side, -x * side, -y * side);
    for (const stroke of this.strokes) trace(context, stroke, this.channels > 1 ? stroke.colour : "#000");
    context.resetTransform();
    const image = context.getImageData(0, 0, width, height).data;
    const bytes = new Uint8Array(width * height * this.channels);
    for (let k = 0; k < width * height; k++) {
      for (let c = 0; c < this.channels; c++) bytes[k * this.channels + c] = image[4 * k + c];
    }
    return { shape: [height, width, this.channels], bytes, paper: this.picture ? null : true };
  }

  paint() {
    const { canvas } = this;
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, side, side);
    context.setTransform(side, 0, 0, side, 0, 0);
    if (this.picture) {
      const { x, y, w, h } = this.place;
      context.imageSmoothingEnabled = Math.max(...this.picture.shape) > 64;
      context.drawImage(this.picture.canvas, x, y, w, h);
    }
    const ink = this.picture ? "#e0a000" : style.color;
    for (const stroke of this.strokes) trace(context, stroke, this.channels > 1 ? stroke.colour : ink);
    if (this.pen) {
      context.beginPath();
      context.arc(this.pen.x, this.pen.y, this.thickness / 2, 0, 7);
      context.lineWidth = 0.008;
      context.strokeStyle = style.getPropertyValue("--accent");
      context.stroke();
    }
    context.resetTransform();
  }

  #done(began) {
    this.canvas.parentElement.classList.toggle("used", !this.empty);
    this.paint();
    this.changed(began);
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  #stroke(point, pressure = 1) {
    this.strokes.push({ points: [point], width: this.thickness * pressure, colour: this.colour });
  }

  #begin(event) {
    if (event.button !== 0 || this.pointer != null) return;
    this.pointer = event.pointerId;
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that has left already has nothing to capture
    }
    this.pen = null;
    this.#stroke(this.#at(event), event.pointerType === "pen" && event.pressure ? 0.6 + 0.8 * event.pressure : 1);
    this.#done(event.timeStamp);
  }

  #move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const { points } = this.strokes.at(-1) ?? { points: [] };
    for (const each of events.length ? events : [event]) points.push(this.#at(each));
    this.#done(event.timeStamp);
  }

  #key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!step && event.key !== " ")) return;
    event.preventDefault();
    this.pen ??= { x: 0.5, y: 0.5, down: false };
    const { pen } = this;
    if (step) {
      const far = event.shiftKey ? 0.01 : 0.04;
      pen.x = Math.min(1, Math.max(0, pen.x + far * step[0]));
      pen.y = Math.min(1, Math.max(0, pen.y + far * step[1]));
      if (pen.down && this.strokes.length) this.strokes.at(-1).points.push({ x: pen.x, y: pen.y });
    } else {
      pen.down = !pen.down;
      if (pen.down) this.#stroke({ x: pen.x, y: pen.y });
    }
    if (pen.down) this.#done(event.timeStamp);
    else this.paint();
  }
}

// A stroke as a smooth line through the middles of its parts.
function trace(context, { points, width }, colour) {
  const [first] = points;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  if (points.length < 2) {
    context.arc(first.x, first.y, width / 2, 0, 7);
    context.fill();
    return;
  }
  context.moveTo(first.x, first.y);
  for (let k = 1; k < points.length - 1; k++) {
    const [a, b] = [points[k], points[k + 1]];
    context.quadraticCurveTo(a.x, a.y, (a.x + b.x) / 2, (a.y + b.y) / 2);
  }
  const last = points.at(-1);
  context.lineTo(last.x, last.y);
  context.stroke();
}
