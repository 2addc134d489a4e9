// Computes beside the page: takes what the player does, one thing after the other, and shows frames.

import { Dream } from "./dream.js";
import { Graphs } from "./graphs.js";
import { read } from "./safetensors.js";
import { fetched, fileOf, rowsIn, startAt, tensorsAt } from "./starts.js";
import { parts } from "./tensors.js";

const NAMES = ["look", "ahead", "between", "draw", "recalled", "denoise", "encode"];

class Player {
  static async load() {
    const player = new Player();
    player.world = await (await fetched("./world.json")).json();
    const { tensors } = await tensorsAt("./texts.safetensors");
    let done = 0;
    const graphs = await Graphs.load(NAMES, (name) => postMessage({ kind: "loading", name, done: ++done, of: NAMES.length }));
    player.dream = new Dream(player.world, tensors.texts, graphs);
    player.shown = new Map(); // view -> its number on the page
    return player;
  }

  // Begins at a start, or with a picture's pixels; what was seen before is remembered or not.
  async begin({ start, pixels, isSeen, seed, steps }) {
    const { dream, world } = this;
    Object.assign(dream, { seed, steps });
    dream.memory.begin();
    this.shown.clear();
    if (pixels) {
      const { latents } = await dream.graphs.run("encode", { pixels: { data: pixels, dims: [1, 3, world.side, world.side] } });
      dream.begin(parts(latents));
    } else {
      const place = await startAt(start, world);
      this.metadata = place.metadata;
      if (isSeen) dream.memory.state = place.seen;
      dream.begin(isSeen ? place.last : place.first);
    }
    await this.show("begun");
  }

  async act({ action }) {
    const began = performance.now();
    const { frames, read: found } = await this.dream.step(action);
    const panes = Object.fromEntries(Object.entries(frames).map(([pane, it]) => [pane, parts(it).map(imageOf)]));
    const used = new Set(found.used);
    postMessage({ kind: "frames", panes, familiarity: found.familiarity, ms: performance.now() - began, action });
    await this.views(used);
  }

  async undo() {
    this.dream.undo();
    await this.show("undone");
  }

  async forget() {
    this.dream.memory.begin();
    await this.show("forgotten");
  }

  async open({ buffer }) {
    const rows = rowsIn(read(buffer), this.world);
    this.dream.memory.begin();
    Object.assign(this.dream.memory.state, { rows, writes: Math.max(0, ...rows.kept.map((it) => it.chunk + 1)) });
    await this.show("opened");
  }

  async save() {
    const { rows } = this.dream.memory.state;
    if (!rows.kept.length) throw new Error("nothing is remembered yet");
    postMessage({ kind: "file", blob: fileOf(rows, this.metadata) });
  }

  async show(what) {
    const { past, chunk } = this.dream;
    const last = await this.dream.pixels([past.memory.at(-1), past.plain.at(-1)]);
    const [memory, plain] = parts(last).map(imageOf);
    postMessage({ kind: what, panes: { memory: [memory], plain: [plain] }, chunk });
    await this.views(new Set());
  }

  // Tells the page which views are kept, with the pictures of those that it has not seen.
  async views(used) {
    const { memory } = this.dream;
    const { kept } = memory.state.rows;
    const fresh = kept.filter((it) => !this.shown.has(it));
    const looks = await memory.look(fresh.map((it) => it.latents));
    const pictures = fresh.map((it, i) => [this.number(it), imageOf(looks[i].pixels)]);
    const order = kept.map((it) => ({ number: this.number(it), pose: it.pose, isUsed: used.has(it) }));
    postMessage({ kind: "views", pictures, order, pose: memory.state.pose });
  }

  number(view) {
    if (!this.shown.has(view)) this.shown.set(view, this.shown.size);
    return this.shown.get(view);
  }
}

// Pixels (3, S, S) in [-1, 1] -> a picture of a canvas.
function imageOf({ data, dims: [, height, width] }) {
  const picture = new ImageData(width, height);
  const count = width * height;
  for (let i = 0; i < count; i++) {
    for (let colour = 0; colour < 3; colour++) picture.data[4 * i + colour] = Math.round((data[colour * count + i] + 1) * 127.5);
    picture.data[4 * i + 3] = 255;
  }
  return picture;
}

const loaded = Player.load();
let queue = loaded.then((player) => postMessage({ kind: "ready", world: player.world }), complain);

onmessage = ({ data: { kind, ...told } }) => {
  queue = queue.then(async () => (await loaded)[kind](told)).catch(complain);
};

function complain(error) {
  postMessage({ kind: "error", text: error.message });
}
