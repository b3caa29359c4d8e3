// Stacked bars: requests by status class.

import { stretch, stripes } from "./canvas.js";
import { tickText, valueText } from "./formats.js";
import { linearScale } from "./scales.js";
import { faded } from "./theme.js";
import { readings as sorted } from "./lines.js";

function total(data, index) {
  const values = data.series.map((one) => one.values[index]).filter((value) => value != null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) : null;
}

const totals = (data) => data.buckets.map((_, index) => total(data, index));

export const log = () => false;

export function scale(data) {
  const made = linearScale(Math.max(0, ...totals(data)), data.unit);
  return { ...made, labels: made.ticks.map((value) => tickText(data.unit, value)) };
}

// One column stands for all, so that the plot has a value axis; paint() draws.
export const columns = (data) => [totals(data)];
export const series = () => [{ scale: "y", paths: () => null, points: { show: false } }];

function fills(context, theme, names) {
  return names.map((name) => {
    const { colour, hatch } = theme.inks[name];
    const hatched = hatch && hatch !== "none";
    return { colour, hatch: hatched && stripes(context, { slope: hatch, colour: faded(theme.ground, 0.55) }) };
  });
}

export function paint(plot, { data, theme }) {
  const { ctx } = plot;
  const looks = fills(ctx, theme, data.series.map(({ name }) => name));
  const hair = Math.max(1, Math.round(window.devicePixelRatio || 1));
  ctx.save();
  data.buckets.forEach(({ from, to }, index) => {
    const [left, full] = stretch(plot, from, to);
    const width = full > 3 * hair ? full - hair : full; // a hairline between bars, while they are bars
    let below = 0;
    data.series.forEach(({ values }, at) => {
      if (!values[index]) return;
      const bottom = Math.round(plot.valToPos(below, "y", true));
      below += values[index];
      // What is not nothing must be seen.
      const height = Math.max(hair, bottom - Math.round(plot.valToPos(below, "y", true)));
      for (const fill of [looks[at].colour, looks[at].hatch]) {
        if (!fill) continue;
        ctx.fillStyle = fill;
        ctx.fillRect(left, bottom - height, width, height);
      }
    });
  });
  ctx.restore();
}

export function readings(chart, index) {
  const sum = total(chart.data, index);
  const all = sum == null ? [] : [{ label: "All", value: sum, text: valueText(chart.data.unit, sum), total: true }];
  return { rows: [...sorted(chart, index).rows, ...all] };
}
