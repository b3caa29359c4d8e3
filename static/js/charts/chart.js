// One chart of a page: its data, its drawing, and what is pointed at or selected in it.

import * as bars from "./bars.js";
import * as crosshair from "./crosshair.js";
import { bucketAt, middleOf, readData, writeData } from "./data.js";
import * as heatmap from "./heatmap.js";
import { followKeyboard } from "./keyboard.js";
import * as lines from "./lines.js";
import { Overlay } from "./overlay.js";
import { fillPlot, makePlot } from "./plot.js";
import { followPointer } from "./pointer.js";
import { onThemeChange, readTheme } from "./theme.js";
import { rangeText } from "./times.js";
import { zoom } from "./zoom.js";

const KINDS = { lines, bars, heatmap };

export class Chart {
  constructor(figure) {
    this.figure = figure;
    this.area = figure.querySelector(".chart-area");
    this.live = figure.querySelector("[data-chart-live]");
    this.data = readData(figure);
    this.kind = KINDS[this.data.kind];
    this.theme = readTheme(figure);
    this.index = null; // the bucket under the crosshair
    this.row = null; // of a heatmap
    this.selected = null; // {anchor, index}: buckets
    this.ending = new AbortController();
    this.area.replaceChildren(); // what a restored page has left there
    if (this.data.buckets.length) this.draw();
    else this.sayEmpty();
    figure.dataset.ready = "";
  }

  draw() {
    this.plot = makePlot(this, this.kind);
    this.overlay = new Overlay(this, this.kind);
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.area);
    const forget = onThemeChange(() => this.repaint());
    this.ending.signal.addEventListener("abort", forget);
    followPointer(this, this.ending.signal);
    followKeyboard(this, this.ending.signal);
    crosshair.join(this);
  }

  sayEmpty() {
    const text = document.createElement("p");
    text.className = "chart-empty";
    text.textContent = "No data in this range.";
    this.area.append(text);
  }

  destroy() {
    this.ending.abort();
    crosshair.leave(this);
    this.resizing?.disconnect();
    this.plot?.destroy();
    this.area.replaceChildren();
    this.hush();
    delete this.figure.dataset.ready;
  }

  // Other data of the same series, drawn in place: the crosshair stays at its time, the panel open. False where that
  // must wait: while buckets are selected, they are the ones that are seen.
  update(given) {
    if (!this.plot || this.selected) return false;
    const time = this.index === null ? null : this.middle(this.index);
    const withPanel = !this.overlay.panel.hidden;
    this.data = writeData(this.figure, given);
    fillPlot(this, this.kind);
    if (time !== null) this.pointAt(time, withPanel);
    return true;
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.area;
    if (!width || (width === this.plot.width && height === this.plot.height)) return;
    this.plot.setSize({ width, height });
    this.pointAway();
    this.select(null);
  }

  repaint() {
    this.theme = readTheme(this.figure);
    this.plot.redraw();
  }

  classOf(name) {
    return this.figure.querySelector(`[data-series="${CSS.escape(name)}"]`)?.className ?? "";
  }

  // The legend's sign of a series, to be used again.
  swatch(name) {
    const item = this.figure.querySelector(`[data-series="${CSS.escape(name)}"]`);
    const sign = item?.querySelector("svg")?.cloneNode(true);
    sign?.classList.add(...item.classList);
    return sign;
  }

  middle(index) {
    return middleOf(this.data.buckets[index]);
  }

  // What lies at a point of the plot, in pixels from its upper left.
  spotAt(x, y) {
    const { buckets } = this.data;
    const time = Math.min(Math.max(this.plot.posToVal(x, "x"), this.data.from), this.data.to - 1);
    const rows = this.data.rows?.length;
    const row = rows ? Math.min(Math.max(Math.floor(this.plot.posToVal(y, "y")), 0), rows - 1) : null;
    return { time, row, index: bucketAt(this.data, time) ?? buckets.length - 1 };
  }

  pointAt(time, isSource) {
    const index = bucketAt(this.data, time);
    if (index === null) {
      this.pointAway();
      return;
    }
    this.index = index;
    this.overlay.show(index, this.row, isSource);
  }

  pointAway() {
    this.index = null;
    this.overlay.hide();
  }

  // By keyboard: in a heatmap the row of the median, until another is chosen.
  stand(index) {
    if (this.row === null && this.kind.middleRow) this.row = this.kind.middleRow(this.data, index);
    this.index = index;
  }

  select(anchor, index = anchor) {
    this.selected = anchor === null ? null : { anchor, index };
    this.overlay.select(this.range());
  }

  range() {
    if (!this.selected) return null;
    const { anchor, index } = this.selected;
    const { buckets } = this.data;
    return { from: buckets[Math.min(anchor, index)].from, to: buckets[Math.max(anchor, index)].to };
  }

  zoom() {
    const range = this.range();
    if (!range) return;
    this.select(null);
    zoom(this.figure, range);
  }

  say() {
    const range = this.range();
    const selected = range ? [`Selected ${rangeText(range.from, range.to, this.data)}, Enter zooms`] : [];
    this.live.textContent = [...selected, this.overlay.words(this.index, this.row)].join(". ");
  }

  hush() {
    this.live.textContent = "";
  }
}
