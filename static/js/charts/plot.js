// The uPlot underneath every chart: axes, grid and size. It draws; pointer and keyboard are handled in our own files.

import { drawMarks, shadeGaps, shadeStretches } from "./canvas.js";
import { middleOf } from "./data.js";
import { tickLabels, timeTicks } from "./times.js";

const RIGHT = 12; // room for half of the last label
const LABEL = 36; // about half of a label of the time axis
const TICK_EVERY = 170; // pixels

const gutter = (width) => (width < 480 ? 52 : 60); // the same for all charts, so that their times stand in line

const NARROW = 100; // pixels between labels that leave no room for the day of the week

// As many ticks as fit: four on a small screen, eight on a wide one; none that would be cut off at the right.
function ticksFor(chart, width) {
  const { from, to, zone } = chart.data;
  const limit = Math.min(8, Math.max(4, Math.round(width / TICK_EVERY)));
  const last = to - ((LABEL - RIGHT) / width) * (to - from);
  const ticks = timeTicks(from, last, limit, zone);
  const brief = width / ticks.times.length < NARROW;
  return { times: ticks.times, labels: tickLabels(ticks, zone, { brief }) };
}

function timeAxis(chart) {
  let ticks = { times: [], labels: [] };
  return {
    scale: "x",
    stroke: () => chart.theme.quiet,
    font: chart.theme.font,
    // Two lines where dates stand below times of day.
    size: (plot, labels) => (labels?.some((label) => label?.includes("\n")) ? 42 : 26),
    gap: 6,
    lineGap: 1.35,
    splits: (plot) => {
      ticks = ticksFor(chart, plot.bbox.width / window.devicePixelRatio || plot.width);
      return ticks.times;
    },
    values: () => ticks.labels,
    grid: { show: false },
    ticks: { show: true, size: 4, width: 1, stroke: () => chart.theme.line },
    border: { show: true, width: 1, stroke: () => chart.theme.line },
  };
}

function valueAxis(chart) {
  return {
    scale: "y",
    stroke: () => chart.theme.quiet,
    font: chart.theme.font,
    size: (plot) => gutter(plot.width),
    gap: 8,
    splits: () => chart.scale.ticks,
    values: () => chart.scale.labels,
    grid: { show: true, width: 1, stroke: () => chart.theme.line },
    ticks: { show: false },
  };
}

export function makePlot(chart, kind) {
  const { data, area } = chart;
  chart.scale = kind.scale(data);
  const options = {
    width: area.clientWidth,
    height: area.clientHeight,
    padding: [8, RIGHT, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: () => [chart.data.from, chart.data.to] },
      y: { distr: kind.log(data) ? 3 : 1, range: () => [chart.scale.min, chart.scale.max] },
    },
    axes: [timeAxis(chart), valueAxis(chart)],
    series: [{}, ...kind.series(chart)],
    hooks: {
      drawClear: [(plot) => shadeGaps(plot, chart), (plot) => shadeStretches(plot, chart)],
      drawAxes: [(plot) => kind.paint?.(plot, chart)],
      draw: [(plot) => drawMarks(plot, chart)],
    },
  };
  return new window.uPlot(options, columnsOf(data, kind), area);
}

const columnsOf = (data, kind) => [data.buckets.map(middleOf), ...kind.columns(data)];

// The same plot with what the chart's data are now.
export function fillPlot(chart, kind) {
  chart.scale = kind.scale(chart.data);
  chart.plot.setData(columnsOf(chart.data, kind));
}
