// The live page: asks every two seconds what is new and puts it in place. It does not ask while nobody looks, and says so
// when the server does not answer.

import { update } from "./charts/main.js";
import { addressTime } from "./charts/times.js";
import { put } from "./patch.js";
import { write } from "./times.js";

const EVERY = 2_000;
const MOST = 30_000; // between two tries while the server does not answer
const PATIENCE = 20_000; // longer than the server's own

let begun = null; // the page that is kept up to date
let paused = false;
let over = false; // there is nothing more to be had
let asking = false;
let failures = 0;
let timer = 0;

// Looked up each time: the page may have been put in anew.
const root = () => document.getElementById("live");
const part = (name) => document.getElementById(`live-${name}`);

function say(text) {
  if (part("said").textContent !== text) part("said").textContent = text;
}

// How fresh what is shown is; ``link`` [text, address] is what to do about it.
function state(text, { wrong = false, link } = {}) {
  const place = part("state");
  const made = link && Object.assign(document.createElement("a"), { textContent: link[0], href: link[1] });
  place.replaceChildren(text, ...(made ? [" ", made] : []));
  place.classList.toggle("lost", wrong);
}

// Undefined where the page could show nothing, and says why; it is asked for again all the same.
const asOf = () => root().dataset.asOf;

function next() {
  clearTimeout(timer);
  if (paused || over || document.hidden || !root()) return;
  // Not all pages at the same moment once the server is back.
  const wait = failures ? Math.min(EVERY * 2 ** failures, MOST) * (0.75 + Math.random() / 2) : EVERY;
  timer = setTimeout(ask, wait);
}

async function ask() {
  const live = root();
  if (!live || asking || paused || over || document.hidden) return;
  asking = true;
  clearTimeout(timer);
  try {
    const response = await fetch(live.dataset.now, {
      headers: { "Live-Pass": live.dataset.pass },
      redirect: "manual",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (root() === live) await take(response, live);
  } catch {
    if (root() === live) lost(`Not reached since ${asOf()}; what is shown is of then.`);
  } finally {
    asking = false;
    next();
  }
}

async function take(response, live) {
  if (response.type === "opaqueredirect") {
    end(`You are signed out; what is shown is of ${asOf()}.`, ["Sign in again", location.href]);
    return;
  }
  if (response.status === 403 || response.status === 404) {
    end(`You can no longer see this project; what is shown is of ${asOf()}.`, ["To your projects", "/"]);
    return;
  }
  const body = await response.json();
  if (root() !== live) return; // put in anew meanwhile, of a later moment
  if (!response.ok) {
    lost(`${body.problem} What is shown is of ${asOf()}.`);
    return;
  }
  failures = 0;
  live.dataset.pass = response.headers.get("Live-Pass") ?? live.dataset.pass;
  if (!paused) show(body, live);
}

function lost(text) {
  failures += 1;
  if (paused || !asOf()) return;
  state(text, { wrong: true });
  say(text);
}

function end(text, link) {
  over = true;
  if (!asOf()) {
    location.reload();
    return;
  }
  state(text, { wrong: true, link });
  say(text);
}

function show(body, live) {
  if (String(body.empty) !== live.dataset.empty) {
    renew();
    return;
  }
  live.dataset.asOf = body.as_of;
  state(`As of ${body.as_of}`);
  const sentence = part("sentence");
  sentence.textContent = body.sentence;
  sentence.classList.toggle("failing", body.failing);
  if (body.substance !== live.dataset.substance) say(body.sentence);
  live.dataset.substance = body.substance;
  if (body.empty) return;
  for (const [name, html] of Object.entries(body.parts)) put(part(name), html);
  for (const { chart, table } of body.charts) update(chart, table);
  write(live);
}

// From nothing to something, and back: the page has other parts then. What is no such page is not put in its place, since
// #page has data-part; the next answer leads here again.
function renew() {
  const page = document.getElementById("page");
  window.htmx.ajax("GET", location.pathname + location.search, {
    source: page, target: "#page", select: "#page", swap: "outerHTML",
  });
}

function pause() {
  paused = !paused;
  part("pause").textContent = paused ? "Go on" : "Pause";
  failures = 0;
  if (paused) {
    clearTimeout(timer);
    state(`Paused at ${asOf()}`);
  } else ask();
}

// Of each page that is put in. The button does nothing without a script, so it is not there without one.
function begin() {
  if (!root() || root() === begun) return;
  begun = root();
  if (part("pause")) part("pause").hidden = false;
  paused = false;
  next();
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#live-pause")) pause();
});
document.addEventListener("visibilitychange", ask);
window.addEventListener("online", ask);
document.addEventListener("htmx:afterSwap", begin);
// A chart's stretch of time is looked at on the overview: this page always ends now.
document.addEventListener("range", (event) => {
  const live = root();
  if (!live) return;
  event.preventDefault();
  const url = new URL(live.dataset.overview, location.href);
  url.searchParams.set("from", addressTime(event.detail.from));
  url.searchParams.set("to", addressTime(event.detail.to));
  location.assign(url);
});
begin();
