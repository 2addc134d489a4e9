// The WebSocket and its messages; docs/protocol.md.

const VERSION = 1;
const FINAL = [1008, 1013]; // closed by the server, which will not have us
const FIRST_MS = 500, LONGEST_MS = 8000, KEPT_MS = 120000;

export class Connection extends EventTarget {
  constructor() {
    super();
    this.key = "";
    this.since = 0; // when the connection broke
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/ws?resume=${this.key}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = ({ code }) => this.lose(code);
  }

  lose(code) {
    const now = performance.now();
    if (!this.since) [this.since, this.wait] = [now, FIRST_MS];
    if (FINAL.includes(code) || !this.key || now - this.since > KEPT_MS) return this.tell("gone", {});
    this.tell("away", {});
    setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST_MS);
  }

  send(type, values = {}) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type, ...values }));
  }

  receive(data) {
    const [message, pictures] = typeof data === "string" ? [JSON.parse(data), []] : unpack(data);
    if (message.type === "hello") {
      if (message.protocol !== VERSION) location.reload();
      this.key = message.key;
      message.again = this.since > 0;
      this.since = 0;
    }
    this.tell(message.type, { ...message, blobs: pictures });
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  address(path, values = {}) {
    return `${path}?${new URLSearchParams({ key: this.key, ...values })}`;
  }
}

function unpack(data) {
  const length = new DataView(data).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  let place = 4 + length;
  const pictures = header.pictures.map(({ pane, bytes }) => {
    const blob = new Blob([new Uint8Array(data, place, bytes)], { type: `image/${header.encoding}` });
    place += bytes;
    return { pane, blob };
  });
  return [header, pictures];
}
