// Zooming: a chart announces the range, and the page follows unless somebody else has said that it will.

import { addressTime } from "./times.js";

const KEY = "chart-zooms";
const KEPT = 50;

// Which addresses we zoomed to, so that going back never leaves for what lay before the first zoom.
function zooms() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return []; // storage is closed to us
  }
}

function remember(address) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...zooms().filter((one) => one !== address), address].slice(-KEPT)));
  } catch {
    // Zooming works without; going back then takes the browser's own button.
  }
}

const identity = (url) => `${url.pathname}?from=${url.searchParams.get("from")}&to=${url.searchParams.get("to")}`;

function navigate(url) {
  remember(identity(url));
  const page = document.getElementById("page");
  if (!window.htmx || !page) {
    location.assign(url);
    return;
  }
  window.htmx.ajax("GET", url.pathname + url.search, {
    source: page, target: "#page", select: "#page", swap: "outerHTML", push: "true",
  });
}

// Whole buckets, as epoch seconds. The event "range" bubbles to the document; preventDefault() keeps the page as it is.
export function zoom(figure, { from, to }) {
  const event = new CustomEvent("range", { bubbles: true, cancelable: true, detail: { from, to } });
  if (!figure.dispatchEvent(event)) return;
  const url = new URL(location.href);
  url.hash = "";
  url.searchParams.set("from", addressTime(from));
  url.searchParams.set("to", addressTime(to));
  navigate(url);
}

export function back() {
  if (zooms().includes(identity(new URL(location.href)))) history.back();
}
