"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const shots = data.shots;
let shown = 0;
let moment = 0;
let kind = "";
let timeline = null;

const byId = (id) => document.getElementById(id);

/** Returns an element with attributes and children; text is text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const span = (first, last) => (first === last ? `frame ${first}` : `frames ${first}–${last}`);

function flagOf(shot, frame) {
  return shot.byFrame.get(frame);
}

function momentsOf(shot) {
  const has = ([, , worst]) => flagOf(shot, worst).reasons.some((reason) => reason.kind === kind);
  return kind ? shot.moments.filter(has) : shot.moments;
}

function listShots() {
  const most = Math.max(...shots.map((shot) => shot.need), 1);
  byId("shots").replaceChildren(
    ...shots.map((shot, at) => {
      const bar = make("span", { class: `bar ${shot.need === 0 ? "" : shot.need < most / 3 ? "some" : "much"}` });
      bar.style.width = shot.need ? `${Math.max((100 * shot.need) / most, 4)}%` : "100%";
      return make(
        "button",
        { class: "shot", title: shot.matte, onclick: () => show(at) },
        make("span", { class: "name" }, shot.name),
        make("span", { class: "dim number" }, shot.error ? "unread" : `${shot.flagged.length}`),
        bar,
      );
    }),
  );
}

function show(at, which = 0) {
  shown = Math.min(Math.max(at, 0), shots.length - 1);
  const shot = shots[shown];
  [...byId("shots").children].forEach((row, n) => row.classList.toggle("on", n === shown));
  byId("shots").children[shown].scrollIntoView({ block: "nearest" });
  const canvas = make("canvas", { class: "timeline" });
  canvas.style.height = "170px";
  byId("shot").replaceChildren(make("h2", {}, shot.name), facts(shot));
  if (!shot.error) {
    byId("shot").append(canvas, make("p", { id: "of-frame" }), border(shot), ...momentsOf(shot).map((one, n) => card(shot, one, n)));
    timeline = new Timeline(canvas, (frame) => goTo(nearest(shot, frame), true));
    timeline.show(shot);
  }
  byId("shot").scrollTop = 0;
  goTo(which, which > 0);
}

function facts(shot) {
  if (shot.error) return make("p", { class: "facts" }, `${shot.matte}: ${shot.error}`);
  const parts = [
    `${shot.width}×${shot.height}, frames ${shot.first}–${shot.last}, ${plural(shot.flagged.length, "frame")} flagged`,
    shot.matte,
    shot.plate ? `plate ${shot.plate}` : "no plate: less is found; give it with --plate",
    ...shot.notes,
  ];
  return make("div", { class: "facts dim" }, ...parts.map((part) => make("div", {}, part)));
}

function border(shot) {
  const sides = Object.entries(shot.border).map(([side, runs]) => {
    const frames = runs.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`));
    return `${side} ${frames.slice(0, 6).join(", ")}${frames.length > 6 ? " …" : ""}`;
  });
  return make("p", { class: "dim" }, sides.length ? `touches the border: ${sides.join("; ")}` : "touches no border");
}

function card(shot, [first, last, worst], n) {
  const flag = flagOf(shot, worst);
  const link = make("a", { href: linkTo(shot, worst), class: "number" }, span(first, last));
  const head = make("div", { class: "head" }, make("strong", {}, link));
  const why = flag.reasons.flatMap(row);
  const element = make("section", { class: "moment", "data-worst": worst, onclick: () => goTo(n, false) }, head, make("div", { class: "why" }, ...why));
  const picture = shot.sheets[worst];
  if (picture) {
    const labels = make("div", { class: "labels" }, ...shot.tiles.map((tile) => make("span", {}, tile)));
    const title = `frame ${worst}`;
    element.append(labels, make("img", { class: "strip", src: picture, alt: title, loading: "lazy", onclick: () => openViewer(n) }));
  }
  return element;
}

/** Returns the cells of a reason's row: its kind, its value beside its limit, what that means. */
function row(reason) {
  const { unit, help } = data.reasons[reason.kind];
  const isLoud = reason.value >= 2 * reason.limit;
  return [
    make("span", { class: isLoud ? "chip loud" : "chip" }, reason.kind),
    make("span", { class: "number" }, `${shortened(reason.value)} ${unit}`),
    make("span", { class: "number dim" }, `from ${shortened(reason.limit)}`),
    make("span", { class: "dim" }, reason.says ? `${reason.says} · ${help}` : help),
  ];
}

const shortened = (value) => `${Number(value.toPrecision(3))}`;

const linkTo = (shot, frame) => `#${new URLSearchParams({ shot: shot.name, frame })}`;

/** Shows what is known of a frame of the shot that is shown: its curves, and why it is flagged. */
function goToFrame(frame) {
  const shot = shots[shown];
  if (shot.error) return;
  byId("at").value = frame;
  const isThere = Number.isInteger(frame) && frame >= shot.first && frame <= shot.last;
  const near = nearest(shot, frame);
  if (isThere && near >= 0) goTo(near, false);
  if (isThere) timeline.show(shot, frame);
  byId("of-frame").replaceChildren(...(isThere ? wordsOf(shot, frame, near) : [`${shot.name} has frames ${shot.first}–${shot.last}`]));
  byId("shot").scrollTop = 0;
}

function wordsOf(shot, frame, near) {
  const flag = flagOf(shot, frame);
  const found = momentsOf(shot)[near];
  const beside = found ? `; the nearest flagged: ${span(found[0], found[1])}` : "";
  const why = flag ? make("div", { class: "why" }, ...flag.reasons.flatMap(row)) : make("div", {}, `not flagged${beside}`);
  return [make("div", {}, timeline.words(frame).replaceAll("\n", " · ")), why, ...reviewOf(shot, frame)];
}

/** Returns what to type to look at the frame closely, and mend it. */
function reviewOf(shot, frame) {
  if (!shot.plate) return [];
  const quoted = (path) => (/^[\w./:#-]+$/.test(path) ? path : `"${path}"`);
  return [make("code", { class: "dim" }, `sghm review ${quoted(shot.plate)} --matte ${quoted(shot.matte)} --at ${frame}`)];
}

/** Follows a link: #frame=812, of many shots #shot=sh010&frame=812. */
function follow() {
  const wish = new URLSearchParams(location.hash.slice(1));
  const at = shots.findIndex((shot) => shot.name === wish.get("shot"));
  if (at >= 0) show(at);
  if (wish.has("frame")) goToFrame(Number(wish.get("frame")));
}

function nearest(shot, frame) {
  const distances = momentsOf(shot).map(([first, last]) => Math.max(first - frame, frame - last, 0));
  return distances.indexOf(Math.min(...distances));
}

function goTo(n, scrolls) {
  const cards = [...document.querySelectorAll(".moment")];
  moment = Math.min(Math.max(n, 0), Math.max(cards.length - 1, 0));
  cards.forEach((one, at) => one.classList.toggle("on", at === moment));
  if (timeline && cards[moment]) timeline.show(shots[shown], Number(cards[moment].dataset.worst));
  if (scrolls && cards[moment]) cards[moment].scrollIntoView({ block: "center" });
}

/* A flagged frame, enlarged: one tile, or a wipe between two. */
const viewer = { tile: 0, other: 2, isWipe: true, at: 0.5, image: null };

function openViewer(n) {
  goTo(n, false);
  const shot = shots[shown];
  const one = momentsOf(shot)[moment];
  const picture = one && shot.sheets[one[2]];
  if (!picture) return;
  const last = shot.tiles.length - 1;
  viewer.tile = Math.min(viewer.tile, last);
  viewer.other = shot.plate ? Math.min(viewer.other, last) : last;
  byId("viewer").hidden = false;
  byId("viewer-title").replaceChildren(`${shot.name} · ${span(one[2], one[2])} · ${flagOf(shot, one[2]).reasons.map((reason) => reason.kind).join(", ")}`);
  byId("viewer-tiles").replaceChildren(
    ...shot.tiles.map((name, at) =>
      make("button", { onclick: () => choose(at), "data-tile": at }, `${at + 1} ${name}`),
    ),
    make("button", { onclick: toggleWipe, id: "wipe" }, "W wipe"),
    make("button", { onclick: closeViewer }, "Esc close"),
  );
  viewer.image = new Image();
  viewer.image.addEventListener("load", drawViewer);
  viewer.image.src = picture;
}

function closeViewer() {
  byId("viewer").hidden = true;
}

function choose(tile) {
  viewer.tile = tile;
  viewer.isWipe = false;
  drawViewer();
}

function toggleWipe() {
  viewer.isWipe = !viewer.isWipe;
  if (viewer.isWipe && viewer.tile === viewer.other) viewer.tile = 0;
  drawViewer();
}

function drawViewer() {
  const [width, height] = shots[shown].tile;
  const canvas = byId("viewer-canvas");
  const stage = canvas.parentElement;
  const zoom = Math.max(Math.min((stage.clientWidth - 8) / width, (stage.clientHeight - 8) / height), 0.1);
  canvas.width = Math.round(width * zoom);
  canvas.height = Math.round(height * zoom);
  const pen = canvas.getContext("2d");
  const draw = (tile, from, to) => {
    const left = from * width;
    pen.drawImage(viewer.image, tile * width + left, 0, (to - from) * width, height, left * zoom, 0, (to - from) * width * zoom, height * zoom);
  };
  if (viewer.isWipe) {
    if (viewer.at > 0) draw(viewer.tile, 0, viewer.at);
    if (viewer.at < 1) draw(viewer.other, viewer.at, 1);
    pen.fillStyle = "#fff";
    pen.fillRect(viewer.at * canvas.width - 0.5, 0, 1, canvas.height);
  } else {
    draw(viewer.tile, 0, 1);
  }
  for (const button of document.querySelectorAll("#viewer-tiles [data-tile]")) {
    const at = Number(button.dataset.tile);
    button.classList.toggle("on", at === viewer.tile || (viewer.isWipe && at === viewer.other));
  }
  byId("wipe").classList.toggle("on", viewer.isWipe);
}

byId("viewer-canvas").addEventListener("pointermove", (event) => {
  const box = event.target.getBoundingClientRect();
  viewer.at = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  if (viewer.isWipe) drawViewer();
});

function step(by) {
  const count = document.querySelectorAll(".moment").length;
  if (moment + by >= 0 && moment + by < count) goTo(moment + by, true);
  else if (by > 0 && shown + 1 < shots.length) show(shown + 1);
  if (!byId("viewer").hidden) openViewer(moment);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || ["SELECT", "INPUT"].includes(event.target.tagName)) return;
  const actions = {
    ArrowDown: () => show(shown + 1),
    ArrowUp: () => show(shown - 1),
    n: () => step(1),
    N: () => step(-1),
    g: () => byId("at").select(),
    Enter: () => openViewer(moment),
    Escape: closeViewer,
    w: toggleWipe,
    W: toggleWipe,
  };
  const isOpen = !byId("viewer").hidden;
  const tile = Number(event.key) - 1;
  if (isOpen && tile >= 0 && tile < shots[shown].tiles.length) choose(tile);
  else if (actions[event.key] && (isOpen || !"wW".includes(event.key))) actions[event.key]();
  else return;
  event.preventDefault();
});
window.addEventListener("resize", () => byId("viewer").hidden || drawViewer());

for (const shot of shots) shot.byFrame = new Map((shot.flagged ?? []).map((flag) => [flag.frame, flag]));
const kinds = [...new Set(shots.flatMap((shot) => (shot.flagged ?? []).flatMap((flag) => flag.reasons.map((reason) => reason.kind))))];
byId("kind").append(make("option", { value: "" }, "all"), ...kinds.sort().map((one) => make("option", { value: one }, one)));
byId("kind").addEventListener("change", (event) => {
  kind = event.target.value;
  show(shown);
});
byId("at").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== "Escape") return;
  if (event.key === "Enter") goToFrame(Number(event.target.value.trim() || NaN));
  byId("shot").focus();
});
window.addEventListener("hashchange", follow);
const flagged = shots.reduce((sum, shot) => sum + (shot.flagged ?? []).length, 0);
const frames = shots.reduce((sum, shot) => sum + (shot.error ? 0 : shot.last - shot.first + 1), 0);
byId("summary").textContent = `${plural(shots.length, "shot")}, ${plural(frames, "frame")}, ${flagged} flagged`;
listShots();
show(0);
follow();
