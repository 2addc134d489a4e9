// What was written, what is recalled of it now, and where on the map that was.

import { colour, familiarColour, sharp } from "./charts.js";

const CELL = 34;
const ROWS_OF_LOG = 7;
const $ = (id) => document.getElementById(id);

export class Microscope {
  constructor() {
    this.clear();
    new ResizeObserver(() => this.redraw()).observe($("strip"));
  }

  clear() {
    this.thumbs = [];
    this.alike = [];
    this.writes = [];
    this.walk = [];
    this.best = -1;
    $("log").replaceChildren();
    this.tellRecall(null);
  }

  // All thumbnails of a session that was saved, side by side in one picture.
  async load({ blobs, count }) {
    const sheet = await createImageBitmap(blobs[0].blob);
    const side = sheet.width / count;
    const parts = Array.from({ length: count }, (_, i) => createImageBitmap(sheet, i * side, 0, side, sheet.height));
    this.thumbs = await Promise.all(parts);
    this.drawStrip();
  }

  plan({ blobs, pixels_per_metre, border }) {
    createImageBitmap(blobs[0].blob).then((picture) => {
      this.floor = { picture, scale: pixels_per_metre, border };
      this.drawMap();
    });
  }

  state({ writes, memory, chunks }) {
    this.writes = writes.slice(-ROWS_OF_LOG);
    this.thumbs.length = Math.min(this.thumbs.length, chunks);
    this.walk = this.walk.filter((it) => it.chunk < chunks);
    this.alike = [];
    this.best = -1;
    this.facts(memory);
    this.drawLog();
    this.redraw();
  }

  at(frame) {
    if (!frame.pose) return;
    const [x, y, heading] = frame.pose;
    this.walk.push({ x, y, heading, chunk: frame.chunk, seen: frame.seen, familiar: null });
    this.drawMap();
  }

  async done(done, picture) {
    if (done.write) {
      this.writes = [...this.writes, done.write].slice(-ROWS_OF_LOG);
      const thumb = await picture;
      if (thumb) this.thumbs.push(thumb);
    }
    this.alike = done.recall?.alike ?? [];
    this.best = done.recall?.age ? this.alike.length - done.recall.age : -1;
    for (const it of this.walk) if (it.chunk === done.chunk && done.recall) it.familiar = done.recall.familiarity;
    this.tellRecall(done.recall, done.seen);
    this.facts(done.memory);
    this.drawLog();
    this.redraw();
  }

  tellRecall(recall, seen) {
    const share = recall?.familiarity ?? 0;
    $("familiar").value = share;
    $("familiar-text").textContent = seen ? "seen" : recall ? `${Math.round(100 * share)} %` : "–";
    const age = recall?.age;
    $("age").textContent = age ? `${age} write${age > 1 ? "s" : ""}${recall.is_reversed ? ", reversed" : ""}` : "–";
  }

  facts(memory) {
    $("writes").textContent = memory?.writes ?? "–";
    $("size").textContent = memory ? `${(memory.bytes / 1e6).toFixed(1)} MB` : "–";
    $("norm").textContent = memory ? memory.norm.toFixed(1) : "–";
  }

  drawLog() {
    const rows = [...this.writes].reverse().map((write) => {
      const row = document.createElement("tr");
      const cells = [write.chunk + 1, short(write.loss_before), write.written ? short(write.loss_after) : "not new", (1000 * write.seconds).toFixed(0)];
      row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    });
    $("log").replaceChildren(...rows);
  }

  redraw() {
    this.drawStrip();
    this.drawMap();
  }

  drawStrip() {
    const canvas = $("strip"), columns = Math.max(1, Math.floor(canvas.clientWidth / CELL));
    const kept = this.thumbs.slice(-3 * columns), first = this.thumbs.length - kept.length;
    const shift = this.thumbs.length - this.alike.length; // the newest was written after it was asked
    const { pen } = sharp(canvas, CELL * Math.max(1, Math.ceil(kept.length / columns)));
    pen.imageSmoothingEnabled = false;
    kept.forEach((thumb, i) => {
      const [x, y] = [(i % columns) * CELL, Math.floor(i / columns) * CELL];
      const place = first + i - (shift > 1 ? shift - 1 : 0);
      pen.globalAlpha = this.alike.length ? 0.22 + 0.78 * (this.alike[place] ?? 0) : 0.75;
      pen.drawImage(thumb, x + 1, y + 1, CELL - 2, CELL - 2);
      pen.globalAlpha = 1;
      if (place === this.best) {
        pen.strokeStyle = colour("--memory");
        pen.lineWidth = 3;
        pen.strokeRect(x + 1.5, y + 1.5, CELL - 3, CELL - 3);
      }
    });
  }

  drawMap() {
    $("map-part").hidden = !this.walk.length;
    if (!this.walk.length) return;
    const canvas = $("map"), frame = this.frame();
    const height = Math.min(260, (canvas.clientWidth * frame.height) / frame.width);
    const { pen, width } = sharp(canvas, height);
    const scale = Math.min(width / frame.width, height / frame.height);
    const at = ({ x, y }) => [(x - frame.left) * scale, (frame.top - y) * scale];
    if (this.floor) pen.drawImage(this.floor.picture, 0, 0, frame.width * scale, frame.height * scale);
    for (const it of this.walk) {
      pen.fillStyle = it.seen ? colour("--truth") : it.familiar === null ? "#8a8c93" : familiarColour(it.familiar);
      pen.beginPath();
      pen.arc(...at(it), it.seen ? 3 : 4, 0, 7);
      pen.fill();
    }
    arrow(pen, at(this.walk.at(-1)), this.walk.at(-1).heading);
  }

  // What the map shows, in metres: the floor plan, or else where the walk led.
  frame() {
    if (this.floor) {
      const { picture, scale, border } = this.floor;
      const [width, height] = [picture.width / scale, picture.height / scale];
      return { left: -border, top: height - border, width, height };
    }
    const xs = this.walk.map((it) => it.x), ys = this.walk.map((it) => it.y);
    const room = 0.1 * Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys), 2);
    const [left, top] = [Math.min(...xs) - room, Math.max(...ys) + room];
    return { left, top, width: Math.max(...xs) + room - left, height: top - Math.min(...ys) + room };
  }
}

function arrow(pen, [x, y], heading) {
  pen.save();
  pen.translate(x, y);
  pen.rotate((-heading * Math.PI) / 180);
  pen.fillStyle = "#d3381c";
  pen.strokeStyle = "#fff";
  pen.beginPath();
  pen.moveTo(10, 0);
  pen.lineTo(-6, 6);
  pen.lineTo(-3, 0);
  pen.lineTo(-6, -6);
  pen.closePath();
  pen.fill();
  pen.stroke();
  pen.restore();
}

function short(loss) {
  return loss && loss < 0.001 ? loss.toExponential(0) : loss.toFixed(loss ? 3 : 0);
}
