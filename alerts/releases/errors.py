"""Errors: how the share of failed requests moved with the release. docs/releases.md states the method."""

import math
from dataclasses import dataclass

import numpy as np

from .estimate import FEW_WINDOWS_AFTER, FEW_WINDOWS_BEFORE, Estimates, satterthwaite
from .noise import Known
from .shift import Shift, drawn_in, shift_of
from .table import Table
from .tails import Floats, split_two_sided, t_quantile, t_two_sided

POINTS, RATIO = 0.005, 1.5  # a change of errors matters from both on
FEW_REQUESTS = 50  # on a side
MOST_EXACT = 10_000  # errors beyond which the test of the split says what the other does
BEYOND = 3.0  # times the noise before, from which on the noise after counts by itself


@dataclass(frozen=True, slots=True)
class _Side:
    """Before or after, by endpoint: sums, and the variance of the share as parts with their degrees of freedom."""

    n: Floats
    failed: Floats
    share: Floats
    independent: Floats  # variance of the share if requests were independent
    parts: tuple[tuple[Floats, Floats], ...] = ()

    @property
    def dispersion(self) -> Floats:
        """How many requests say as much as one that is independent; at least 1."""
        variance = sum((one for one, _ in self.parts), np.zeros_like(self.share))
        ratio = np.divide(variance, self.independent, out=np.ones_like(self.share), where=self.independent > 0)
        return np.maximum(ratio, 1.0)


def estimate(table: Table, alpha: float) -> Estimates:
    """Intervals at 1 − alpha."""
    requests, errors = table.windows(table.requests), table.windows(table.errors)
    known = requests > 0
    compared = known[:, :-1] & (known[:, -1:] if table.matched else True)  # matched: the same hours
    before, after = (
        _side(requests[:, :-1], errors[:, :-1], compared),
        _side(requests[:, -1:], errors[:, -1:], known[:, -1:]),
    )
    shift = _shift(table, before)
    before, after = _with_noise(before, after, shift, requests, errors, compared, known)
    reasons = _reasons(before, after, shift)
    enough = np.array([not one for one in reasons], np.bool_)
    p = np.full(len(enough), np.nan)
    p[enough] = _p(before, after, shift)[enough]
    low, high = _interval(before, after, t_quantile(satterthwaite(*before.parts, *after.parts), alpha))
    return Estimates(
        before=np.where(enough, before.share, np.nan),
        after=np.where(enough, after.share, np.nan),
        effect=np.where(enough, after.share - before.share, np.nan),
        low=np.where(enough, low, np.nan),
        high=np.where(enough, high, np.nan),
        worst=np.maximum(POINTS, before.share * (RATIO - 1)),
        best=np.minimum(-POINTS, before.share * (1 / RATIO - 1)),
        p=p,
        n_before=before.n,
        n_after=after.n,
        reasons=reasons,
        absent=[False] * len(enough),
    )


def _side(requests: Floats, errors: Floats, known: Known) -> _Side:
    n, failed = (np.where(known, one, 0).sum(axis=(1, 2)) for one in (requests, errors))
    share = failed / np.maximum(n, 1)
    return _Side(n, failed, share, share * (1 - share) / np.maximum(n, 1))


def _shift(table: Table, before: _Side) -> Shift:
    """Of the logarithm of errors against those to be expected from the share before, block by block."""
    known = table.requests > 0
    expected = table.requests * ((before.failed + 0.5) / (before.n + 1))[:, None, None]
    values = np.log((table.errors + 0.5) / (expected + 0.5))
    blocks = known.sum(axis=(1, 2))
    # The variance of this logarithm if errors came one by one (Poisson): expected where few, 1 / expected where many.
    usual = expected.sum(axis=(1, 2)) / np.maximum(blocks, 1)
    least = np.sqrt(1 / (usual + 0.8 / np.maximum(usual, 1e-9)))
    values = np.where(known, drawn_in(values, known, table.matched, least[:, None, None]), 0)
    count = table.windows(known.astype(np.float64))
    means = table.windows(values) / np.maximum(count, 1)
    return shift_of(means, count > 0, table.matched, least / math.sqrt(table.width), table.day)


def _with_noise(
    before: _Side, after: _Side, shift: Shift, requests: Floats, errors: Floats, compared: Known, known: Known
) -> tuple[_Side, _Side]:
    """Shares are as noisy as their logarithms say; and where windows differ by far more, as they differ."""
    noise = (np.maximum(shift.variance - shift.after, 0), shift.after)
    sides = []
    for side, variance, part, counted in (
        (before, noise[0], slice(0, -1), compared),
        (after, noise[1], slice(-1, None), known[:, -1:]),
    ):
        usual = np.maximum(side.independent, side.share**2 * np.nan_to_num(variance))
        left = np.where(counted, errors[:, part] - side.share[:, None, None] * requests[:, part], 0)
        windows = np.maximum(counted.sum(axis=(1, 2)), 2)
        own = (left**2).sum(axis=(1, 2)) / np.maximum(side.n, 1) ** 2 * windows / (windows - 1)
        excess = np.maximum(own - BEYOND * usual, 0)
        parts = ((usual, shift.freedom), (excess, windows - 1.0))
        sides.append(_Side(side.n, side.failed, side.share, side.independent, parts))
    return sides[0], sides[1]


def _p(before: _Side, after: _Side, shift: Shift) -> Floats:
    """The larger of two: by how windows moved, and by how errors split, which holds where they are few."""
    by_windows = t_two_sided(np.nan_to_num(shift.change / np.sqrt(shift.variance)), shift.freedom)
    thinned = np.maximum(before.dispersion, after.dispersion)
    failed_after, failed_before = after.failed / thinned, before.failed / thinned
    # Windows and sums may disagree on the direction where a few windows hold most of the errors: then nothing is sure.
    by_windows = np.where(np.sign(shift.change) == np.sign(after.share - before.share), by_windows, 1.0)
    exact = failed_after + failed_before <= MOST_EXACT
    share = after.n / np.maximum(before.n + after.n, 1)
    by_split = split_two_sided(np.where(exact, failed_after, 0), np.where(exact, failed_before, 0), share)
    return np.where(exact, np.maximum(by_windows, by_split), by_windows)


def _interval(before: _Side, after: _Side, reach: Floats) -> tuple[Floats, Floats]:
    """Of the difference of two shares, from Wilson's of each (Newcombe 1998, method 10), by as many requests as
    independent ones would be as good."""
    (low_before, high_before), (low_after, high_after) = (
        wilson(side.share, side.n / side.dispersion, reach) for side in (before, after)
    )
    change = after.share - before.share
    down = np.hypot(after.share - low_after, high_before - before.share)
    up = np.hypot(high_after - after.share, before.share - low_before)
    return change - down, change + up


def wilson(share: Floats, n: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """The interval of a share of n (Wilson 1927), ``reach`` standard errors to both sides."""
    n = np.maximum(n, 1e-9)
    square = reach * reach
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = reach / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def _reasons(before: _Side, after: _Side, shift: Shift) -> list[str]:
    """Why errors are not tested, by endpoint; "" where they are."""
    found = []
    for row in range(len(before.n)):
        reason = ""
        for name, side, windows, needed in (
            ("after", after, shift.windows_after, FEW_WINDOWS_AFTER),
            ("before", before, shift.windows_before, FEW_WINDOWS_BEFORE),
        ):
            n = int(side.n[row])
            if not n:
                reason = f"no requests {name} the release"
            elif n < FEW_REQUESTS:
                reason = f"{n} of {FEW_REQUESTS} requests {name} the release: wait for more"
            elif windows[row] < needed:
                reason = (
                    f"requests in {int(windows[row])} of {needed} stretches of time {name} the release: wait for more"
                )
            if reason:
                break
        found.append(reason)
    return found
