// Time as the chart's zone has it, written as the reader's locale does. Times are epoch seconds.

const HOUR = 3600;
const DAY = 86_400;
// What ticks may lie apart, shortest first; [months, n] are calendar months.
const STRIDES = [
  60, 120, 300, 600, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
  ["months", 1], ["months", 2], ["months", 3], ["months", 6], ["months", 12], ["months", 24], ["months", 60],
];
const MONDAY = 4; // 5 January 1970, in days since the epoch

const formatters = new Map();

function formatter(locale, options) {
  const key = `${locale} ${JSON.stringify(options)}`;
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat(locale, options));
  return formatters.get(key);
}

// The clock on the wall at a time, as if it were UTC: seconds that can be divided and rounded.
export function wallOf(time, zone) {
  const parts = formatter("en-u-ca-gregory-nu-latn", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
    hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(time * 1000);
  const at = Object.fromEntries(parts.map((part) => [part.type, Number(part.value)]));
  return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) / 1000;
}

const offsetAt = (time, zone) => wallOf(time, zone) - Math.floor(time);

// The time at which the wall shows this; null in the hour that a clock set forward leaves out.
export function timeOf(wall, zone) {
  const near = wall - offsetAt(wall, zone);
  const time = wall - offsetAt(near, zone);
  return wallOf(time, zone) === wall ? time : null;
}

function* walls(stride, from, to) {
  if (Array.isArray(stride)) {
    const begin = new Date(from * 1000);
    let month = begin.getUTCFullYear() * 12 + begin.getUTCMonth();
    for (month -= month % stride[1]; ; month += stride[1]) {
      const wall = Date.UTC(Math.floor(month / 12), month % 12) / 1000;
      if (wall > to) return;
      yield wall;
    }
  }
  const origin = stride > DAY ? MONDAY * DAY : 0;
  for (let wall = from - ((from - origin) % stride); wall <= to; wall += stride) yield wall;
}

function ticksBy(stride, from, to, zone) {
  const times = [];
  for (const wall of walls(stride, wallOf(from, zone), wallOf(to, zone))) {
    const time = timeOf(wall, zone);
    if (time != null && time >= from && time <= to) times.push(time);
  }
  return times;
}

// At most ``limit`` times at round local times, and whether they are days, months or times of day.
export function timeTicks(from, to, limit, zone) {
  for (const stride of STRIDES) {
    const seconds = Array.isArray(stride) ? stride[1] * 30 * DAY : stride;
    if ((to - from) / seconds > limit + 1) continue;
    const times = ticksBy(stride, from, to, zone);
    if (times.length <= limit) return { times, by: Array.isArray(stride) ? "month" : stride < DAY ? "time" : "day" };
  }
  return { times: [], by: "month" };
}

const DATE = { weekday: "short", day: "numeric", month: "short" };

// A label a tick; times of day carry their date on a second line, where it is another than the one before.
export function tickLabels({ times, by }, zone, { locale, brief = false } = {}) {
  const date = brief ? { day: "numeric", month: "short" } : DATE;
  let before = null;
  return times.map((time) => {
    const milliseconds = time * 1000;
    const text = (options) => formatter(locale, { timeZone: zone, ...options }).format(milliseconds);
    if (by === "day") return text(date);
    const wall = new Date(wallOf(time, zone) * 1000);
    const group = by === "month" ? wall.getUTCFullYear() : Math.floor(wall / 1000 / DAY);
    const changed = group !== before;
    before = group;
    if (by === "month") return changed ? `${text({ month: "short" })}\n${group}` : text({ month: "short" });
    const clock = text({ hour: "2-digit", minute: "2-digit" });
    return changed ? `${clock}\n${text(date)}` : clock;
  });
}

// A bucket, or several: "Fri 20 Nov, 14:00 – 15:00"; with the zone's name where a range's clocks change.
export function rangeText(from, to, { zone, step, changing }, locale) {
  if (step >= DAY) {
    return formatter(locale, { timeZone: zone, ...DATE }).formatRange(from * 1000, to * 1000 - 1000);
  }
  const options = { timeZone: zone, ...DATE, hour: "2-digit", minute: "2-digit" };
  if (changing) options.timeZoneName = "short";
  return formatter(locale, options).formatRange(from * 1000, to * 1000);
}

export const clocksChange = (from, to, zone) => offsetAt(from, zone) !== offsetAt(to, zone);

// A time in an address, as the server reads it: 2026-11-20T14:00Z.
export const addressTime = (time) => `${new Date(time * 1000).toISOString().slice(0, 16)}Z`;
