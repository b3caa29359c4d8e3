// A chart's data as the page carries it, laid out in buckets that leave no hole between the first and the last.

import { clocksChange } from "./times.js";

// Days are 23 or 25 hours long where clocks change: a bucket ends where the next begins, if that is near. Where it
// is not, a bucket without values stands between, so that no line is drawn across.
function layOut(time, step) {
  const buckets = [];
  const places = []; // of each bucket in the data; -1: none
  time.forEach((from, at) => {
    const next = time[at + 1];
    const near = next !== undefined && next - from < 1.5 * step;
    buckets.push({ from, to: near ? next : from + step });
    places.push(at);
    if (next !== undefined && !near) {
      buckets.push({ from: from + step, to: next });
      places.push(-1);
    }
  });
  return { buckets, places };
}

const written = (figure) => figure.querySelector("script[type='application/json']");

export const readData = (figure) => laidOut(JSON.parse(written(figure).textContent));

// Other data of the same chart; the page carries them from now on.
export function writeData(figure, given) {
  written(figure).textContent = JSON.stringify(given);
  return laidOut(given);
}

function laidOut(given) {
  const { buckets, places } = layOut(given.time, given.step);
  const data = { gaps: [], marks: [], stretches: [], ...given, buckets, from: buckets[0]?.from, to: buckets.at(-1)?.to };
  if (given.series) {
    data.series = given.series.map((one) => ({ ...one, values: places.map((at) => one.values[at] ?? null) }));
  }
  if (given.counts) data.counts = places.map((at) => given.counts[at] ?? null);
  data.changing = buckets.length > 0 && clocksChange(data.from, data.to, data.zone);
  return data;
}

// The bucket that a time lies in; null outside of all.
export function bucketAt({ buckets }, time) {
  let low = 0;
  let high = buckets.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (time < buckets[middle].from) high = middle - 1;
    else if (time >= buckets[middle].to) low = middle + 1;
    else return middle;
  }
  return null;
}

export const middleOf = ({ from, to }) => (from + to) / 2;

// What else is to be known of a bucket: marks in it, and whether it was measured.
export function remarks(data, index) {
  const { from, to } = data.buckets[index];
  const found = data.marks.filter(({ time }) => time >= from && time < to).map(({ label }) => label);
  found.push(...data.stretches.filter(([begin, end]) => begin < to && end > from).map(([, , label]) => label));
  const over = data.gaps.filter(([begin, end]) => begin < to && end > from);
  const whole = over.some(([begin, end]) => begin <= from && end >= to);
  if (over.length) found.push(whole ? "unmeasured" : "partly unmeasured");
  return found;
}
