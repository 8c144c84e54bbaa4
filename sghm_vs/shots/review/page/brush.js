/* The brush: strokes over a frame, each sent as it ends. */
const BRUSHES = {
  person: { color: "#5adc50", word: "person" },
  not: { color: "#f03c46", word: "not" },
  open: { color: "#c8ccd2", word: "erase" },
};
const SIZE_MAX = 600;

class Brush {
  /** viewer: where it draws. onStroke: called with value and stroke. onChange: as the brush does. */
  constructor(viewer, onStroke, onChange) {
    Object.assign(this, { viewer, onStroke, onChange });
    this.isOn = false;
    this.value = "person";
    this.painted = "person";
    this.size = Math.max(Math.round(viewer.size[1] / 24), 4);
    this.drag = null;
    const { canvas } = viewer;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", () => this.drop());
    canvas.addEventListener("pointerleave", () => {
      viewer.cursor = null;
      viewer.draw();
    });
  }

  toggle(isOn = !this.isOn) {
    this.isOn = isOn;
    this.changed();
  }

  swap() {
    this.painted = this.value === "open" ? this.painted : this.value === "person" ? "not" : "person";
    this.value = this.painted;
    this.toggle(true);
  }

  erase() {
    this.value = this.value === "open" ? this.painted : "open";
    this.toggle(true);
  }

  resize(by) {
    this.size = Math.min(Math.max(Math.round(this.size * by), by > 1 ? this.size + 1 : 1), SIZE_MAX);
    this.changed();
  }

  changed() {
    if (this.viewer.cursor) this.viewer.cursor = this.isOn ? { ...this.viewer.cursor, ...this.look() } : null;
    this.viewer.canvas.style.cursor = this.isOn ? "none" : "grab";
    this.viewer.draw();
    this.onChange();
  }

  look() {
    return { size: this.size, color: BRUSHES[this.value].color };
  }

  begin(event) {
    const { viewer } = this;
    viewer.canvas.setPointerCapture(event.pointerId);
    viewer.canvas.focus();
    const paints = this.isOn && event.button === 0;
    const place = viewer.place(event);
    const isNearWipe = viewer.wipe !== null && Math.abs(place[0] - viewer.wipe * viewer.size[0]) * viewer.scale < 12;
    this.drag = paints ? "paint" : isNearWipe ? "wipe" : "move";
    if (paints) {
      viewer.stroke = { points: [place], ...this.look() };
      viewer.draw();
    }
  }

  move(event) {
    const { viewer } = this;
    const place = viewer.place(event);
    if (this.isOn) viewer.cursor = { at: place, ...this.look() };
    if (this.drag === "paint") viewer.stroke.points.push(place);
    if (this.drag === "wipe") viewer.wipe = Math.min(Math.max(place[0] / viewer.size[0], 0), 1);
    if (this.drag === "move") viewer.moveBy(event.movementX, event.movementY);
    if (this.isOn || this.drag) viewer.draw();
  }

  end(event) {
    const { viewer } = this;
    if (this.drag === "paint" && viewer.stroke) {
      const done = viewer.stroke;
      viewer.stroke = null;
      viewer.sent.push(done);
      this.onStroke(this.value, done);
    }
    viewer.canvas.releasePointerCapture(event.pointerId);
    this.drag = null;
  }

  drop() {
    this.drag = null;
    this.viewer.stroke = null;
    this.viewer.draw();
  }
}
