// Where one begins, and memories as files: the same files as everywhere in twospeed.

import { Rows } from "./rows.js";
import { read, write } from "./safetensors.js";
import { parts, swapped } from "./tensors.js";

const [DOWN, UP] = ["lora_A", "lora_B"].map((half) => `base_model.model.views.${half}.weight`);

export async function fetched(place) {
  const answer = await fetch(new URL(place, import.meta.url));
  if (!answer.ok) throw new Error(`${place} is not there (${answer.status})`);
  return answer;
}

export async function tensorsAt(place) {
  return read(await (await fetched(place)).arrayBuffer());
}

// Reads the views of a memory file.
export function rowsIn({ metadata, tensors }, world) {
  if (metadata.format !== "twospeed-memory-1" || !tensors[DOWN] || !tensors[UP]) throw new Error("this is no memory of views");
  if (metadata.model_hash !== world.memory_hash) throw new Error("this memory belongs to another model");
  const { channels, cells } = world;
  const latents = parts(swapped(tensors[UP])).map(({ data }) => ({ data, dims: [channels, cells, cells] }));
  const kept = parts(tensors[DOWN]).map(({ data: [isThere, x, y, heading, chunk] }, row) => ({
    isThere, pose: [x, y, heading], chunk, latents: latents[row],
  }));
  return new Rows(world, kept.filter((it) => it.isThere > 0.5).map(({ isThere, ...view }) => view));
}

// A memory file with these views.
export function fileOf({ kept }, metadata) {
  const down = Float32Array.from(kept.flatMap(({ pose, chunk }) => [1, ...pose, chunk]));
  const rows = { data: Float32Array.from(kept.flatMap(({ latents }) => [...latents.data])), dims: [kept.length, kept[0].latents.data.length] };
  return write({ [DOWN]: { data: down, dims: [kept.length, 5] }, [UP]: swapped(rows) }, metadata);
}

// What a start knows: the memory after looking round, and the latents of the first and last frames.
export async function startAt(place, world) {
  const [past, memory, writer] = await Promise.all(
    ["past", "memory/adapter_model", "memory/writer"].map((name) => tensorsAt(`./starts/${place}/${name}.safetensors`)),
  );
  const frames = (name) => parts(swapped(parts(past.tensors[name])[0]));
  const { channels, cells } = world;
  return {
    metadata: memory.metadata,
    first: frames("first"),
    last: frames("last"),
    seen: {
      rows: rowsIn(memory, world),
      pose: [...writer.tensors.pose.data],
      last: { data: writer.tensors.last.data, dims: [channels, cells, cells] },
      writes: world.look_round.length,
    },
  };
}
