"use strict";

/* Curves of a shot over its frames, with a mark on each frame that is flagged. */
class Timeline {
  /**
   * canvas: where it is drawn. onFrame: called with the number of a frame that is clicked or dragged to.
   */
  constructor(canvas, onFrame) {
    this.canvas = canvas;
    this.onFrame = onFrame;
    this.shot = null;
    this.current = null;
    this.keys = [];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.onFrame(this.frameAt(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) this.onFrame(this.frameAt(event));
      else canvas.title = this.words(this.frameAt(event));
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(shot, current = null) {
    this.shot = shot;
    this.current = current;
    this.draw();
  }

  frameAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    const length = this.shot.last - this.shot.first + 1;
    return this.shot.first + Math.min(Math.floor(part * length), length - 1);
  }

  words(frame) {
    const curves = Object.entries(this.shot.curves);
    const values = curves.map(([name, values]) => {
      const value = values[frame - this.shot.first];
      return `${CURVES[name].title} ${value ?? "–"}${value === null ? "" : CURVES[name].unit}`;
    });
    return [`frame ${frame}`, ...values].join("\n");
  }

  draw() {
    if (!this.shot) return;
    const ratio = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    this.canvas.width = Math.max(width * ratio, 1);
    this.canvas.height = Math.max(height * ratio, 1);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const rows = Object.entries(this.shot.curves);
    const marks = 12;
    const each = (height - marks) / Math.max(rows.length, 1);
    const length = this.shot.last - this.shot.first + 1;
    const x = (frame) => ((frame - this.shot.first + 0.5) / length) * width;
    this.drawFlags(pen, x, width / length, height, marks);
    rows.forEach(([name, values], row) => {
      drawCurve(pen, values, CURVES[name], { top: marks + row * each, height: each, width });
    });
    for (const cut of this.shot.cuts ?? []) line(pen, x(cut) - width / length / 2, 0, height, "#6b7078", [3, 3]);
    for (const key of this.keys) dot(pen, x(key), marks / 2);
    if (this.current !== null) line(pen, x(this.current), 0, height, "#ffffff", []);
  }

  drawFlags(pen, x, step, height, marks) {
    for (const flag of this.shot.flagged) {
      pen.fillStyle = flag.need >= LOUD ? "#ff6b6b" : "#ffb454";
      const wide = Math.max(step, 2);
      pen.fillRect(x(flag.frame) - wide / 2, 1, wide, marks - 3);
      pen.globalAlpha = 0.16;
      pen.fillRect(x(flag.frame) - wide / 2, marks, wide, height - marks);
      pen.globalAlpha = 1;
    }
  }
}

const LOUD = 4;
const CURVES = {
  coverage_percent: { title: "coverage", unit: " %", color: "#6ab0ff" },
  flicker_px: { title: "flicker", unit: " px", color: "#ffb454" },
  edge_px: { title: "edge width", unit: " px", color: "#59d185" },
};

function drawCurve(pen, values, style, box) {
  const known = values.filter((value) => value !== null);
  const most = Math.max(...known.map(Math.abs), 1e-6) * 1.08;
  pen.strokeStyle = style.color;
  pen.lineWidth = 1.25;
  pen.beginPath();
  let isDown = false;
  values.forEach((value, at) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const x = ((at + 0.5) / values.length) * box.width;
    const y = box.top + box.height - 3 - (value / most) * (box.height - 8);
    if (isDown) pen.lineTo(x, y);
    else pen.moveTo(x, y);
    isDown = true;
  });
  pen.stroke();
  const label = `${style.title}, to ${Number((most / 1.08).toPrecision(3))}${style.unit}`;
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = "#17181ac0";
  pen.fillRect(1, box.top + 1, pen.measureText(label).width + 7, 15);
  pen.fillStyle = "#93989f";
  pen.fillText(label, 4, box.top + 12);
}

function line(pen, x, top, bottom, color, dash) {
  pen.strokeStyle = color;
  pen.lineWidth = 1;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(x, top);
  pen.lineTo(x, bottom);
  pen.stroke();
  pen.setLineDash([]);
}

function dot(pen, x, y) {
  pen.fillStyle = "#6ab0ff";
  pen.beginPath();
  pen.arc(x, y, 3.5, 0, 7);
  pen.fill();
}
