// The same by keyboard: arrows move the crosshair, with Shift they select, Enter zooms, Escape clears, Backspace goes
// back. In a heatmap the arrows up and down choose the latency band.

import * as crosshair from "./crosshair.js";
import { back } from "./zoom.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
const FIRST = new Set(["ArrowRight", "PageDown", "Home"]); // what begins at the left

function move(chart, key, selecting) {
  const last = chart.data.buckets.length - 1;
  const before = chart.index;
  const wanted = before === null ? (FIRST.has(key) ? 0 : last) : before + STEPS[key];
  const index = Math.min(Math.max(wanted, 0), last);
  if (selecting) chart.select(chart.selected?.anchor ?? before ?? index, index);
  else chart.select(null);
  chart.stand(index);
  crosshair.show(chart.middle(index), chart);
  chart.say();
}

function changeRow(chart, by) {
  if (chart.index === null || chart.data.kind !== "heatmap") return false;
  chart.row = Math.min(Math.max((chart.row ?? 0) + by, 0), chart.data.rows.length - 1);
  crosshair.show(chart.middle(chart.index), chart);
  chart.say();
  return true;
}

function clear(chart) {
  chart.select(null);
  crosshair.clear();
  chart.hush();
}

function press(chart, event) {
  if (event.key in STEPS) move(chart, event.key, event.shiftKey);
  else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    if (!changeRow(chart, event.key === "ArrowUp" ? 1 : -1)) return;
  } else if (event.key === "Enter" && chart.selected) chart.zoom();
  else if (event.key === "Escape") clear(chart);
  else if (event.key === "Backspace") back();
  else return;
  event.preventDefault();
}

export function followKeyboard(chart, signal) {
  const { figure } = chart;
  figure.tabIndex = 0;
  figure.setAttribute("aria-roledescription", "chart");
  figure.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight Shift+ArrowLeft Shift+ArrowRight Enter Escape Backspace");
  figure.addEventListener("keydown", (event) => {
    // Keys in the table below are the table's; those with Alt or Control the browser's.
    if (event.target !== figure || event.altKey || event.ctrlKey || event.metaKey) return;
    press(chart, event);
  }, { signal });
  figure.addEventListener("blur", () => clear(chart), { signal });
}
