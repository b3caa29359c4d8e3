// Numbers as the server writes them (endpoint_stats/query/render.py): a test compares the two.

const MISSING = "–";
const NEARLY = 0.9995; // what would be rounded up to 1000 of a unit is 1.00 of the next

// A fixed number of decimals; exact halves go to the even digit, as Python rounds them.
export function fixed(value, digits) {
  const text = value.toFixed(digits);
  const size = Math.abs(value);
  const rest = size.toFixed(digits + 25).split(".")[1].slice(digits);
  const odd = "13579".includes(text.at(-1));
  if (!/^50*$/.test(rest) || !odd) return text;
  return (Math.sign(value) * (Math.abs(Number(text)) - 10 ** -digits)).toFixed(digits);
}

function threeDigits(value) {
  const size = Math.abs(value);
  return fixed(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

function scaled(value, units) {
  const unit = units.find(([limit]) => Math.abs(value) >= NEARLY * limit);
  return unit && `${threeDigits(value / unit[0])} ${unit[1]}`;
}

const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");

export function number(value) {
  const size = Math.abs(value);
  if (size >= 10_000) return scaled(value, [[1e9, "G"], [1e6, "M"], [1e3, "k"]]);
  if (Number.isInteger(value) || size >= 999.5) return grouped(fixed(value, 0));
  return String(Number(value.toPrecision(3)));
}

export function duration(seconds) {
  if (seconds < 0.0095) return `${fixed(seconds * 1000, 1)} ms`;
  if (seconds < NEARLY) return `${fixed(seconds * 1000, 0)} ms`;
  if (seconds < 120) return `${threeDigits(seconds)} s`;
  return seconds < 7200 ? `${fixed(seconds / 60, 0)} min` : `${fixed(seconds / 3600, 0)} h`;
}

export function bytes(count) {
  return scaled(count, [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) ?? `${fixed(count, 0)} B`;
}

export function share(value) {
  // A share that is not nothing must not look like nothing, nor one that is not all like all.
  if (value > 0 && value < 0.0005) return "<0.1%";
  return value >= NEARLY && value < 1 ? ">99.9%" : `${fixed(value * 100, 1)}%`;
}

const BY_UNIT = { s: duration, "1/s": number, 1: number, ratio: share, By: bytes };

// The marks of the reader's language, as the server uses them on the same page.
const { decimal = ".", group = "," } = globalThis.document?.documentElement.dataset ?? {};
const localized = (text) => text.replace(/[.,]/g, (mark) => (mark === "." ? decimal : group));

const plainText = (unit, value) => (value == null ? MISSING : (BY_UNIT[unit] ?? number)(value));

export const valueText = (unit, value) => localized(plainText(unit, value));

// The same on an axis, where round numbers need no zeros behind the point: 1.5 s, 5%, and 0 for nothing.
export function tickText(unit, value) {
  if (value === 0) return "0";
  return localized(plainText(unit, value).replace(/\.(\d*?)0+(?=\D|$)/, (_, kept) => (kept ? `.${kept}` : "")));
}

// The latency band of a heatmap's row; ``edges`` are upper ones, null for the open last.
export function bandText(edges, row) {
  const lower = row > 0 ? edges[row - 1] : null;
  if (edges[row] == null) return `over ${valueText("s", lower ?? 0)}`;
  const upper = valueText("s", edges[row]);
  return lower == null ? `up to ${upper}` : `${valueText("s", lower)} – ${upper}`;
}
