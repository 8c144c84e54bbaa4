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
    this.range = null;
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
    const part = Math.min(Math.max((event.clientX - box.left - GUTTER) / (box.width - GUTTER), 0), 1);
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
    const bottom = height - NUMBERS;
    const each = (bottom - MARKS) / Math.max(rows.length, 1);
    const length = this.shot.last - this.shot.first + 1;
    const step = (width - GUTTER) / length;
    const x = (frame) => GUTTER + (frame - this.shot.first + 0.5) * step;
    this.drawNumbers(pen, x, width, bottom);
    this.drawFlags(pen, x, step, bottom);
    rows.forEach(([name, values], row) => {
      drawCurve(pen, values, CURVES[name], { top: MARKS + row * each, height: each, x: (at) => x(this.shot.first + at) });
    });
    for (const cut of this.shot.cuts ?? []) line(pen, x(cut) - step / 2, 0, bottom, "#6b7078", [3, 3]);
    if (this.range) this.drawRange(pen, x, step, width, bottom);
    for (const key of this.keys) dot(pen, x(key), MARKS / 2);
    if (this.current !== null) line(pen, x(this.current), 0, bottom, "#ffffff", []);
  }

  drawFlags(pen, x, step, bottom) {
    for (const flag of this.shot.flagged) {
      pen.fillStyle = flag.need >= LOUD ? "#ff6b6b" : "#ffb454";
      const wide = Math.max(step, 2);
      pen.fillRect(x(flag.frame) - wide / 2, 1, wide, MARKS - 3);
      pen.globalAlpha = 0.16;
      pen.fillRect(x(flag.frame) - wide / 2, MARKS, wide, bottom - MARKS);
      pen.globalAlpha = 1;
    }
  }

  /** Darkens what is before the first and behind the last frame that is marked. */
  drawRange(pen, x, step, width, bottom) {
    const [from, to] = [x(this.range[0]) - step / 2, x(this.range[1]) + step / 2];
    pen.fillStyle = "#0e0f10b0";
    pen.fillRect(GUTTER, 0, from - GUTTER, bottom);
    pen.fillRect(to, 0, width - to, bottom);
    line(pen, from, 0, bottom, "#6ab0ff", []);
    line(pen, to, 0, bottom, "#6ab0ff", []);
  }

  /** Frame numbers along the bottom, as many as there is room for, round ones. */
  drawNumbers(pen, x, width, bottom) {
    const { first, last } = this.shot;
    const room = Math.max((width - GUTTER) / 70, 1);
    const least = (last - first + 1) / room;
    const tens = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
    const by = [1, 2, 5, 10].map((times) => times * tens).find((found) => found >= least) ?? 10 * tens;
    pen.font = FONT;
    pen.textAlign = "center";
    for (let frame = Math.ceil(first / by) * by; frame <= last; frame += by) {
      line(pen, x(frame), MARKS, bottom, "#26292d", []);
      pen.fillStyle = "#93989f";
      pen.fillText(`${frame}`, Math.min(x(frame), width - 14), bottom + 12);
    }
    pen.textAlign = "left";
  }
}

const GUTTER = 112;
const MARKS = 12;
const NUMBERS = 16;
const FONT = "11px system-ui, sans-serif";

const LOUD = 4;
const CURVES = {
  coverage_percent: { title: "coverage", unit: " %", color: "#6ab0ff" },
  flicker_px: { title: "flicker", unit: " px", color: "#ffb454" },
  edge_px: { title: "edge width", unit: " px", color: "#59d185" },
};

/** Draws one curve between its own least and most, with both beside it. */
function drawCurve(pen, values, style, box) {
  const known = values.filter((value) => value !== null);
  const least = Math.min(...known);
  const most = Math.max(...known);
  const range = Math.max(most - least, 1e-6 + 0.02 * Math.abs(most));
  pen.strokeStyle = style.color;
  pen.lineWidth = 1.25;
  pen.beginPath();
  let isDown = false;
  values.forEach((value, at) => {
    if (value === null) {
      isDown = false;
      return;
    }
    const y = box.top + box.height - 5 - ((value - least) / range) * (box.height - 12);
    if (isDown) pen.lineTo(box.x(at), y);
    else pen.moveTo(box.x(at), y);
    isDown = true;
  });
  pen.stroke();
  const shown = (value) => Number(value.toPrecision(3));
  pen.font = FONT;
  pen.fillStyle = style.color;
  pen.fillText(style.title, 0, box.top + box.height / 2 - 2);
  pen.fillStyle = "#93989f";
  const said = known.length ? `${shown(least)} to ${shown(most)}${style.unit}` : "unknown";
  pen.fillText(said, 0, box.top + box.height / 2 + 12);
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
