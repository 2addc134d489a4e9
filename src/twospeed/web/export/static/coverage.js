// Which kept views show what a new one will: chosen by their poses alone, greedily.

import { relative } from "./poses.js";

export function covering(rows, pose, { most, reach, covering }) {
  const quality = rows.map((row) => qualityOf(row.pose, pose, reach, covering));
  const spots = covering.depths.length * covering.columns;
  const best = new Float64Array(spots);
  const chosen = [];
  while (chosen.length < Math.min(most, rows.length)) {
    let [found, gained] = [-1, 0];
    quality.forEach((seen, row) => {
      const gain = chosen.includes(row) ? 0 : seen.reduce((sum, it, spot) => sum + Math.max(it - best[spot], 0), 0);
      if (gain > gained) [found, gained] = [row, gain];
    });
    if (found < 0) break;
    chosen.push(found);
    quality[found].forEach((it, spot) => (best[spot] = Math.max(best[spot], it)));
  }
  return { chosen, covered: best.reduce((sum, it) => sum + it, 0) / spots };
}

function qualityOf(seenFrom, pose, reach, { depths, columns, nearness, least_ahead, edge }) {
  const [ahead, left, turn] = relative(pose, seenFrom);
  const [cosine, sine] = [Math.cos(turn), Math.sin(turn)];
  const near = Math.exp(-Math.hypot(ahead, left) / nearness);
  const quality = [];
  for (const depth of depths) {
    for (let column = 0; column < columns; column++) {
      const aside = -depth * reach * (-0.9 + (1.8 * column) / (columns - 1));
      const spotAhead = ahead + depth * cosine - aside * sine;
      const slope = Math.abs((left + depth * sine + aside * cosine) / Math.max(spotAhead, least_ahead)) / reach;
      quality.push(spotAhead > least_ahead && slope < 1 ? near * (1 - edge * slope) : 0);
    }
  }
  return quality;
}
