"use strict";

const byId = (id) => document.getElementById(id);
const KEYS = ["plate", "alpha", "overlay", "over", "onion", "matte"];
const AHEAD = 4;
const TRY_AFTER_MS = 350;
const PLATE_AFTER_MS = 200;

let state;
let pixels;
let viewer;
let brush;
let panel;
let timeline;
let measured = { state: "none" };
let view = "overlay";
let color = "gray";
let frame = 0;
let playing = 0;
let asked = 0;
let keyVersion = 0;

const urlOf = {
  plate: (at) => `/api/plate?frame=${at}`,
  matte: (at) => `/api/matte?frame=${at}`,
  alpha: (at) => `/api/alpha?frame=${at}&generation=${state.generation}`,
  before: (at) => urlOf.alpha(clamped(at - 1)),
  after: (at) => urlOf.alpha(clamped(at + 1)),
  key: (at) => `/api/key?frame=${at}&version=${keyVersion}`,
};
const clamped = (at) => Math.min(Math.max(at, state.first), state.last);

function say(words, isBad = false) {
  byId("words").textContent = words;
  byId("words").classList.toggle("bad", isBad);
}

/** Returns the paths of the pictures that are wanted: of this frame, and of the next ones that are played. */
function wanted(at) {
  const others = [viewer.wipe === null ? null : urlOf.plate(at), state.keys.includes(at) ? urlOf.key(at) : null, urlOf.plate(at)];
  const paths = new Set(others.filter((path) => path));
  for (let ahead = 0; ahead <= (playing ? AHEAD : 0); ahead += 1) {
    const next = at + ahead * playing;
    if (next === clamped(next)) for (const name of VIEWS[view].needs) paths.add(urlOf[name](next));
  }
  return paths;
}

/** Shows the frame as it is to be seen, and its plate until then. */
async function show() {
  asked += 1;
  const now = asked;
  const at = frame;
  const isWanted = () => now === asked;
  tell();
  pixels.keepOnly(wanted(at));
  const needs = VIEWS[view].needs;
  const busy = setTimeout(() => showPlate(at, isWanted), PLATE_AFTER_MS);
  try {
    const loads = needs.map((name) => pixels.get(urlOf[name](at)));
    await showBeside(at, isWanted);
    const found = await Promise.all(loads);
    if (!isWanted()) return;
    clearTimeout(busy);
    const parts = Object.fromEntries(needs.map((name, n) => [name, found[n]]));
    viewer.set("picture", compose(view, parts, COLORS[color]));
    viewer.draw();
    document.body.dataset.shown = `${view} ${at} ${state.generation} ${keyVersion}`;
  } catch (error) {
    if (isWanted() && error.name !== "AbortError" && !/tried no more/.test(error.message)) say(error.message, true);
  } finally {
    clearTimeout(busy);
    if (isWanted()) byId("busy").hidden = true;
  }
}

/** Shows the plate alone, while the alpha is made: what is seen is always of the frame that is named. */
async function showPlate(at, isWanted) {
  byId("busy").hidden = false;
  const plate = await pixels.get(urlOf.plate(at)).catch(() => null);
  if (!plate || !isWanted() || byId("busy").hidden) return;
  viewer.set("picture", plate);
  viewer.draw();
}

/** Shows what lies over the picture: the other side of the wipe, and the key. */
async function showBeside(at, isWanted) {
  const other = viewer.wipe === null ? null : pixels.get(urlOf.plate(at));
  const key = state.keys.includes(at) ? pixels.get(urlOf.key(at)) : null;
  const [left, over] = [await other, await key];
  if (!isWanted()) return;
  viewer.set("other", left);
  viewer.set("key", over);
  viewer.draw();
}

/** Writes what is shown: frame, view, brush, and what is said of the frame. */
function tell() {
  if (document.activeElement !== byId("frame")) byId("frame").value = frame;
  byId("name").textContent = state.name;
  byId("size").textContent = `${brush.size} px`;
  byId("value").replaceChildren(swatch(BRUSHES[brush.value].color), BRUSHES[brush.value].word);
  byId("brush").classList.toggle("on", brush.isOn);
  byId("save").classList.toggle("on", !state.is_saved);
  for (const button of byId("views").children) button.classList.toggle("on", button.dataset.view === view || (button.id === "wipe" && viewer.wipe !== null));
  byId("color").textContent = color;
  const shot = measured.shot ?? { first: state.first, last: state.last, curves: {}, flagged: [] };
  timeline.keys = state.keys;
  timeline.range = marks();
  timeline.show({ ...shot, first: state.first, last: state.last, curves: padded(shot) }, frame);
  const flag = shot.flagged.find((one) => one.frame === frame);
  say(flag ? flag.reasons.map((reason) => `${reason.kind} ${Number(reason.value.toPrecision(3))} ${state.reasons[reason.kind].unit}${reason.says ? `, ${reason.says}` : ""}`).join(" · ") : progress());
}

/** Returns the curves of a measured part at the length of the footage. */
function padded(shot) {
  const before = Array(shot.first - state.first).fill(null);
  const after = Array(state.last - shot.last).fill(null);
  return Object.fromEntries(Object.entries(shot.curves).map(([name, values]) => [name, [...before, ...values, ...after]]));
}

function progress() {
  const said = {
    none: state.has_matte ? "" : "M measures the matte: which frames need a look",
    running: () => `${measured.of} is measured: ${measured.done} of ${measured.total || "…"} frames`,
    failed: () => `${measured.of} can't be measured: ${measured.error}`,
    done: () => `${measured.of}: ${measured.shot.flagged.length} frames flagged`,
  }[measured.state];
  return typeof said === "function" ? said() : said;
}

const swatch = (background) => {
  const element = make("span", { class: "swatch" });
  element.style.background = background;
  return element;
};

/** Returns the frame that the address asks for, as #frame=812, or none. */
function linked() {
  const found = /^#frame=(-?\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : null;
}

function goToTyped() {
  const typed = byId("frame").value.trim();
  const at = Number(typed || NaN);
  byId("picture").focus();
  if (Number.isInteger(at) && at === clamped(at)) goTo(at);
  else show().then(() => say(`${typed || "nothing"} is no frame of ${state.first}-${state.last}`, true));
}

function goTo(at) {
  frame = clamped(at);
  return show();
}

async function play(direction) {
  const isStart = !playing;
  playing = direction;
  if (!isStart) return;
  let due = performance.now();
  while (playing) {
    const next = frame + playing;
    if (next !== clamped(next)) playing = 0;
    else {
      for (let ahead = 1; ahead <= AHEAD; ahead += 1) {
        const at = next + ahead * playing;
        if (at === clamped(at)) for (const name of VIEWS[view].needs) pixels.get(urlOf[name](at)).catch(() => {});
      }
      await goTo(next);
      due = Math.max(due + 1000 / state.fps, performance.now());
      await new Promise((done) => setTimeout(done, due - performance.now()));
    }
  }
}

function stepFlagged(by) {
  const frames = (measured.shot?.flagged ?? []).map((flag) => flag.frame).sort((a, b) => a - b);
  const found = by > 0 ? frames.find((at) => at > frame) : frames.reverse().find((at) => at < frame);
  if (found === undefined) say(measured.state === "done" ? "no flagged frame farther on" : progress());
  else goTo(found);
}

function marks() {
  const found = /^(-?\d+)(?:-(-?\d+))?$/.exec(state.frames);
  return found ? [Number(found[1]), Number(found[2] ?? found[1])] : null;
}

function mark(isIn) {
  const [first, last] = marks() ?? [state.first, state.last];
  const range = isIn ? [frame, Math.max(frame, last)] : [Math.min(first, frame), frame];
  const isAll = range[0] === state.first && range[1] === state.last;
  // The next mark may come before the answer to this one.
  state.frames = isAll ? "" : range.join("-");
  act("/api/try", { settings: { frames: state.frames || null } });
}

/** Asks the server to do something, and shows what came of it; what is asked is done in order. */
let acting = Promise.resolve();
function act(path, body, input = null) {
  const done = acting.then(() => ask(path, body));
  acting = done.catch(() => {});
  return done.then(
    async (found) => {
      if (found.undone !== undefined && found.undone !== null) frame = found.undone;
      take(found);
      await show();
      return found;
    },
    (error) => {
      if (input) input.classList.add("refused");
      say(error.message, true);
    },
  );
}

function take(found) {
  state = found;
  keyVersion += 1;
  panel.show(state);
}

let trying = null;
function trySoon(settings, input) {
  clearTimeout(trying);
  trying = setTimeout(() => act("/api/try", { settings }, input), input.type === "number" ? TRY_AFTER_MS : 0);
}

async function stroke(value, done) {
  await act("/api/stroke", { frame, value, size: done.size, points: done.points });
  viewer.sent = viewer.sent.filter((one) => one !== done);
  viewer.draw();
}

async function measure() {
  measured = await ask("/api/measure", {});
  watch();
}

async function watch() {
  measured = await ask("/api/measured");
  tell();
  if (measured.state === "running") setTimeout(watch, 500);
}

function setView(name) {
  if (name === "matte" && !state.has_matte) return say("no finished matte is compared with; start sghm review with --matte FILE");
  if (name === "over" && view === "over") nextColor();
  view = name;
  return show();
}

function nextColor() {
  const names = Object.keys(COLORS);
  color = names[(names.indexOf(color) + 1) % names.length];
}

function toggleWipe() {
  viewer.wipe = viewer.wipe === null ? 0.5 : null;
  show();
}

const actions = {
  j: () => play(-1),
  k: () => (playing = 0),
  l: () => play(1),
  " ": () => (playing ? (playing = 0) : play(1)),
  arrowleft: (event) => goTo(frame - (event.shiftKey ? 10 : 1)),
  arrowright: (event) => goTo(frame + (event.shiftKey ? 10 : 1)),
  home: () => goTo(marks()?.[0] ?? state.first),
  end: () => goTo(marks()?.[1] ?? state.last),
  g: () => byId("frame").select(),
  n: (event) => stepFlagged(event.shiftKey ? -1 : 1),
  b: () => brush.toggle(),
  e: () => brush.erase(),
  x: () => brush.swap(),
  "[": () => brush.resize(1 / 1.25),
  "]": () => brush.resize(1.25),
  u: () => act("/api/undo", {}),
  s: () => act("/api/save", {}).then((found) => found && say(`saved in ${state.saved_in}`)),
  delete: () => act("/api/clear", { frame }),
  i: () => mark(true),
  o: () => mark(false),
  w: toggleWipe,
  z: () => viewer.toggleZoom(viewer.cursor?.at ?? pointer),
  c: () => (nextColor(), setViewQuietly()),
  h: () => {
    viewer.hidesKey = !viewer.hidesKey;
    viewer.draw();
  },
  m: measure,
};
const setViewQuietly = () => ((view = "over"), show());
KEYS.forEach((name, at) => (actions[`${at + 1}`] = () => setView(name)));

let pointer = null;

document.addEventListener("keydown", (event) => {
  const isTyped = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) && event.target.type !== "checkbox";
  if (isTyped) {
    if (event.key === "Enter" && event.target.id === "frame") goToTyped();
    else if (event.key === "Escape" || event.key === "Enter") {
      byId("picture").focus();
      byId("frame").value = frame;
    }
    return;
  }
  if (event.altKey) return;
  const key = event.key.toLowerCase();
  const isCommand = event.ctrlKey || event.metaKey;
  const action = isCommand ? { z: actions.u, s: actions.s }[key] : actions[key];
  if (!action) return;
  event.preventDefault();
  if (!"jl ".includes(key)) playing = 0;
  action(event);
});

async function begin() {
  state = await ask("/api/state");
  frame = clamped(linked() ?? marks()?.[0] ?? state.first);
  pixels = new Pixels(state.width, state.height);
  viewer = new Viewer(byId("picture"), state.width, state.height);
  brush = new Brush(viewer, stroke, () => tell());
  panel = new Panel(byId("panel"), trySoon);
  timeline = new Timeline(byId("timeline"), goTo);
  const buttons = KEYS.filter((name) => name !== "matte" || state.has_matte).map((name) =>
    make("button", { "data-view": name, onclick: () => setView(name) }, make("kbd", {}, `${KEYS.indexOf(name) + 1}`), ` ${name}`),
  );
  byId("views").append(
    ...buttons,
    make("button", { id: "wipe", onclick: toggleWipe }, make("kbd", {}, "W"), " wipe"),
    make("button", { id: "color", title: "C: the color behind", onclick: actions.c }, color),
  );
  byId("brush").addEventListener("click", () => brush.toggle());
  byId("value").addEventListener("click", () => brush.swap());
  byId("undo").addEventListener("click", actions.u);
  byId("save").addEventListener("click", actions.s);
  byId("picture").addEventListener("pointermove", (event) => (pointer = viewer.place(event)));
  window.addEventListener("hashchange", () => linked() !== null && goTo(linked()));
  panel.show(state);
  byId("picture").style.cursor = "grab";
  byId("picture").focus();
  watch();
  await show();
  document.body.dataset.ready = "yes";
}

begin().catch((error) => say(error.message, true));
