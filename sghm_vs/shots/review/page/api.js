/* What the server is asked: states as JSON, frames as pixels that are kept. */
const token = new URLSearchParams(location.search).get("token") ?? "";
const KEPT_BYTES = 400 * 2 ** 20;

/** Returns the JSON of a path; with a body it is sent there. Throws an Error with the server's words. */
async function ask(path, body) {
  const how = { headers: { "X-Sghm-Token": token } };
  if (body !== undefined) {
    how.method = "POST";
    how.headers["Content-Type"] = "application/json";
    how.body = JSON.stringify(body);
  }
  const answer = await fetch(path, how);
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

/** Pixels of frames, ImageData by path; those asked for last are kept. A browser has few connections. */
class Pixels {
  constructor(width, height) {
    this.most = Math.max(Math.floor(KEPT_BYTES / (4 * width * height)), 8);
    this.kept = new Map();
    this.pending = new Map();
    this.canvas = new OffscreenCanvas(width, height);
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
  }

  get(path) {
    let found = this.kept.get(path);
    if (found) this.kept.delete(path);
    else {
      const abort = new AbortController();
      this.pending.set(path, abort);
      found = this.load(path, abort.signal).finally(() => this.pending.delete(path));
      found.catch(() => this.kept.delete(path));
    }
    this.kept.set(path, found);
    if (this.kept.size > this.most) this.kept.delete(this.kept.keys().next().value);
    return found;
  }

  /** Ends what is loaded and not among these paths. */
  keepOnly(paths) {
    for (const [path, abort] of [...this.pending]) {
      if (paths.has(path)) continue;
      this.kept.delete(path);
      abort.abort();
    }
  }

  async load(path, signal) {
    const answer = await fetch(path, { headers: { "X-Sghm-Token": token }, signal });
    if (!answer.ok) throw new Error((await answer.json()).error);
    const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
    const bitmap = await createImageBitmap(await answer.blob(), options);
    this.pen.clearRect(0, 0, bitmap.width, bitmap.height);
    this.pen.drawImage(bitmap, 0, 0);
    const pixels = this.pen.getImageData(0, 0, bitmap.width, bitmap.height);
    bitmap.close();
    return pixels;
  }
}
