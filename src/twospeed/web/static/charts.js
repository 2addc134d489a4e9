// Small drawings on canvases, sharp on any display.

const LOW = 8, HIGH = 36; // dB

export function sharp(canvas, height) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { pen, width, height };
}

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function drawSpark(canvas, values, tone) {
  const { pen, width, height } = sharp(canvas, 38);
  if (!width) return;
  pen.strokeStyle = colour("--line");
  pen.fillStyle = colour("--soft");
  pen.font = "10px system-ui, sans-serif";
  for (const level of [15, 30]) {
    const y = up(level, height);
    pen.beginPath();
    pen.moveTo(0, y);
    pen.lineTo(width - 20, y);
    pen.stroke();
    pen.fillText(level, width - 15, y + 3);
  }
  pen.strokeStyle = tone;
  pen.lineWidth = 1.8;
  pen.lineJoin = "round";
  const step = (width - 24) / Math.max(values.length - 1, 40);
  let isDown = false;
  pen.beginPath();
  values.forEach((value, place) => {
    if (value !== null) pen[isDown ? "lineTo" : "moveTo"](place * step, up(value, height));
    isDown = value !== null;
  });
  pen.stroke();
}

function up(level, height) {
  const share = (Math.min(Math.max(level, LOW), HIGH) - LOW) / (HIGH - LOW);
  return height - 3 - share * (height - 6);
}

// From grey (unknown) to the memory's colour (familiar).
export function familiarColour(share) {
  return `color-mix(in oklab, ${colour("--memory")} ${Math.round(100 * share)}%, ${colour("--soft")})`;
}
