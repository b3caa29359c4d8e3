// Colours, dashes and widths stand in charts.css alone; a canvas cannot use them there, so they are read here.

// Any CSS colour as [red, green, blue]; the canvas knows how to read them.
const reader = document.createElement("canvas").getContext("2d");

function channels(colour) {
  reader.fillStyle = "#000";
  reader.fillStyle = colour;
  return [1, 3, 5].map((at) => Number.parseInt(reader.fillStyle.slice(at, at + 2), 16));
}

export function faded(colour, alpha) {
  return `rgba(${channels(colour).join(", ")}, ${alpha})`;
}

function ramp(stops, size) {
  const colours = stops.map(channels);
  return Array.from({ length: size }, (_, at) => {
    const place = (at / (size - 1)) * (colours.length - 1);
    const low = Math.min(Math.floor(place), colours.length - 2);
    const mixed = colours[low].map((from, part) => Math.round(from + (colours[low + 1][part] - from) * (place - low)));
    return `rgb(${mixed.join(", ")})`;
  });
}

function inkOf(item) {
  const style = getComputedStyle(item);
  const value = (name) => style.getPropertyValue(name).trim();
  return {
    colour: value("--ink") || value("--text"),
    width: Number(value("--weight")) || 1.5,
    dash: value("--dash").split(" ").map(Number).filter((part) => part > 0),
    hatch: value("--hatch"),
  };
}

export function readTheme(figure) {
  const style = getComputedStyle(figure);
  const value = (name) => style.getPropertyValue(name).trim();
  const items = [...figure.querySelectorAll(".chart-key [data-series]")];
  return {
    text: value("--text"),
    quiet: value("--quiet"),
    line: value("--line"),
    ground: value("--ground"),
    unmeasured: value("--unmeasured"),
    wrong: value("--wrong"),
    font: `12px ${style.fontFamily}`,
    inks: Object.fromEntries(items.map((item) => [item.dataset.series, inkOf(item)])),
    heat: ramp([1, 2, 3, 4, 5].map((stop) => value(`--heat-${stop}`)), 64),
  };
}

// Calls back when the reader's colours change, or paper's are wanted. Returns what ends it.
export function onThemeChange(callback) {
  const queries = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "print"].map((query) => matchMedia(query));
  for (const query of queries) query.addEventListener("change", callback);
  return () => queries.forEach((query) => query.removeEventListener("change", callback));
}
