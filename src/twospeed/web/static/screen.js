// Shows frames at an even pace, one after the other, and acknowledges each when it is on the screen.

import { drawSpark } from "./charts.js";

const LONGEST_MS = 280;
const KEPT = 160;

export class Screen {
  constructor(connection, onShown) {
    this.connection = connection;
    this.onShown = onShown;
    this.panes = new Map([...document.querySelectorAll(".pane")].map((it) => [it.dataset.pane, new Pane(it)]));
    this.queue = [];
    this.pace = 0;
    this.times = [];
    this.chunk = { of: 4, ms: 0 };
    connection.addEventListener("frame", (event) => this.take(event.detail));
    this.last = 0;
    this.isBusy = false;
  }

  async take(frame) {
    // Pictures are decoded side by side, frames stay in their order.
    frame.bitmaps = Promise.all(frame.blobs.map(async ({ pane, blob }) => [pane, await createImageBitmap(blob)]));
    this.queue.push(frame);
    if (!this.isBusy) await this.show();
  }

  async show() {
    this.isBusy = true;
    while (this.queue.length) {
      const frame = this.queue.shift();
      const bitmaps = await frame.bitmaps;
      const wait = this.last + this.interval(frame) - performance.now();
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      this.draw(frame, bitmaps);
    }
    this.isBusy = false;
  }

  interval(frame) {
    const isAnswer = frame.at > 0 && frame.index === 0;
    if (frame.of === 1 || isAnswer) return 0;
    if (frame.ms.infer) this.chunk.ms = frame.ms.infer + 60;
    const even = Math.min(this.chunk.ms / frame.of, LONGEST_MS);
    const hurry = this.isAsked ? 25 : even * (this.queue.length > frame.of ? 0.7 : 1);
    return Math.max(hurry, this.pace ? 1000 / this.pace : 0);
  }

  draw(frame, bitmaps) {
    const names = new Set(bitmaps.map(([name]) => name));
    for (const [name, bitmap] of bitmaps) this.panes.get(name)?.show(bitmap, frame);
    for (const [name, pane] of this.panes) pane.mark(names.has(name));
    this.last = performance.now();
    if (frame.at > 0 && frame.index === 0) this.isAsked = false;
    this.connection.send("ack", { frame: frame.frame });
    this.onShown(frame, this.rate(frame));
  }

  rate(frame) {
    if (frame.of > 1) this.times.push(this.last);
    while (this.times.length && this.last - this.times[0] > 4000) this.times.shift();
    const span = this.last - this.times[0];
    return this.times.length > 4 ? (1000 * (this.times.length - 1)) / span : 0;
  }

  clear() {
    for (const pane of this.panes.values()) pane.clear();
  }

  redraw() {
    for (const pane of this.panes.values()) pane.chart();
  }

  thumbnail() {
    const pane = this.panes.get("memory").isThere ? "memory" : "plain";
    return createImageBitmap(this.panes.get(pane).canvas);
  }
}

class Pane {
  constructor(figure) {
    this.figure = figure;
    this.name = figure.dataset.pane;
    this.canvas = figure.querySelector(".screen canvas");
    this.badge = figure.querySelector(".badge");
    this.figures = figure.querySelector(".psnr");
    this.spark = figure.querySelector(".spark");
    this.values = [];
    this.isThere = true;
  }

  show(bitmap, frame) {
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height)
      [this.canvas.width, this.canvas.height] = [bitmap.width, bitmap.height];
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    const value = frame.psnr[this.name];
    this.badge.hidden = this.name === "truth";
    this.badge.textContent = frame.seen ? "seen" : "dreamed";
    if (this.spark && frame.of > 1) {
      this.values.push(value ?? null);
      if (this.values.length > KEPT) this.values.shift();
      this.figures.textContent = value === undefined ? "–" : `${value.toFixed(1)} dB`;
      this.chart();
    }
  }

  mark(isThere) {
    this.isThere = isThere;
    this.figure.classList.toggle("lost", !isThere);
    const unknown = this.figure.querySelector(".unknown");
    if (unknown) unknown.hidden = isThere;
    if (this.name === "memory") this.figure.hidden = !isThere;
  }

  chart() {
    if (this.spark) drawSpark(this.spark, this.values, getComputedStyle(this.figure).getPropertyValue("--tone"));
  }

  clear() {
    this.values = [];
    if (this.spark) this.figures.textContent = "–";
    this.chart();
  }
}
