// Poses [x, y, heading] in metres and radians, and steps [ahead, left, turn] from one to the next.

export function moved([x, y, heading], [ahead, left, turn]) {
  const [cosine, sine] = [Math.cos(heading), Math.sin(heading)];
  return [x + ahead * cosine - left * sine, y + ahead * sine + left * cosine, heading + turn];
}

export function relative(pose, origin) {
  const [x, y, turned] = pose.map((it, place) => it - origin[place]);
  const [cosine, sine] = [Math.cos(origin[2]), Math.sin(origin[2])];
  const turn = Math.atan2(Math.sin(turned), Math.cos(turned));
  return [x * cosine + y * sine, y * cosine - x * sine, turn];
}

export function walked(pose, steps) {
  const poses = [];
  for (const step of steps) poses.push((pose = moved(pose, step)));
  return poses;
}
