// Views in the hand of one episode: draws what comes from what was seen, and keeps what is new.

import { covering } from "./coverage.js";
import { relative, walked } from "./poses.js";
import { Rows } from "./rows.js";
import { filled, part, parts, stacked } from "./tensors.js";

export class Memory {
  constructor(world, graphs) {
    Object.assign(this, { world, graphs, looks: new WeakMap() });
    this.begin();
  }

  begin() {
    this.state = { rows: new Rows(this.world), pose: [0, 0, 0], last: null, writes: 0 };
  }

  snapshot() {
    return { ...this.state, rows: this.state.rows.copy() };
  }

  // What follows when a command is done: latents [frames, channels, cells, cells], and how far each
  // cell is trusted.
  async read(past, text) {
    const last = past.at(-1);
    const { steps } = await this.graphs.run("ahead", { last: stacked([last]), text });
    const start = this.placeOf(last);
    const poses = walked(start, parts(steps).map(({ data }) => [...data]));
    const { channels, cells, memory } = this.world;
    const drawn = poses.map(() => ({ latents: filled([channels, cells, cells]), share: filled([cells, cells]) }));
    const todo = [];
    poses.forEach((pose, place) => {
      const row = this.state.rows.at(pose, memory.known_view);
      if (row < 0) todo.push(place);
      else drawn[place] = { latents: this.state.rows.kept[row].latents, share: filled([cells, cells], 1), used: [row] };
    });
    if (todo.length) await this.draw(poses, todo, drawn);
    const share = stacked(drawn.map((it) => it.share));
    return {
      start,
      latents: stacked(drawn.map((it) => it.latents)),
      share,
      isKnown: share.data.every((it) => it === 1),
      familiarity: share.data.reduce((sum, it) => sum + it, 0) / share.data.length,
      used: drawn.flatMap((it) => it.used ?? []).map((row) => this.state.rows.kept[row]),
    };
  }

  async draw(poses, todo, drawn) {
    const { kept } = this.state.rows;
    const chosen = todo.map((place) => this.covering(poses[place]).chosen);
    const used = [...new Set(chosen.flat())];
    if (!used.length) return;
    const looks = await this.look(used.map((row) => kept[row].latents));
    const seen = Math.max(...chosen.map((it) => it.length));
    const [index, there, steps] = [[], [], []];
    chosen.forEach((rows, i) => {
      for (let k = 0; k < seen; k++) {
        const row = rows[k] ?? used[0];
        index.push(BigInt(used.indexOf(row)));
        there.push(k < rows.length ? 1 : 0);
        steps.push(...relative(kept[row].pose, poses[todo[i]]));
      }
    });
    const dims = [todo.length, seen];
    const { latents, share } = await this.graphs.run("draw", {
      pixels: stacked(looks.map((it) => it.pixels)),
      told: stacked(looks.map((it) => it.told)),
      index: { data: BigInt64Array.from(index), dims },
      steps: { data: Float32Array.from(steps), dims: [...dims, 3] },
      there: { data: Uint8Array.from(there), dims },
    });
    todo.forEach((place, i) => (drawn[place] = { latents: part(latents, i), share: part(share, i), used: chosen[i] }));
  }

  // Decodes frames and finds what they tell of places, each once: { pixels, told }.
  async look(frames) {
    const missing = [...new Set(frames)].filter((it) => !this.looks.has(it));
    if (missing.length) {
      const { pixels, told } = await this.graphs.run("look", { latents: stacked(missing) });
      missing.forEach((it, i) => this.looks.set(it, { pixels: part(pixels, i), told: part(told, i) }));
    }
    return frames.map((it) => this.looks.get(it));
  }

  // Keeps of a generated chunk what no view shows yet.
  async write(start, last, frames, text) {
    const chain = [last, ...frames];
    const steps = [];
    for (let i = 0; i < frames.length; i++) {
      const pair = { before: stacked([chain[i]]), after: stacked([chain[i + 1]]), text };
      steps.push([...(await this.graphs.run("between", pair)).step.data]);
    }
    const poses = [start, ...walked(start, steps)];
    const { rows, writes } = this.state;
    for (let place = writes ? 1 : 0; place < poses.length; place++) {
      const isNews = this.covering(poses[place]).covered < this.world.memory.news_below;
      if (isNews) rows.put({ pose: poses[place], chunk: writes, latents: chain[place] });
    }
    Object.assign(this.state, { pose: poses.at(-1), last: frames.at(-1), writes: writes + 1 });
  }

  placeOf(last) {
    const { rows, pose, last: seen } = this.state;
    if (!rows.kept.length) return [0, 0, 0];
    const isLast = seen && seen.data.every((it, i) => it === last.data[i]);
    return isLast ? pose : (rows.poseOf(last, pose) ?? pose);
  }

  covering(pose) {
    const { reach, memory, covering: spots } = this.world;
    return covering(this.state.rows.kept, pose, { most: memory.references, reach, covering: spots });
  }
}
