/* Views: how a frame is shown, made of its pixels. Each says which pictures it needs. */
const COLORS = { gray: [128, 128, 128], green: [0, 177, 64], blue: [0, 71, 187], black: [0, 0, 0], white: [255, 255, 255], red: [200, 40, 40] };
const SHADE = [150, 20, 40];

const VIEWS = {
  plate: { needs: ["plate"], pixel: null },
  alpha: { needs: ["alpha"], pixel: null },
  overlay: {
    needs: ["plate", "alpha"],
    fill(out, { plate, alpha }) {
      for (let at = 0; at < out.length; at += 4) {
        const part = 0.6 * (1 - alpha[at] / 255);
        for (let c = 0; c < 3; c += 1) out[at + c] = plate[at + c] + part * (SHADE[c] - plate[at + c]);
        out[at + 3] = 255;
      }
    },
  },
  over: {
    needs: ["plate", "alpha"],
    fill(out, { plate, alpha }, color) {
      for (let at = 0; at < out.length; at += 4) {
        const part = alpha[at] / 255;
        for (let c = 0; c < 3; c += 1) out[at + c] = color[c] + part * (plate[at + c] - color[c]);
        out[at + 3] = 255;
      }
    },
  },
  /* The frame before is red, the next one blue, this one green: what stands is gray. */
  onion: {
    needs: ["before", "alpha", "after"],
    fill(out, { before, alpha, after }) {
      for (let at = 0; at < out.length; at += 4) {
        out[at] = before[at];
        out[at + 1] = alpha[at];
        out[at + 2] = after[at];
        out[at + 3] = 255;
      }
    },
  },
  matte: { needs: ["matte"], pixel: null },
};

/** Returns the pixels of a view: ImageData. */
function compose(view, parts, color) {
  const { needs, fill } = VIEWS[view];
  if (!fill) return parts[needs[0]];
  const { width, height } = parts[needs[0]];
  const made = new ImageData(width, height);
  const data = Object.fromEntries(needs.map((name) => [name, parts[name].data]));
  fill(made.data, data, color);
  return made;
}
