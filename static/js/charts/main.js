// Finds the charts of a page and keeps them alive: those that a swap brings, and not those that it takes away.

import { Chart } from "./chart.js";
import * as crosshair from "./crosshair.js";

const charts = new Map(); // by figure

function begin(figure) {
  try {
    charts.set(figure, new Chart(figure));
  } catch (error) {
    // One broken chart must not take the others along; its table is there all the same.
    console.error(error);
    const text = document.createElement("p");
    text.className = "chart-empty";
    text.textContent = "This chart could not be drawn. The table below has its numbers.";
    figure.querySelector(".chart-area")?.replaceChildren(text);
    figure.dataset.ready = "";
  }
}

function end(figure) {
  charts.get(figure).destroy();
  charts.delete(figure);
}

export function refresh() {
  for (const figure of [...charts.keys()]) if (!figure.isConnected) end(figure);
  for (const figure of document.querySelectorAll("figure[data-chart]")) if (!charts.has(figure)) begin(figure);
}

// What the server says of a chart that is there: its object, and its table as HTML.
export function update(given, table) {
  const figure = document.getElementById(`chart-${given.id}`);
  if (!charts.get(figure)?.update(given)) return;
  const texts = { ".chart-title": given.title, ".chart-note": given.note, [`#chart-${given.id}-summary`]: given.summary };
  for (const [place, text] of Object.entries(texts)) {
    const element = figure.querySelector(place);
    if (element && element.textContent !== text) element.textContent = text;
  }
  figure.querySelector(".chart-table .scroll").innerHTML = table;
}

for (const name of ["htmx:afterSwap", "htmx:load", "htmx:historyRestore"]) document.addEventListener(name, refresh);
// htmx keeps the page's HTML to go back to: styles that scripts have set would be attributes there, which the
// Content Security Policy refuses. The charts are gone from it, and drawn anew when it comes back.
document.addEventListener("htmx:beforeHistorySave", () => [...charts.keys()].forEach(end));
// A finger elsewhere takes the crosshair away.
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest?.(".chart-area")) crosshair.clear();
});
refresh();
