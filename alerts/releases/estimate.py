"""What one measure says of many endpoints."""

from dataclasses import dataclass

import numpy as np

from .columns import Ints
from .noise import Known
from .tails import Floats

FEW_WINDOWS_AFTER, FEW_WINDOWS_BEFORE = 4, 6


@dataclass(frozen=True, slots=True)
class Estimates:
    """Arrays by endpoint, NaN where there is too little to say; see values.Finding for what they mean.

    ``worst`` and ``best``: the effects from which a change would matter. ``reasons``: why there is none, or "".
    ``absent``: the measure does not exist here on either side, as durations in a log without them.
    """

    before: Floats
    after: Floats
    effect: Floats
    low: Floats
    high: Floats
    worst: Floats
    best: Floats
    p: Floats
    n_before: Floats
    n_after: Floats
    reasons: list[str]
    absent: list[bool]

    @classmethod
    def blank(cls, count: int) -> "Estimates":
        """Of endpoints of which there is nothing after the release."""

        def empty() -> Floats:
            return np.full(count, np.nan)

        return cls(
            before=empty(),
            after=empty(),
            effect=empty(),
            low=empty(),
            high=empty(),
            worst=empty(),
            best=empty(),
            p=empty(),
            n_before=np.zeros(count),
            n_after=np.zeros(count),
            reasons=["no requests after the release"] * count,
            absent=[True] * count,
        )

    def put(self, rows: Ints, part: "Estimates") -> None:
        """Fill in the estimates of some of the endpoints."""
        for name in ("before", "after", "effect", "low", "high", "worst", "best", "p", "n_before", "n_after"):
            getattr(self, name)[rows] = getattr(part, name)
        for place, row in enumerate(rows.tolist()):
            self.reasons[row], self.absent[row] = part.reasons[place], part.absent[place]


def masked_median(values: Floats, known: Known, axis: int) -> Floats:
    """Along an axis, of the known values; NaN where there are none. The axis is kept, with length 1."""
    ordered = np.sort(np.where(known, values, np.inf), axis=axis)
    n = known.sum(axis=axis, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(at, 0), axis) for at in ((n - 1) // 2, n // 2 * (n > 0)))
    # Where n is the length of the axis, n // 2 is still inside.
    return np.where(n > 0, (np.where(n > 0, low, 0) + np.where(n > 0, high, 0)) / 2, np.nan)


def satterthwaite(*parts: tuple[Floats, Floats]) -> Floats:
    """Degrees of freedom of a sum of variances, each given with its own (Satterthwaite 1946), 1 to 1,000; those of the
    first where all are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = sum(variance for variance, _ in parts)
        spread = sum(variance * variance / np.maximum(freedom, 1.0) for variance, freedom in parts)
        found = np.where(spread > 0, total * total / spread, parts[0][1])
    return np.clip(np.nan_to_num(found, nan=1.0), 1.0, 1_000.0)
