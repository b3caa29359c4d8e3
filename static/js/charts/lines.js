// Lines: latency percentiles, rates, shares.

import { valueText, tickText } from "./formats.js";
import { linearScale, logScale } from "./scales.js";
import { faded } from "./theme.js";

const present = (data) => data.series.flatMap((one) => one.values).filter((value) => value != null);

export const log = (data) => data.scale === "log";

export function scale(data) {
  const values = present(data);
  const made = log(data)
    ? logScale(Math.min(...values.filter((value) => value > 0)), Math.max(...values))
    : linearScale(Math.max(0, ...values), data.unit);
  return { ...made, labels: made.ticks.map((value) => tickText(data.unit, value)) };
}

// On a log scale there is no place for zero.
export const columns = (data) =>
  data.series.map((one) => (log(data) ? one.values.map((value) => (value > 0 ? value : null)) : one.values));

// A value between two gaps has no line to be seen by: it gets a dot.
const alone = (values) =>
  values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));

export function series(chart) {
  const only = chart.data.series.length === 1 && !log(chart.data);
  return chart.data.series.map(({ name }) => {
    const ink = chart.theme.inks[name];
    const colour = () => chart.theme.inks[name].colour;
    return {
      scale: "y",
      stroke: colour,
      width: ink.width,
      dash: ink.dash.length ? ink.dash : undefined,
      spanGaps: false,
      fill: only ? () => faded(colour(), 0.1) : undefined,
      points: {
        show: true,
        size: 4,
        width: 0,
        fill: colour,
        stroke: colour,
        filter: (plot, at) => alone(plot.data[at]),
      },
    };
  });
}

export function readings({ data }, index) {
  const rows = data.series.map(({ name, label, values }) => {
    const value = values[index];
    return { name, label, value, text: valueText(data.unit, value) };
  });
  // Missing ones last; equal ones as the legend has them.
  rows.sort((one, other) => (other.value ?? -Infinity) - (one.value ?? -Infinity) || 0);
  return { rows };
}

export function dots({ data, plot }, index) {
  return data.series.flatMap(({ name }, at) => {
    const value = plot.data[at + 1][index];
    return value == null ? [] : [{ name, value }];
  });
}
