// One crosshair for all charts of a page: where one of them is pointed at, all show the time.

const charts = new Set();

export function join(chart) {
  charts.add(chart);
}

export function leave(chart) {
  charts.delete(chart);
}

// ``source`` is the chart that is pointed at: it alone shows its panel.
export function show(time, source) {
  for (const chart of charts) chart.pointAt(time, chart === source);
}

export function clear() {
  for (const chart of charts) chart.pointAway();
}
