// The networks: ONNX Runtime Web runs them on the processor, in the thread that loads this module.

import * as ort from "./runtime/ort.wasm.min.mjs";

export class Graphs {
  static async load(names, onLoaded = () => {}) {
    ort.env.wasm.wasmPaths = new URL("./runtime/", import.meta.url).href;
    ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, 8) : 1;
    const graphs = new Graphs();
    graphs.sessions = {};
    for (const name of names) {
      const place = new URL(`./graphs/${name}.onnx`, import.meta.url).href;
      graphs.sessions[name] = await ort.InferenceSession.create(place, { executionProviders: ["wasm"] });
      onLoaded(name);
    }
    return graphs;
  }

  async run(name, inputs) {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([key, it]) => [key, tensorOf(it)]));
    const found = await this.sessions[name].run(feeds);
    return Object.fromEntries(Object.entries(found).map(([key, { data, dims }]) => [key, { data, dims: [...dims] }]));
  }
}

function tensorOf({ data, dims }) {
  const kind = data instanceof BigInt64Array ? "int64" : data instanceof Uint8Array ? "bool" : "float32";
  return new ort.Tensor(kind, data, dims);
}
