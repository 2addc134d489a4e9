// Arrays with sides, and what is done with them outside of graphs. Data lie row by row.

export function size(dims) {
  return dims.reduce((product, it) => product * it, 1);
}

export function filled(dims, value = 0) {
  return { dims, data: new Float32Array(size(dims)).fill(value) };
}

export function stacked(parts) {
  // Things of the same sides, one after the other along a new first side.
  return joined(parts.map(({ data, dims }) => ({ data, dims: [1, ...dims] })));
}

export function joined(parts) {
  const data = new Float32Array(parts.reduce((sum, it) => sum + it.data.length, 0));
  let place = 0;
  for (const part of parts) {
    data.set(part.data, place);
    place += part.data.length;
  }
  return { data, dims: [parts.reduce((sum, it) => sum + it.dims[0], 0), ...parts[0].dims.slice(1)] };
}

export function part(tensor, index) {
  const dims = tensor.dims.slice(1);
  return { dims, data: tensor.data.slice(index * size(dims), (index + 1) * size(dims)) };
}

export function parts(tensor) {
  return Array.from({ length: tensor.dims[0] }, (_, index) => part(tensor, index));
}

export function mixed(first, second, mix) {
  return { dims: first.dims, data: first.data.map((it, i) => mix(it, second.data[i], i)) };
}

export function swapped(tensor) {
  // The first two sides change places: frames of channels become channels of frames.
  const [first, second, ...rest] = tensor.dims;
  const length = size(rest);
  const data = new Float32Array(tensor.data.length);
  for (let i = 0; i < first; i++)
    for (let j = 0; j < second; j++)
      data.set(tensor.data.subarray((i * second + j) * length, (i * second + j + 1) * length), (j * first + i) * length);
  return { dims: [second, first, ...rest], data };
}
