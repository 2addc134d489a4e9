// Reads and writes files of safetensors with 32-bit floats.

export function read(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(entries)) {
    if (dtype !== "F32") throw new Error(`its ${name} is of ${dtype}, this reads F32`);
    tensors[name] = { dims: shape, data: new Float32Array(buffer.slice(8 + length + begin, 8 + length + end)) };
  }
  return { metadata, tensors };
}

export function write(tensors, metadata) {
  let place = 0;
  const header = { __metadata__: metadata };
  for (const [name, { dims, data }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape: dims, data_offsets: [place, (place += data.byteLength)] };
  }
  let text = JSON.stringify(header);
  text += " ".repeat((8 - (text.length % 8)) % 8);
  const bytes = new TextEncoder().encode(text);
  const count = new BigUint64Array([BigInt(bytes.length)]);
  return new Blob([count, bytes, ...Object.values(tensors).map(({ data }) => data)]);
}
