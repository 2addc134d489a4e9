// Memory in the hand: undo, forget, save, load, fork, merge, files, observing, recording.

const $ = (id) => document.getElementById(id);
const MOST_BYTES = 32 * 2 ** 20;

export class Hand {
  constructor(connection, page) {
    this.connection = connection;
    this.page = page; // { say(text, isBad), command() }
    this.acts();
    this.files();
    this.carry();
  }

  acts() {
    const send = (type, values) => this.connection.send(type, values);
    $("undo").onclick = () => this.undo();
    $("share").oninput = () => ($("share-text").textContent = this.share() === 1 ? "all" : `${$("share").value} %`);
    $("forget").onclick = () => send("forget", { share: this.share() });
    $("save").onsubmit = (event) => (event.preventDefault(), $("save-name").blur(), send("save", { name: $("save-name").value.trim() || "walk" }));
    $("load").onsubmit = (event) => (event.preventDefault(), $("saves").value && send("load", { name: $("saves").value }));
    $("merge").onclick = () => $("saves").value && send("merge", { name: $("saves").value, share: 0.5 });
    $("fork").onclick = () => {
      this.tab = open("about:blank"); // in the click, so that no browser blocks it
      send("fork");
    };
    this.connection.addEventListener("forked", ({ detail }) => {
      const place = `${location.pathname}#load=${detail.name}`;
      if (this.tab) this.tab.location = place;
      this.page.say(`forked as ${detail.name}`);
    });
  }

  undo() {
    this.connection.send("undo", { count: Math.max(1, Number($("undo-count").value) || 1) });
  }

  share() {
    return Number($("share").value) / 100;
  }

  files() {
    $("upload").onchange = () => this.hand($("upload"), "memory");
    $("seen").onchange = () => this.hand($("seen"), "observe");
    const drop = $("drop");
    for (const name of ["dragenter", "dragover"]) addEventListener(name, (event) => (event.preventDefault(), drop.classList.add("over")));
    for (const name of ["dragleave", "drop"]) addEventListener(name, (event) => (event.preventDefault(), drop.classList.remove("over")));
    addEventListener("drop", ({ dataTransfer }) => {
      const file = dataTransfer.files[0];
      if (file) this.upload(file, file.name.endsWith(".safetensors") ? "memory" : "observe");
    });
  }

  hand(input, path) {
    if (input.files[0]) this.upload(input.files[0], path);
    input.value = "";
  }

  async upload(file, path) {
    if (file.size > MOST_BYTES) {
      this.page.say(`${file.name} has more than ${MOST_BYTES / 2 ** 20} megabytes, which is the most that is taken`, true);
      return;
    }
    this.page.say(`handing in ${file.name}…`);
    try {
      const answer = await fetch(this.connection.address(path, { text: this.page.command() }), { method: "POST", body: file });
      const said = await answer.json();
      if (!answer.ok) this.page.say(said.error, true);
    } catch {
      this.page.say(`${file.name} was not taken: the connection broke`, true);
    }
  }

  carry() {
    $("record").onclick = () => this.record($("record").getAttribute("aria-pressed") !== "true");
    this.connection.addEventListener("recorded", ({ detail }) => {
      const link = Object.assign(document.createElement("a"), { href: `recordings/${detail.name}`, download: detail.name, textContent: detail.name });
      $("recorded").replaceChildren(`${detail.frames} frames: `, link);
    });
    $("link").onclick = async () => {
      const place = await this.replayLink();
      $("recorded").replaceChildren(Object.assign(document.createElement("a"), { href: place, textContent: "replay link" }));
      try {
        await navigator.clipboard.writeText(place);
        this.page.say("the replay link is copied");
      } catch {
        this.page.say("the replay link stands below its button");
      }
    };
  }

  record(on) {
    $("record").setAttribute("aria-pressed", on);
    this.connection.send("record", { on });
  }

  async replayLink() {
    const said = await (await fetch(this.connection.address("replay"))).json();
    return `${location.origin}${location.pathname}#${new URLSearchParams(said)}`;
  }

  state({ saves, undoable, memory }) {
    const chosen = $("saves").value;
    $("saves").replaceChildren(...saves.map((name) => new Option(name, name, false, name === chosen)));
    if (!saves.length) $("saves").replaceChildren(new Option("none yet", ""));
    this.standing({ undoable, memory });
  }

  standing({ undoable, memory }) {
    $("undoable").textContent = undoable ? `of ${undoable} that can be taken back` : "nothing to take back yet";
    $("undo").disabled = !undoable;
    for (const id of ["forget", "merge"]) $(id).disabled = !memory;
    $("download").toggleAttribute("hidden", !memory);
    $("download").href = this.connection.address("memory");
    $("actions").href = this.connection.address("actions");
  }
}
