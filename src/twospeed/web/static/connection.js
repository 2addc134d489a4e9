// The WebSocket and its messages; docs/protocol.md.

const VERSION = 1;

export class Connection extends EventTarget {
  constructor() {
    super();
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}/ws`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onclose = () => this.tell("gone", {});
  }

  send(type, values = {}) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type, ...values }));
  }

  receive(data) {
    const [message, pictures] = typeof data === "string" ? [JSON.parse(data), []] : unpack(data);
    if (message.type === "hello") {
      if (message.protocol !== VERSION) location.reload();
      this.key = message.key;
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
