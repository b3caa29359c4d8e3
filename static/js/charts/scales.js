// Where a value axis begins and ends, and its few ticks at round values.

const INTERVALS = 4;
const MINUTE = 60;
// Past two minutes durations are read in minutes and hours, not in hundreds of seconds.
const LONG_STEPS = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

function roundStep(rough, whole) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factors = whole && power < 10 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  const step = factors.find((factor) => factor * power >= rough * 0.9999) * power;
  return whole ? Math.max(1, step) : step;
}

// From zero to a round value at or above ``largest``.
export function linearScale(largest, unit) {
  if (!(largest > 0 && Number.isFinite(largest))) return { min: 0, max: 1, ticks: [0] };
  const rough = largest / INTERVALS;
  const long = unit === "s" && largest > 2 * MINUTE ? LONG_STEPS.find((step) => step >= rough) : undefined;
  const step = long ?? roundStep(rough, unit === "1");
  const count = Math.ceil(largest / step - 1e-9);
  // Multiplied and rounded, not added up: 0.30000000000000004 is no tick.
  const ticks = Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12)));
  return { min: 0, max: ticks.at(-1), ticks };
}

function roundValues(from, to, factors) {
  const found = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) {
    for (const factor of factors) {
      const value = Number(`${factor}e${power}`);
      if (value >= from * 0.9999 && value <= to * 1.0001) found.push(value);
    }
  }
  return found;
}

// Three to five round values between two: powers of ten where there are enough of them.
export function logTicks(from, to) {
  for (const factors of [[1], [1, 3], [1, 2, 5]]) {
    const found = roundValues(from, to, factors);
    const every = Math.ceil(found.length / 5);
    if (found.length >= 3) return found.filter((_, at) => at % every === 0);
  }
  return roundValues(from, to, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

// From a round value at or below the smallest to one at or above the largest; neither is zero.
export function logScale(smallest, largest) {
  // Of no values at all the smallest is infinite.
  if (!(smallest > 0 && Number.isFinite(largest))) return { min: 0.001, max: 1, ticks: [0.001, 0.01, 0.1, 1] };
  const around = roundValues(smallest / 10, largest * 10, [1, 2, 5]);
  const min = around.findLast((value) => value <= smallest) ?? smallest;
  let max = around.find((value) => value >= largest) ?? largest;
  if (max <= min) max = min * 10;
  return { min, max, ticks: logTicks(min, max) };
}
