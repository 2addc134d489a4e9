// The page: what is pressed goes to the server, what comes back goes on the screen.

import { Connection } from "./connection.js";
import { Hand } from "./hand.js";
import { Keys } from "./keys.js";
import { Microscope } from "./microscope.js";
import { Screen } from "./screen.js";

const $ = (id) => document.getElementById(id);
const connection = new Connection();
const microscope = new Microscope();
let eyes = "dream", isPaused = false, last = "", hasTruth = false, lag = [], isAnew = false;

const screen = new Screen(connection, (frame, rate) => {
  microscope.at(frame);
  if (frame.of === 1) return;
  $("fps").textContent = rate ? rate.toFixed(1) : "–";
  if (frame.at > 0 && frame.index === 0) {
    lag = [...lag, performance.now() - frame.at].slice(-15);
    $("latency").textContent = `${(median(lag) / 1000).toFixed(2)} s`;
  }
});

const speak = {
  hold: (text) => say(text, !isPaused),
  once: (text) => say(text, false),
  release: () => isPaused || connection.send("release"),
};
const keys = new Keys(speak);
const hand = new Hand(connection, { say: tell, command: () => last || keys.known?.values().next().value || "" });
keys.shortcuts = { p: () => pause(!isPaused), ".": step, u: () => hand.undo(), o: () => look(eyes === "look" ? "dream" : "look") };

function say(text, hold) {
  if (keys.known?.has(text)) meant(text);
  screen.isAsked = true;
  connection.send("say", { text, hold, look: eyes === "look", at: performance.now() });
}

function meant(text) {
  last = text;
  $("led").textContent = text;
}

function step() {
  if (last) say(last, false);
}

function pause(on) {
  isPaused = on;
  $("pause").setAttribute("aria-pressed", on);
  if (on) connection.send("release");
}

function look(how) {
  eyes = how === "look" && !hasTruth ? "dream" : how;
  for (const button of document.querySelectorAll("[data-eyes]")) button.setAttribute("aria-pressed", button.dataset.eyes === eyes);
}

function tell(text, isBad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", isBad);
}

function begin(values) {
  screen.clear();
  microscope.clear();
  microscope.floor = null;
  connection.send("begin", values);
}

function stand({ truth }) {
  hasTruth = truth;
  document.querySelector("[data-eyes=look]").disabled = !truth;
  $("show").disabled = !truth || !keys.known?.has("turn left");
  if (!truth) look("dream");
}

connection.addEventListener("hello", ({ detail }) => {
  isAnew = detail.again && !detail.resumed;
  if (isAnew) [screen, microscope].forEach((it) => it.clear());
  if (detail.again) return;
  keys.learn(detail.actions);
  const { world, frame_width: width, frame_size: height, hash } = detail.model;
  $("model").textContent = `${world || "of no world of ours"}, ${width}x${height} px, ${hash}`;
  document.documentElement.style.setProperty("--shape", `${width} / ${height}`);
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.has("load")) connection.send("load", { name: asked.get("load") });
  if (asked.has("actions")) {
    begin({ first: asked.get("first"), seed: Number(asked.get("seed")) || 0, memory: asked.get("memory") !== "false" });
    connection.send("replay", { actions: asked.get("actions") });
  }
});
connection.addEventListener("state", ({ detail }) => {
  $("place").replaceChildren(Object.assign(document.createElement("b"), { textContent: detail.start }), `, seed ${detail.seed}`);
  $("first").value ||= /^[a-z_]+:\d+$/.test(detail.start) ? detail.start : "";
  if (isAnew) tell("the connection is back, but the walk is no longer there: a new one begins; what was saved is still there", true);
  else if (detail.note) tell(detail.note);
  isAnew = false;
  stand(detail);
  hand.state(detail);
  microscope.state(detail);
});
connection.addEventListener("done", ({ detail }) => {
  meant(detail.text);
  if ($("status").classList.contains("bad")) tell("");
  stand(detail);
  hand.standing(detail);
  microscope.done(detail, screen.thumbnail());
  const { infer, memory } = detail.ms;
  $("spent").textContent = `Last chunk: ${infer.toFixed(0)} ms to generate, ${memory.toFixed(0)} ms to write.`;
});
connection.addEventListener("plan", ({ detail }) => microscope.plan(detail));
connection.addEventListener("thumbs", ({ detail }) => microscope.load(detail));
connection.addEventListener("error", ({ detail }) => tell(detail.message, true));
connection.addEventListener("away", () => tell("the connection broke: trying again", true));
connection.addEventListener("gone", () => tell("the connection is gone: reload the page; what was saved is still there", true));

$("say").onsubmit = (event) => {
  event.preventDefault();
  if ($("words").value.trim()) say($("words").value.trim(), false);
};
$("pause").onclick = () => pause(!isPaused);
$("step").onclick = step;
$("reset").onclick = () => begin({ first: $("first").value || null, seed: Number($("seed").value) || 0, memory: $("remember").checked });
$("begin").onsubmit = (event) => (event.preventDefault(), $("reset").onclick());
$("pace").onchange = () => (screen.pace = Number($("pace").value));
$("show").onclick = () => {
  tell("four chunks with open eyes, all the way round; then the same turn dreamed");
  connection.send("replay", { actions: "look: turn left*4, turn left*4" });
};
for (const button of document.querySelectorAll("[data-eyes]")) button.onclick = () => look(button.dataset.eyes);

function theme(name) {
  document.documentElement.dataset.theme = name;
  screen.redraw();
  microscope.redraw();
}
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.onchange = () => theme(dark.matches ? "dark" : "light");
$("theme").onclick = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
theme(dark.matches ? "dark" : "light");

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
