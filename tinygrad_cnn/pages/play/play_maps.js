// Feature maps as pictures: volumes of cards that get smaller and deeper, and a layer's maps side by side.

const HEIGHT = 200, LARGEST = 120;  // CSS pixels: of the row of volumes, of the largest card, where there is room
// Two scales of colour that the colour-blind can read: amounts from dark blue to yellow, signs from blue by white to red.
const AMOUNTS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
const SIGNS = ["#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7", "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f"];

function table(stops) {
  const rgb = stops.map((text) => [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16)));
  const colours = new Uint32Array(256);
  const bytes = new Uint8Array(colours.buffer);
  for (let k = 0; k < 256; k++) {
    const place = (k / 255) * (rgb.length - 1);
    const from = Math.min(Math.floor(place), rgb.length - 2);
    for (let c = 0; c < 3; c++) bytes[4 * k + c] = rgb[from][c] + (place - from) * (rgb[from + 1][c] - rgb[from][c]);
    bytes[4 * k + 3] = 255;
  }
  return colours;
}

const amounts = table(AMOUNTS), signs = table(SIGNS), greys = table(["#000000", "#ffffff"]);

export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// A layer ready to be painted: its maps stand below each other in one canvas.
export class Maps {
  constructor() {
    this.atlas = document.createElement("canvas");
    this.front = 0;
  }

  take(layer) {
    const [count, h, w] = layer.shown.length === 3 ? layer.shown : [layer.shown[0], 1, 1];
    Object.assign(this, layer, { count, h, w, flat: layer.shape.length === 1 });
    this.signed = layer.low < 0;
    const bytes = bytesOf(layer.pixels);
    if (layer.isInput && count === 3) this.count = 1;  // a picture in colour is one card
    const image = new ImageData(w, h * this.count);
    if (this.count === count) {
      const colours = new Uint32Array(image.data.buffer), lookup = this.#lookup();
      for (let k = 0; k < bytes.length; k++) colours[k] = lookup[bytes[k]];
    } else {
      image.data.fill(255);
      for (let k = 0; k < bytes.length; k++) image.data[4 * (k % (h * w)) + Math.floor(k / (h * w))] = bytes[k];
    }
    this.atlas.width = w;
    this.atlas.height = h * this.count;
    this.atlas.getContext("2d").putImageData(image, 0, 0);
    if (!this.flat) this.#choose(bytes);
    return this;
  }

  // Signed values have white at zero, and ends that are equally far.
  #lookup() {
    if (!this.signed) return this.isInput ? greys : amounts;
    const far = Math.max(-this.low, this.high) || 1;
    return Uint32Array.from({ length: 256 }, (_, k) => {
      const value = this.low + (k / 255) * (this.high - this.low);
      return signs[Math.round(127.5 + (127.5 * value) / far)];
    });
  }

  // The card in front is a lively one, and stays until another is much livelier.
  #choose(bytes) {
    const size = this.h * this.w;
    const life = Array.from({ length: this.count }, (_, k) => {
      const part = bytes.subarray(k * size, (k + 1) * size);
      const mean = part.reduce((sum, v) => sum + v, 0) / size;
      return part.reduce((sum, v) => sum + (v - mean) ** 2, 0);
    });
    const best = life.indexOf(Math.max(...life));
    if (this.front >= this.count || life[best] > 2 * life[this.front]) this.front = best;
  }

  card(context, k, x, y, width, height) {
    context.drawImage(this.atlas, 0, k * this.h, this.w, this.h, x, y, width, height);
  }

  ramp(canvas) {
    const far = Math.max(-this.low, this.high) || 1;
    const image = new ImageData(256, 1);
    new Uint32Array(image.data.buffer).set(this.signed ? signs : this.isInput ? greys : amounts);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return this.signed ? [-far, far] : [this.low, this.high];
  }
}

function sized(canvas, width, height) {
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  return context;
}

// A volume: cards one behind the other; rows of numbers are a column of cells, with `names` beside them if there are
// any.  `widest` is the input's side.
export function volume(canvas, maps, widest, colour, names) {
  const zoom = Math.max(0.6, Math.min(1, innerWidth / 1200));
  if (maps.flat) return column(canvas, maps, colour, names, (zoom < 1 ? 0.85 : 1) * zoom * HEIGHT);
  const [h, w, channels] = maps.shape;
  const scale = (zoom * LARGEST * (Math.max(h, w) / widest) ** 0.65) / Math.max(h, w);
  const width = Math.max(14, w * scale), height = Math.max(14, h * scale);
  const deep = maps.count > 1 ? zoom * Math.min(HEIGHT - LARGEST - 4, 9 * Math.sqrt(channels)) : 0;
  const context = sized(canvas, Math.ceil(width + deep + 2), Math.ceil(height + deep * 0.75 + 2));
  context.strokeStyle = colour;
  context.lineWidth = 0.6;
  for (let n = maps.count - 1; n >= 0; n--) {
    const back = maps.count > 1 ? (n / (maps.count - 1)) * deep : 0;
    const [x, y] = [1 + back, 1 + 0.75 * (deep - back)];
    maps.card(context, (maps.front + n) % maps.count, x, y, width, height);
    context.globalAlpha = n ? Math.min(1, deep / maps.count / 3) : 1;
    context.strokeRect(x, y, width, height);
    context.globalAlpha = 1;
  }
}

function column(canvas, maps, colour, names, height) {
  const cell = Math.max(1.5, Math.min(15, (height - 4) / maps.count));
  const width = Math.max(10, Math.min(15, cell * 3));
  const longest = Math.min(12, Math.max(0, ...names.map((name) => name.length)));
  const context = sized(canvas, width + 2 + (longest && 6 + 6 * longest), Math.ceil(cell * maps.count) + 2);
  for (let k = 0; k < maps.count; k++) maps.card(context, k, 1, 1 + k * cell, width, cell + 0.3);
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 0.6;
  context.strokeRect(1, 1, width, cell * maps.count);
  context.font = `${Math.min(11, cell)}px ${getComputedStyle(canvas).fontFamily}`;
  context.textBaseline = "middle";
  names.forEach((name, k) => context.fillText(name.slice(0, 12), width + 7, 1 + (k + 0.5) * cell));
}

// All maps of a layer side by side, as large as the width allows.
export function grid(canvas, maps, colour) {
  const room = canvas.parentElement.clientWidth - 2 * parseFloat(getComputedStyle(canvas.parentElement).paddingLeft);
  const aspect = maps.h / maps.w;
  const largest = maps.flat ? 30 : room < 600 ? 64 : 96, gap = 5;
  const fit = Math.ceil((room + gap) / (largest + gap));
  const columns = Math.min(maps.count, fit);
  const width = (room - 2 - gap * (fit - 1)) / fit, height = width * aspect;
  const rows = Math.ceil(maps.count / columns);
  const context = sized(canvas, room, rows * (height + gap) + 2);
  context.strokeStyle = colour;
  context.lineWidth = 0.6;
  for (let k = 0; k < maps.count; k++) {
    const [x, y] = [1 + (k % columns) * (width + gap), 1 + Math.floor(k / columns) * (height + gap)];
    maps.card(context, k, x, y, width, height);
    context.strokeRect(x, y, width, height);
  }
}

// The gradient over the drawing, in one colour where a brighter pixel speaks for the class, in another where against.
export function saliency(canvas, side, answer, place, colours) {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.resetTransform();
  context.clearRect(0, 0, side, side);
  const [[a, b, e], [c, d, f]] = answer.frame;  // (row, column) of the input -> (row, column) of the picture
  context.setTransform(side * place.w, 0, 0, side * place.h, side * place.x, side * place.y);
  context.transform(d, b, c, a, f, e);  // as a canvas has it: x across and y down
  const found = answer.saliency;
  if (found) {
    const [h, w] = found.shape;
    const image = new ImageData(w, h);
    bytesOf(found.pixels).forEach((byte, k) => {
      const value = (byte - 128) / 127;
      const [red, green, blue] = value > 0 ? colours.for : colours.against;
      image.data.set([red, green, blue, 225 * Math.abs(value) ** 0.8], 4 * k);
    });
    const small = document.createElement("canvas");
    small.width = w;
    small.height = h;
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, 1, 1);
  }
  context.beginPath();
  context.rect(0, 0, 1, 1);
  context.resetTransform();
  context.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  context.lineWidth = devicePixelRatio;
  context.strokeStyle = colours.frame;
  context.stroke();
}
