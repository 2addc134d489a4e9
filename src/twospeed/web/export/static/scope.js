// What is remembered: pictures of the kept views, and a map of where each was seen.

export class Strip {
  constructor(place) {
    this.place = place;
    this.pictures = new Map();
  }

  show(pictures, order) {
    for (const [number, picture] of pictures) this.pictures.set(number, canvasOf(picture));
    this.place.replaceChildren(
      ...order.map(({ number, isUsed }) => {
        const canvas = this.pictures.get(number);
        canvas.classList.toggle("used", isUsed);
        return canvas;
      }),
    );
  }
}

export function drawMap(canvas, order, pose) {
  const context = canvas.getContext("2d");
  const [ink, memory] = ["--soft", "--memory"].map((name) => getComputedStyle(canvas).getPropertyValue(name));
  const places = [...order.map((it) => it.pose), pose];
  const span = Math.max(2, ...[0, 1].map((axis) => 1 + spread(places.map((it) => it[axis]))));
  const scale = Math.min(canvas.width, canvas.height) / span;
  const middle = [0, 1].map((axis) => (Math.max(...places.map((it) => it[axis])) + Math.min(...places.map((it) => it[axis]))) / 2);
  const at = ([x, y]) => [canvas.width / 2 + (x - middle[0]) * scale, canvas.height / 2 - (y - middle[1]) * scale];
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const { pose: seen, isUsed } of order) wedge(context, at(seen), seen[2], isUsed ? memory : ink, isUsed ? 26 : 16);
  context.fillStyle = memory;
  context.beginPath();
  context.arc(...at(pose), 5, 0, 2 * Math.PI);
  context.fill();
}

function wedge(context, [x, y], heading, colour, length) {
  context.globalAlpha = 0.45;
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x, y);
  context.arc(x, y, length, -heading - 0.25, -heading + 0.25);
  context.fill();
  context.globalAlpha = 1;
}

function spread(values) {
  return Math.max(...values) - Math.min(...values);
}

function canvasOf(picture) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}
