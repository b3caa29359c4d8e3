// A heatmap: how many requests took how long, over time. Rows are latency bands, spaced as a log scale.

import { stretch } from "./canvas.js";
import { bandText, tickText, valueText } from "./formats.js";
import { logTicks } from "./scales.js";

export const log = () => false; // rows are equally high; their edges carry the log scale

// Where a duration lies between the rows' edges.
function place(edges, value) {
  const at = Math.max(0, edges.findLastIndex((edge) => edge <= value * 1.0001));
  const above = edges[at + 1];
  return at + 1 + (above ? Math.log(value / edges[at]) / Math.log(above / edges[at]) : 0);
}

export function scale({ rows }) {
  const edges = rows.filter((edge) => edge != null);
  const values = edges.length > 1 ? logTicks(edges[0], edges.at(-1)) : edges;
  const ticks = values.map((value) => place(edges, value));
  return { min: 0, max: rows.length, ticks, labels: values.map((value) => tickText("s", value)) };
}

export const columns = ({ buckets }) => [buckets.map(() => 0)];
export const series = () => [{ scale: "y", paths: () => null, points: { show: false } }];

export function paint(plot, { data, theme }) {
  const most = Math.max(1, ...data.counts.flatMap((bucket) => bucket ?? []));
  const colour = (count) => theme.heat[Math.round(Math.sqrt(count / most) * (theme.heat.length - 1))];
  const edges = Array.from({ length: data.rows.length + 1 }, (_, row) => Math.round(plot.valToPos(row, "y", true)));
  const { ctx } = plot;
  ctx.save();
  data.buckets.forEach(({ from, to }, index) => {
    const [left, width] = stretch(plot, from, to);
    (data.counts[index] ?? []).forEach((count, row) => {
      if (!count) return;
      ctx.fillStyle = colour(count);
      ctx.fillRect(left, edges[row + 1], width, edges[row] - edges[row + 1]);
    });
  });
  ctx.restore();
}

const sum = (counts) => counts.reduce((all, count) => all + count, 0);

// The row of a bucket's median: where the keyboard begins.
export function middleRow({ counts }, index) {
  const bucket = counts[index];
  if (!bucket) return 0;
  const half = sum(bucket) / 2;
  let seen = 0;
  return Math.max(0, bucket.findIndex((count) => (seen += count) >= half && seen > 0));
}

export function readings({ data }, index, row) {
  const counts = data.counts[index];
  if (!counts) return { rows: [{ label: "Requests", value: null, text: "–" }] };
  const rows = [];
  if (row != null) rows.push({ label: bandText(data.rows, row), value: counts[row], text: valueText("1", counts[row]) });
  rows.push({ label: "All", value: sum(counts), text: valueText("1", sum(counts)), total: row != null });
  return { rows };
}
