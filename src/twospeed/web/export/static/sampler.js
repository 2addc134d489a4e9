// From noise to clean latents, by a network that foretells clean ones: DDIM, or of order 2 DPM-Solver++ (2M),
// which is DDIM with what the last two steps foretell together.

// Levels from pure noise down to 0, evenly spaced and then shifted: t -> s t / (1 + (s - 1) t).
export function levelsOf(signals, count, shift = 1) {
  const most = signals.length - 1;
  const even = Array.from({ length: count }, (_, index) => Math.round(most * (1 - index / count)));
  const moved = even.map((level) => Math.round((most * shift * level) / (most + (shift - 1) * level)));
  return [...new Set([...moved, 0])];
}

// Half the logarithm of signal to noise; infinite at both ends.
const ratioOf = (signal) => 0.5 * Math.log(signal / (1 - signal));

// predict(x, level, index) gives clean latents like x.
export async function sample(predict, x, signals, levels, order = 1) {
  const ratios = levels.map((level) => ratioOf(signals[level]));
  let before = null;
  for (let index = 0; index < levels.length - 1; index++) {
    const clean = await predict(x, levels[index], index);
    const ahead = order < 2 ? 0 : (ratios[index + 1] - ratios[index]) / (2 * (ratios[index] - ratios[index - 1]));
    const both = ahead && Number.isFinite(ahead) ? clean.data.map((it, i) => it + ahead * (it - before[i])) : clean.data;
    before = clean.data;
    const [signal, next] = [signals[levels[index]], signals[levels[index + 1]]];
    const [kept, added] = [Math.sqrt(signal), Math.max(Math.sqrt(1 - signal), 1e-4)];
    const [keeps, adds] = [Math.sqrt(next), Math.sqrt(1 - next)];
    const data = x.data.map((it, i) => keeps * both[i] + (adds * (it - kept * both[i])) / added);
    x = { dims: x.dims, data };
  }
  return x;
}

// Standard normal numbers that a seed and a chunk decide (mulberry32, Box and Muller).
export function noiseOf(seed, chunk, dims) {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(chunk + 1, 0x85ebca6b)) >>> 0;
  const even = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - even())) * Math.cos(2 * Math.PI * even());
  const data = Float32Array.from({ length: dims.reduce((product, it) => product * it, 1) }, normal);
  return { dims, data };
}
