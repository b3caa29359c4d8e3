// What every kind of chart draws on its canvas besides its values. Lengths there are device pixels.

const dense = () => window.devicePixelRatio || 1;

// Diagonal stripes; "rising" or "falling".
export function stripes(context, { slope, colour, ground, spacing = 6, weight = 1.5 }) {
  const size = Math.round(spacing * dense());
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  if (ground) {
    pen.fillStyle = ground;
    pen.fillRect(0, 0, size, size);
  }
  pen.strokeStyle = colour;
  pen.lineWidth = weight * dense();
  pen.beginPath();
  // Three strokes, so that the corners of neighbouring tiles meet.
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - 1, slope === "rising" ? size + 1 : -1);
    pen.lineTo(shift + size + 1, slope === "rising" ? -1 : size + 1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

// From edge to edge of a stretch of time, inside the plot.
export function stretch(plot, from, to) {
  const { left, width } = plot.bbox;
  const clip = (x) => Math.min(Math.max(Math.round(x), left), left + width);
  const begin = clip(plot.valToPos(from, "x", true));
  return [begin, clip(plot.valToPos(to, "x", true)) - begin];
}

export function shadeGaps(plot, { data, theme }) {
  if (!data.gaps.length) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = stripes(ctx, { slope: "rising", colour: theme.line, ground: theme.unmeasured, weight: 1 });
  for (const [from, to] of data.gaps) {
    const [left, width] = stretch(plot, from, to);
    ctx.fillRect(left, bbox.top, width, bbox.height);
  }
  ctx.restore();
}

// When something was wrong: a tint behind the values, and a bar above them.
export function shadeStretches(plot, { data, theme }) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.fillStyle = theme.wrong;
  for (const [from, to] of data.stretches) {
    const [left, width] = stretch(plot, from, to);
    ctx.globalAlpha = 0.1;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = 1;
    ctx.fillRect(left, bbox.top, width, Math.round(2 * dense()));
  }
  ctx.restore();
}

const MARK_DASH = { alert: [2, 2], import: [4, 3] };

export function drawMarks(plot, { data, theme }) {
  const { ctx, bbox } = plot;
  const unit = dense();
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = theme.text;
  ctx.lineWidth = Math.max(1, Math.round(unit));
  for (const { time, kind } of data.marks) {
    if (time < data.from || time > data.to) continue;
    const x = Math.round(plot.valToPos(time, "x", true)) + (ctx.lineWidth % 2) / 2;
    ctx.setLineDash((MARK_DASH[kind] ?? []).map((part) => part * unit));
    ctx.globalAlpha = 0.6;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    ctx.moveTo(x - 4 * unit, bbox.top - 6 * unit);
    ctx.lineTo(x + 4 * unit, bbox.top - 6 * unit);
    ctx.lineTo(x, bbox.top);
    ctx.fill();
  }
  ctx.restore();
}
