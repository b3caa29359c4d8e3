"""Coverage: which part of a range was observed at all. "Unmeasured" is not "nothing happened"."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from endpoint_stats.aggregate.buckets import minute_of, moment_of
from endpoint_stats.models import Batch, Heard, SourceKind

Spans = list[tuple[int, int]]


def select(project_id: int, start: int, end: int) -> tuple[str, list[Any]]:
    """SQL for the first and the last minute with hits of each import that has any in ``[start, end)``."""
    minute = "CAST(strftime('%%s', {}) AS integer) / 60"
    if connection.vendor == "postgresql":
        minute = "CAST(floor(extract(epoch FROM {}) / 60) AS bigint)"
    adapt = connection.ops.adapt_datetimefield_value
    return (
        f"SELECT {minute.format('first_hit')} AS first, {minute.format('last_hit')} AS last"
        f" FROM {Batch._meta.db_table} WHERE project_id = %s AND stored > 0 AND state <> %s"
        " AND source = %s AND last_hit >= %s AND first_hit < %s",
        [
            project_id,
            Batch.State.ROLLED_BACK.value,
            SourceKind.IMPORT.value,
            adapt(moment_of(start)),
            adapt(moment_of(end)),
        ],
    )


def select_heard(project_id: int, start: int, end: int) -> tuple[str, list[Any]]:
    """SQL for the hours in ``[start, end)`` in which live sources were heard, and their minutes as bits."""
    return (
        f"SELECT hour AS first, minutes AS last FROM {Heard._meta.db_table}"
        " WHERE project_id = %s AND hour > %s AND hour < %s",
        [project_id, start - 60, end],
    )


def runs(hours: Iterable[tuple[int, int]]) -> Spans:
    """First and last minute of each run in the rows of ``select_heard``."""
    minutes = np.array([hour + bit for hour, bits in sorted(hours) for bit in range(60) if bits >> bit & 1], np.int64)
    return runs_of(minutes)


def runs_of(minutes: npt.NDArray[np.int64]) -> Spans:
    """First and last of each run of consecutive minutes; they are ascending, none twice."""
    if not len(minutes):
        return []
    breaks = np.flatnonzero(np.diff(minutes) > 1)
    firsts, lasts = minutes[np.append(0, breaks + 1)], minutes[np.append(breaks, len(minutes) - 1)]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def spans(rows: Iterable[tuple[int, int]], start: int, end: int) -> Spans:
    """From first and last minutes the stretches ``[first, last)`` of minutes within ``[start, end)`` that are covered:
    apart and ascending."""
    found: Spans = []
    for first_hit, last_hit in sorted(rows):
        # The minute of the last hit was observed, as was that of the first.
        first, last = max(first_hit, start), min(last_hit + 1, end)
        if last <= first:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def covered(found: Sequence[tuple[int, int]], start: datetime, end: datetime, now: datetime) -> float:
    """The share of ``[start, end)``, up to now, that lies in ``found`` (as ``spans`` gives it): from 0 to 1."""
    first, last = minute_of(start), minute_of(min(end, now))
    if last <= first:
        # Nothing of it has passed, or less than a minute: seconds are not counted here.
        return 0.0
    minutes = sum(max(min(there, last) - max(here, first), 0) for here, there in found)
    return round(minutes / (last - first), 4)


def covered_windows(found: Sequence[tuple[int, int]], ends: Sequence[int], window: int) -> list[float]:
    """For each of ``ends`` (minutes) the share of the ``window`` minutes before it that lies in ``found``, as
    ``covered`` says it of each by itself."""
    if not found:
        return [0.0] * len(ends)
    firsts, lasts = np.array(found, np.int64).T
    # Minutes covered before a moment: of the stretches that are over, and of the one that is not.
    whole = np.append(0, np.cumsum(lasts - firsts))

    def before(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        over = np.searchsorted(lasts, moments, side="right")
        begun = np.minimum(over, len(firsts) - 1)
        partly = np.where(over < len(firsts), np.clip(moments - firsts[begun], 0, None), 0)
        return np.asarray(whole[over] + partly)

    upper = np.array(ends, np.int64)
    shares = (before(upper) - before(upper - window)) / window
    return [round(share, 4) for share in shares.tolist()]
