// The page: keys and buttons to the worker, frames and views from it to the screen.

import { Keys } from "./keys.js";
import { drawMap, Strip } from "./scope.js";

const FRAME_MS = 160;
const the = (id) => document.getElementById(id);
const worker = new Worker("worker.js", { type: "module" });
const screens = Object.fromEntries([...document.querySelectorAll(".pane")].map((it) => [it.dataset.pane, it.querySelector("canvas")]));
const strip = new Strip(the("strip"));

class Player {
  constructor() {
    this.waiting = []; // commands that come next
    this.held = null;
    this.isBusy = true;
    this.start = 0;
  }

  tell(kind, told = {}) {
    this.isBusy = true;
    worker.postMessage({ kind, ...told });
  }

  say(...actions) {
    this.waiting.push(...actions);
    this.goOn();
  }

  goOn() {
    const action = this.waiting[0] ?? this.held;
    if (this.isBusy || !action) return;
    this.waiting.shift();
    the("status").textContent = `dreaming: ${action}`;
    this.tell("act", { action });
  }

  begin(more = {}) {
    this.waiting = [];
    const told = { seed: Number(the("seed").value), steps: Number(the("steps").value), isSeen: the("seen").checked };
    this.tell("begin", { start: this.start, ...told, ...more });
  }
}

const player = new Player();
const keys = new Keys({
  hold: (text) => ((player.held = text), player.goOn()),
  once: (text) => player.say(text),
  release: () => (player.held = null),
});

const heard = {
  loading: ({ done, of }) => (the("status").textContent = `loading the model: ${done} of ${of}`),
  ready: ({ world }) => {
    player.world = world;
    the("place").textContent = `${world.name}, ${world.side} pixels`;
    the("threads").textContent = crossOriginIsolated ? `Up to ${navigator.hardwareConcurrency} cores compute.` : "One core computes.";
    the("steps").value = world.sampling_steps;
    keys.learn(world.texts.filter((text) => text));
    the("starts").replaceChildren(...world.starts.map(startButton));
    the("show").disabled = false;
    player.begin();
  },
  begun: (told) => still(told, "W A S D and the arrows move; hold a key to go on"),
  undone: (told) => still(told, "one chunk taken back"),
  forgotten: (told) => still(told, "everything forgotten"),
  opened: (told) => still(told, "memory opened: you stand where its first view was seen"),
  file: ({ blob }) => download(blob),
  frames: async ({ panes, familiarity, ms, action }) => {
    the("seconds").textContent = (ms / 1000).toFixed(1);
    the("familiar").textContent = `${Math.round(100 * familiarity)} %`;
    the("status").textContent = action;
    player.isBusy = false;
    player.goOn(); // the next chunk is computed while this one is shown
    await shown(panes);
  },
  views: ({ pictures, order, pose }) => {
    strip.show(pictures, order);
    drawMap(the("map"), order, pose);
    document.documentElement.dataset.state = "ready"; // nothing more comes until something is done
  },
  error: ({ text }) => {
    the("status").textContent = text;
    the("status").classList.add("bad");
    player.waiting = [];
    player.isBusy = false;
  },
};

worker.onmessage = ({ data }) => {
  if (data.kind !== "error") the("status").classList.remove("bad");
  heard[data.kind](data);
};
worker.onerror = () => heard.error({ text: "this browser cannot run the page; it must be served, not opened as a file" });

function still({ panes }, text) {
  the("status").textContent = text;
  player.isBusy = false;
  showing = showing.then(() => draw(panes, 0));
  player.goOn();
}

let showing = Promise.resolve();
function shown(panes) {
  return (showing = showing.then(async () => {
    for (let frame = 0; frame < panes.memory.length; frame++) {
      draw(panes, frame);
      await new Promise((done) => setTimeout(done, FRAME_MS));
    }
  }));
}

function draw(panes, frame) {
  for (const [pane, pictures] of Object.entries(panes)) {
    const canvas = screens[pane];
    [canvas.width, canvas.height] = [pictures[frame].width, pictures[frame].height];
    canvas.getContext("2d").putImageData(pictures[frame], 0, 0);
  }
}

function startButton(label, place) {
  const button = document.createElement("button");
  button.type = "button";
  button.innerHTML = `<img alt="">`;
  button.firstChild.src = `starts/${place}/frame.png`;
  button.firstChild.alt = label;
  button.setAttribute("aria-pressed", place === player.start);
  button.addEventListener("click", () => {
    player.start = place;
    [...the("starts").children].forEach((it, i) => it.setAttribute("aria-pressed", i === place));
    player.begin();
  });
  return button;
}

function download(blob) {
  player.isBusy = false;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = "adapter_model.safetensors";
  link.click();
  URL.revokeObjectURL(link.href);
}

async function pixelsOf(file) {
  // The middle square of a picture, (3, S, S) in [-1, 1].
  const bitmap = await createImageBitmap(file);
  const { side } = player.world;
  const least = Math.min(bitmap.width, bitmap.height);
  const context = new OffscreenCanvas(side, side).getContext("2d");
  context.drawImage(bitmap, (bitmap.width - least) / 2, (bitmap.height - least) / 2, least, least, 0, 0, side, side);
  const { data } = context.getImageData(0, 0, side, side);
  return Float32Array.from({ length: 3 * side * side }, (_, i) => data[4 * (i % side ** 2) + Math.floor(i / side ** 2)] / 127.5 - 1);
}

the("show").addEventListener("click", () => {
  player.begin({ isSeen: true });
  player.waiting = [...player.world.look_round];
});
the("undo").addEventListener("click", () => player.tell("undo"));
the("forget").addEventListener("click", () => player.tell("forget"));
the("save").addEventListener("click", () => player.tell("save"));
the("steps").addEventListener("change", () => player.begin());
the("seen").addEventListener("change", () => player.begin());
the("open").addEventListener("change", async ({ target }) => {
  if (target.files[0]) player.tell("open", { buffer: await target.files[0].arrayBuffer() });
  target.value = "";
});
the("picture").addEventListener("change", async ({ target }) => {
  if (target.files[0]) player.begin({ pixels: await pixelsOf(target.files[0]) });
  target.value = "";
});
the("theme").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  dataset.theme = dataset.theme === "dark" ? "light" : "dark";
});
if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.dataset.theme = "dark";
keys.shortcuts.u = () => player.tell("undo");
