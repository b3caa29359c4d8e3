// Mouse, pen and finger: pointing moves the crosshair, dragging selects whole buckets, a double click goes back.

import * as crosshair from "./crosshair.js";
import { back } from "./zoom.js";

const DRAG = 4; // pixels that are still a click

export function followPointer(chart, signal) {
  const { over } = chart.plot;
  let begin = null; // where the button went down: {x, index}
  let dragging = false;

  const spot = (event) => {
    const box = over.getBoundingClientRect();
    return chart.spotAt(event.clientX - box.left, event.clientY - box.top);
  };
  const stop = () => {
    begin = null;
    dragging = false;
  };
  const on = (name, handler) => over.addEventListener(name, handler, { signal });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    chart.select(null);
    begin = { x: event.clientX, index: spot(event).index };
    over.setPointerCapture(event.pointerId);
  });
  on("pointermove", (event) => {
    const { index, row, time } = spot(event);
    dragging ||= begin !== null && Math.abs(event.clientX - begin.x) > DRAG;
    if (dragging) chart.select(begin.index, index);
    chart.row = row;
    crosshair.show(time, chart);
  });
  on("pointerup", (event) => {
    const wanted = dragging;
    stop();
    if (wanted) chart.zoom();
    else if (event.pointerType === "touch") {
      const { row, time } = spot(event);
      chart.row = row;
      crosshair.show(time, chart);
    }
  });
  on("pointercancel", () => {
    stop();
    chart.select(null);
  });
  on("pointerleave", (event) => {
    // A finger leaves when it is lifted; what it pointed at stays to be read.
    if (event.pointerType !== "touch" && !dragging) crosshair.clear();
  });
  on("dblclick", back);
  // Escape in the middle of a drag.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !begin) return;
    stop();
    chart.select(null);
  }, { signal });
}
