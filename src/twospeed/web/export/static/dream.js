// Two dreams from one place, with memory and without, one chunk after the other.

import { Memory } from "./memory.js";
import { levelsOf, noiseOf, sample } from "./sampler.js";
import { joined, mixed, part, parts, stacked, swapped } from "./tensors.js";

const LOOKS_AT = 4; // past frames that the recall layer sees
const MOST_UNDONE = 50;
const HALF = 0.5; // familiarity from which on a chunk is asked about at every other step, unguided

export class Dream {
  constructor(world, texts, graphs) {
    Object.assign(this, { world, graphs, memory: new Memory(world, graphs), steps: world.sampling_steps, seed: 0 });
    this.texts = Object.fromEntries(world.texts.map((text, i) => [text, part(texts, i)]));
  }

  // Begins with these latents of frames in both panes; memory is as `begin` or `open` of it left it.
  begin(frames) {
    this.past = { memory: frames, plain: frames };
    this.chunk = 0;
    this.before = [];
  }

  async step(action, noise = null) {
    const { chunk_frames: count, channels, cells } = this.world;
    const told = stacked([asToken(this.texts[action])]);
    const read = await this.memory.read(this.past.memory, told);
    noise ??= noiseOf(this.seed, this.chunk, [count, channels, cells, cells]);
    const recalled = await this.told(action, read);
    const x = stacked([noise, noise]);
    const predict = (it, level, index) => this.predict(it, level, index, read, recalled, action);
    const { signals, sampling_order: order, sampling_shift: shift } = this.world;
    const new2 = await sample(predict, x, signals, levelsOf(signals, this.steps, shift), order);
    this.before = [...this.before.slice(1 - MOST_UNDONE), { past: this.past, memory: this.memory.snapshot() }];
    const [remembered, plain] = parts(new2).map(parts);
    await this.memory.write(read.start, this.past.memory.at(-1), remembered, told);
    const after = (pane, frames) => [...this.past[pane], ...frames].slice(-this.world.past_frames);
    this.past = { memory: after("memory", remembered), plain: after("plain", plain) };
    this.chunk += 1;
    return { frames: { memory: await this.pixels(remembered), plain: await this.pixels(plain) }, read };
  }

  undo() {
    const last = this.before.pop();
    if (!last) return false;
    Object.assign(this, { past: last.past, chunk: this.chunk - 1 });
    this.memory.state = last.memory;
    return true;
  }

  // What the denoiser is told to come, with the command and without: in the pane with memory what is
  // drawn, where any seen view looks; else what its own recall layer guesses.
  async told(action, read) {
    const asked = [action, ""];
    const panes = Object.keys(this.past);
    const { recalled } = await this.graphs.run("recalled", {
      past: stacked(panes.flatMap((pane) => asked.map(() => swapped(stacked(latest(this.past[pane], LOOKS_AT)))))),
      text: stacked(panes.flatMap(() => asked.map((text) => asToken(this.texts[text])))),
    });
    const guesses = Object.fromEntries(panes.map((pane, i) => [pane, parts(recalled).slice(2 * i, 2 * i + 2)]));
    const drawn = joined([flat(read.latents), { data: [read.familiarity], dims: [1] }]);
    return read.used.length ? { ...guesses, memory: [drawn, drawn] } : guesses;
  }

  // The clean latents of both panes at one level: [2, frames, channels, cells, cells]. What an action
  // changes is added once more where noise is great, less where the chunk is remembered. A chunk that
  // is half known is asked about at every other step, and its clean latents are held between.
  async predict(x, level, index, read, recalled, action) {
    const scale = level >= this.world.guided_from ? this.world.guidance : 0;
    const isHalfKnown = read.familiarity >= HALF;
    const share = isHalfKnown ? 0 : 1 - read.familiarity;
    const isHeld = isHalfKnown && index % 2 === 1;
    const asks = [];
    const ask = (pane, text) => asks.push({ pane, text, recalled: recalled[pane][text ? 0 : 1] }) - 1;
    ask("plain", action);
    const plain = scale ? ask("plain", "") : 0;
    const fast = read.isKnown || isHeld ? -1 : ask("memory", action);
    const slow = scale * share > 0 && fast > 0 ? ask("memory", "") : fast;
    const clean = await this.ask(asks, x, level);
    if (fast > 0) this.held = gated(clean[fast], read);
    const remembered = read.isKnown ? read.latents : this.held;
    return stacked([
      slow === fast ? remembered : guided(remembered, clean[fast], clean[slow], scale * share),
      plain ? guided(clean[0], clean[0], clean[plain], scale) : clean[0],
    ]);
  }

  async ask(asks, x, level) {
    const place = { memory: 0, plain: 1 };
    const past = this.past.memory.length;
    const count = x.dims[1];
    const windows = asks.map(({ pane }) => swapped(joined([stacked(this.past[pane]), part(x, place[pane])])));
    const levels = Array.from({ length: asks.length * (past + count) }, (_, i) => (i % (past + count) < past ? 0n : BigInt(level)));
    const { clean } = await this.graphs.run("denoise", {
      noisy: stacked(windows),
      level: { data: BigInt64Array.from(levels), dims: [asks.length, past + count] },
      text: stacked(asks.map(({ text }) => asToken(this.texts[text]))),
      recalled: stacked(asks.map(({ recalled }) => recalled)),
    });
    return parts(clean).map((window) => stacked(parts(swapped(window)).slice(past)));
  }

  async pixels(frames) {
    return stacked((await this.memory.look(frames)).map((it) => it.pixels));
  }
}

function asToken(text) {
  return { data: text.data, dims: [1, text.data.length] };
}

function flat({ data }) {
  return { data, dims: [data.length] };
}

function latest(frames, count) {
  return [...Array.from({ length: Math.max(count - frames.length, 0) }, () => frames[0]), ...frames.slice(-count)];
}

// Predictions go over to what is drawn, cell by cell.
function gated(clean, { latents, share }) {
  const cells = clean.dims[2] * clean.dims[3];
  const shareAt = (i) => share.data[Math.floor(i / (cells * clean.dims[1])) * cells + (i % cells)];
  return mixed(clean, latents, (it, other, i) => it + shareAt(i) * (other - it));
}

function guided(clean, told, untold, scale) {
  return mixed(clean, told, (it, other, i) => it + scale * (other - untold.data[i]));
}
