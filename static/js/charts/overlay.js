// What moves over the drawing: the crosshair, dots on the lines, the selection, and the panel of values.

import { middleOf, remarks } from "./data.js";
import { rangeText } from "./times.js";

const APART = 12; // pixels between crosshair and panel

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

export class Overlay {
  constructor(chart, kind) {
    this.chart = chart;
    this.kind = kind;
    this.band = make("div", "chart-band");
    this.line = make("div", "chart-line");
    this.cell = make("div", "chart-cell");
    this.selection = make("div", "chart-band selection");
    this.panel = make("div", "chart-panel");
    this.dots = [];
    this.parts = [this.band, this.line, this.cell, this.selection, this.panel];
    this.hide();
    this.select(null);
    chart.plot.over.append(...this.parts);
  }

  x(time) {
    return this.chart.plot.valToPos(time, "x");
  }

  span(element, from, to) {
    element.hidden = false;
    element.style.left = `${this.x(from)}px`;
    element.style.width = `${Math.max(1, this.x(to) - this.x(from))}px`;
  }

  show(index, row, withPanel) {
    const bucket = this.chart.data.buckets[index];
    this.span(this.band, bucket.from, bucket.to);
    this.line.hidden = false;
    this.line.style.left = `${Math.round(this.x(middleOf(bucket)))}px`;
    this.showDots(index);
    this.showCell(bucket, withPanel ? row : null);
    this.panel.hidden = !withPanel;
    if (withPanel) this.fill(index, row);
  }

  hide() {
    for (const part of [this.band, this.line, this.cell, this.panel, ...this.dots]) part.hidden = true;
  }

  showDots(index) {
    for (const dot of this.dots) dot.remove();
    const time = middleOf(this.chart.data.buckets[index]);
    this.dots = (this.kind.dots?.(this.chart, index) ?? []).map(({ name, value }) => {
      const dot = make("div", `chart-dot ${this.chart.classOf(name)}`);
      dot.style.left = `${this.x(time)}px`;
      dot.style.top = `${this.chart.plot.valToPos(value, "y")}px`;
      return dot;
    });
    this.band.after(...this.dots);
  }

  showCell(bucket, row) {
    this.cell.hidden = row == null;
    if (row == null) return;
    this.span(this.cell, bucket.from, bucket.to);
    const top = this.chart.plot.valToPos(row + 1, "y");
    this.cell.style.top = `${top}px`;
    this.cell.style.height = `${this.chart.plot.valToPos(row, "y") - top}px`;
  }

  // From one bucket to another, both within; null takes the selection away.
  select(range) {
    this.selection.hidden = range === null;
    if (range) this.span(this.selection, range.from, range.to);
  }

  fill(index, row) {
    const { data } = this.chart;
    const { from, to } = data.buckets[index];
    const list = make("ul", "");
    for (const reading of this.kind.readings(this.chart, index, row).rows) {
      const item = make("li", reading.total ? "total" : "");
      const swatch = reading.name && this.chart.swatch(reading.name);
      item.append(...(swatch ? [swatch] : []), make("span", "", reading.label), make("b", "", reading.text));
      list.append(item);
    }
    const about = remarks(data, index).map((text) => make("p", "about", text));
    const range = this.chart.range();
    const selected = range ? [make("p", "selected", rangeText(range.from, range.to, data))] : [];
    this.panel.replaceChildren(...selected, make("p", "when", rangeText(from, to, data)), list, ...about);
    this.place(this.x(from), this.x(to));
  }

  // Beside the crosshair, on the side that has room; never past the drawing's edges.
  place(left, right) {
    const { clientWidth: room, offsetLeft: before } = this.chart.plot.over;
    const width = this.panel.offsetWidth;
    const wanted = right + APART + width <= room ? right + APART : left - APART - width;
    this.panel.style.left = `${Math.min(Math.max(wanted, -before), Math.max(room - width, -before))}px`;
  }

  // The panel in one sentence, for the live region.
  words(index, row) {
    const { data } = this.chart;
    const { from, to } = data.buckets[index];
    const { rows } = this.kind.readings(this.chart, index, row);
    const values = rows.map(({ label, text }) => `${label} ${text === "–" ? "no value" : text}`).join(", ");
    return [`${rangeText(from, to, data)}: ${values}`, ...remarks(data, index)].join("; ");
  }
}
