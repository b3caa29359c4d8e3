"""p95: how its logarithm, block by block, moved with the release. docs/releases.md states the method."""

import numpy as np

from .estimate import FEW_WINDOWS_AFTER, FEW_WINDOWS_BEFORE, Estimates
from .shift import Shift, drawn_in, shift_of
from .table import Table
from .tails import t_quantile, t_two_sided

RATIO, SECONDS = 1.2, 0.010  # a change of p95 matters from both on
FEW_TIMED = 50  # durations of a block: with fewer, the p95 depends on how many there are
SHORTEST = 1e-6  # seconds: a p95 of nothing has no logarithm
ROUNDED = 0.01  # what a sketch rounds a block's logarithm to


def estimate(table: Table, alpha: float) -> Estimates:
    """Intervals at 1 − alpha."""
    usable = (table.timed >= FEW_TIMED) & ~np.isnan(table.p95)
    logs = drawn_in(np.log(np.maximum(np.where(usable, table.p95, 1.0), SHORTEST)), usable, table.matched, ROUNDED)
    # Windows: means by the number of durations; known by half of their blocks.
    weights = np.where(usable, table.timed, 0)
    known = table.windows(usable.astype(np.float64)) * 2 >= table.width
    values = table.windows(logs * weights) / np.maximum(table.windows(weights), 1)
    shift = shift_of(values, known, table.matched, ROUNDED / 2, table.day)
    reasons = _reasons(table, shift)
    compared = usable[:, -1:] if table.matched else True  # matched: the same blocks of the day
    n_before, n_after = (weights[:, :-1] * compared).sum(axis=(1, 2)), weights[:, -1].sum(axis=1)
    enough = np.array([not one for one in reasons], np.bool_)
    base, change, error = (np.where(enough, one, np.nan) for one in (shift.base, shift.change, np.sqrt(shift.variance)))
    p = np.full(len(change), np.nan)
    p[enough] = t_two_sided(change[enough] / error[enough], shift.freedom[enough])
    reach = t_quantile(shift.freedom, alpha) * error
    before = np.exp(base)
    with np.errstate(over="ignore"):
        return Estimates(
            before=before,
            after=before * np.exp(change),
            effect=np.exp(change),
            low=np.exp(change - reach),
            high=np.exp(change + reach),
            worst=np.maximum(RATIO, 1 + SECONDS / before),
            best=np.minimum(1 / RATIO, 1 - SECONDS / before),
            p=p,
            n_before=n_before,
            n_after=n_after,
            reasons=reasons,
            absent=(table.timed.sum(axis=(1, 2)) == 0).tolist(),
        )


def _reasons(table: Table, shift: Shift) -> list[str]:
    """Why p95 is not tested, by endpoint; "" where it is."""
    found = []
    before, after = table.timed[:, :-1].sum(axis=(1, 2)), table.timed[:, -1].sum(axis=1)
    for row in range(len(before)):
        if before[row] + after[row] == 0:
            found.append("no request has a duration")
        elif not before[row] or not after[row]:
            found.append(_none(table, row, "before" if not before[row] else "after"))
        elif shift.windows_after[row] < FEW_WINDOWS_AFTER:
            found.append(_too_few("after", int(shift.windows_after[row]), FEW_WINDOWS_AFTER))
        elif shift.windows_before[row] < FEW_WINDOWS_BEFORE:
            found.append(_too_few("before", int(shift.windows_before[row]), FEW_WINDOWS_BEFORE))
        else:
            found.append("")
    return found


def _none(table: Table, row: int, side: str) -> str:
    requests = table.requests[row, :-1] if side == "before" else table.requests[row, -1]
    return f"no {'durations' if requests.any() else 'requests'} {side} the release"


def _too_few(side: str, have: int, needed: int) -> str:
    return (
        f"{have} of {needed} stretches {side} the release have {FEW_TIMED} durations a block:"
        " wait for more, or ask with longer blocks"
    )
