// The kept views of one episode: { pose, chunk, latents }, never more than a memory holds.

import { relative } from "./poses.js";

export class Rows {
  constructor(world, kept = []) {
    this.world = world;
    this.kept = kept;
  }

  copy() {
    return new Rows(this.world, [...this.kept]);
  }

  away(first, second) {
    const [ahead, left, turn] = relative(first, second);
    return this.world.metre * Math.hypot(ahead, left) + this.world.radian * Math.abs(turn);
  }

  at(pose, within) {
    const { place, away } = least(this.kept, (row) => this.away(row.pose, pose));
    return away <= within ? place : -1;
  }

  put(view) {
    const same = this.at(view.pose, this.world.memory.same_view);
    if (same >= 0) this.kept[same] = view;
    else if (this.kept.length < this.world.memory.rank) this.kept.push(view);
    else this.kept[this.mostAlike()] = view;
  }

  poseOf(latents, near) {
    const same = this.kept.filter((row) => differs(row.latents.data, latents.data) <= 1e-3);
    const { place } = least(same, (row) => this.away(row.pose, near));
    return place < 0 ? null : same[place].pose;
  }

  mostAlike() {
    const others = (row) => this.kept.filter((it) => it !== row);
    return least(this.kept, (row) => least(others(row), (it) => this.away(it.pose, row.pose)).away).place;
  }
}

function least(items, awayOf) {
  let found = { place: -1, away: Infinity };
  items.forEach((item, place) => {
    const away = awayOf(item);
    if (away < found.away) found = { place, away };
  });
  return found;
}

function differs(first, second) {
  let sum = 0;
  for (let i = 0; i < first.length; i++) sum += (first[i] - second[i]) ** 2;
  return sum / first.length;
}
