/* The canvas: a picture, zoomed and moved, perhaps a wipe to another, and the key over it. */
const ZOOM_MAX = 32;

class Viewer {
  constructor(canvas, width, height) {
    this.canvas = canvas;
    this.size = [width, height];
    this.zoom = 0;
    this.middle = [width / 2, height / 2];
    this.wipe = null;
    this.layers = { picture: null, other: null, key: null };
    this.cursor = null;
    this.stroke = null;
    this.sent = [];
    this.hidesKey = false;
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("wheel", (event) => this.zoomBy(event), { passive: false });
  }

  /** Takes ImageData for a layer; null shows nothing there. */
  set(name, pixels) {
    if (!pixels) {
      this.layers[name] = null;
      return;
    }
    const canvas = this.layers[name] ?? new OffscreenCanvas(pixels.width, pixels.height);
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    this.layers[name] = canvas;
  }

  /** Screen pixels that a pixel of the footage takes; 0 as zoom fits it. */
  get scale() {
    const ratio = window.devicePixelRatio || 1;
    const fit = Math.min((this.canvas.clientWidth * ratio) / this.size[0], (this.canvas.clientHeight * ratio) / this.size[1]);
    return this.zoom || Math.max(fit, 0.01);
  }

  origin() {
    const ratio = window.devicePixelRatio || 1;
    const room = [this.canvas.clientWidth * ratio, this.canvas.clientHeight * ratio];
    const at = this.zoom ? this.middle : this.size.map((length) => length / 2);
    return [0, 1].map((axis) => Math.round(room[axis] / 2 - at[axis] * this.scale));
  }

  /** Returns where in the footage an event is, in pixels; 0, 0 is the corner of the first. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const [left, top] = this.origin();
    return [((event.clientX - box.left) * ratio - left) / this.scale, ((event.clientY - box.top) * ratio - top) / this.scale];
  }

  zoomBy(event) {
    event.preventDefault();
    const before = this.place(event);
    const zoom = Math.min(this.scale * 2 ** (-event.deltaY / 240), ZOOM_MAX);
    if (!this.zoom) this.middle = this.size.map((length) => length / 2);
    this.zoom = zoom;
    const after = this.place(event);
    this.middle = this.middle.map((at, axis) => at + before[axis] - after[axis]);
    this.draw();
  }

  /** Shows pixels of the footage as pixels of the screen around a place, or all of it again. */
  toggleZoom(place) {
    this.middle = place ?? this.size.map((length) => length / 2);
    this.zoom = this.zoom ? 0 : 1;
    this.draw();
  }

  moveBy(x, y) {
    const ratio = window.devicePixelRatio || 1;
    if (!this.zoom) return;
    this.middle = [this.middle[0] - (x * ratio) / this.scale, this.middle[1] - (y * ratio) / this.scale];
    this.draw();
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const { canvas } = this;
    canvas.width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
    canvas.height = Math.max(Math.round(canvas.clientHeight * ratio), 1);
    const pen = canvas.getContext("2d");
    const [left, top] = this.origin();
    pen.imageSmoothingEnabled = this.scale < 1;
    pen.setTransform(this.scale, 0, 0, this.scale, left, top);
    const { picture, other, key } = this.layers;
    if (picture) pen.drawImage(picture, 0, 0);
    if (other && this.wipe !== null) {
      pen.save();
      pen.beginPath();
      pen.rect(0, 0, this.wipe * this.size[0], this.size[1]);
      pen.clip();
      pen.drawImage(other, 0, 0);
      pen.restore();
      pen.fillStyle = "#fff";
      pen.fillRect(this.wipe * this.size[0] - 0.5 / this.scale, 0, 1 / this.scale, this.size[1]);
    }
    pen.globalAlpha = 0.55;
    if (key && !this.hidesKey) pen.drawImage(key, 0, 0);
    for (const stroke of [...this.sent, this.stroke]) if (stroke) drawStroke(pen, stroke);
    pen.globalAlpha = 1;
    if (this.cursor) this.drawCursor(pen);
    pen.setTransform(1, 0, 0, 1, 0, 0);
  }

  drawCursor(pen) {
    const { at, size, color } = this.cursor;
    pen.lineWidth = 1.5 / this.scale;
    pen.strokeStyle = color;
    pen.beginPath();
    pen.arc(...at, size / 2, 0, 7);
    pen.stroke();
  }
}

function drawStroke(pen, { points, size, color }) {
  pen.strokeStyle = color;
  pen.lineWidth = size;
  pen.lineCap = "round";
  pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (const point of points) pen.lineTo(...point);
  pen.stroke();
}
