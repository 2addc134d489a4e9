// Keys, touch buttons and words: whatever is pressed last is what is said.

const PAD = [
  { text: "step left", key: "A", sign: "⇤" },
  { text: "go forward", key: "W", sign: "↑" },
  { text: "step right", key: "D", sign: "⇥" },
  { text: "turn left", key: "←", sign: "↺" },
  { text: "go back", key: "S", sign: "↓" },
  { text: "turn right", key: "→", sign: "↻" },
];
const KEYS = {
  KeyW: "go forward", ArrowUp: "go forward", KeyS: "go back", ArrowDown: "go back",
  KeyA: "step left", KeyD: "step right", ArrowLeft: "turn left", ArrowRight: "turn right",
  KeyQ: "turn left", KeyE: "turn right",
};

export class Keys {
  constructor(speak) {
    this.speak = speak; // { hold(text), once(text), release() }
    this.down = [];
    this.shortcuts = {};
    addEventListener("keydown", (event) => this.press(event));
    addEventListener("keyup", (event) => this.letGo(event.code));
    addEventListener("blur", () => this.letAllGo());
  }

  learn(actions) {
    const known = new Set(actions);
    fill("pad", PAD.filter(({ text }) => known.has(text)), ({ text, key, sign }) => {
      const button = this.button(text);
      button.innerHTML = `<span aria-hidden="true">${sign} <kbd>${key}</kbd></span><small></small>`;
      button.lastChild.textContent = text;
      return button;
    });
    fill("chips", actions, (text) => {
      const button = this.button(text);
      button.textContent = text;
      return button;
    });
    document.getElementById("pad").hidden = !PAD.some(({ text }) => known.has(text));
    this.known = known;
  }

  button(text) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.text = text;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      this.start(button, text);
    });
    for (const name of ["pointerup", "pointercancel"]) button.addEventListener(name, () => this.letGo(button));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    button.addEventListener("click", (event) => event.detail === 0 && this.speak.once(text)); // by keyboard
    return button;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const shortcut = this.shortcuts[event.key.toLowerCase()];
    const text = KEYS[event.code];
    if (shortcut && !event.repeat) {
      event.preventDefault();
      shortcut();
    } else if (text && this.known?.has(text)) {
      event.preventDefault();
      if (!event.repeat) this.start(event.code, text);
    }
  }

  start(source, text) {
    this.down = [...this.down.filter((it) => it.source !== source), { source, text }];
    this.mark();
    this.speak.hold(text);
  }

  letGo(source) {
    const before = this.down.at(-1);
    this.down = this.down.filter((it) => it.source !== source);
    if (this.down.at(-1) === before) return;
    this.mark();
    if (this.down.length) this.speak.hold(this.down.at(-1).text);
    else this.speak.release();
  }

  letAllGo() {
    if (this.down.length) this.speak.release();
    this.down = [];
    this.mark();
  }

  mark() {
    const text = this.down.at(-1)?.text;
    for (const button of document.querySelectorAll("[data-text]")) button.classList.toggle("down", button.dataset.text === text);
  }
}

function fill(id, items, make) {
  document.getElementById(id).replaceChildren(...items.map(make));
}

function isTyping(target) {
  return target.matches?.("input:not([type=range]):not([type=checkbox]), select, textarea");
}
