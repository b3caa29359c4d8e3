"""Blocks laid out in time, so that the hours after a release lie beside the same hours of the days before it.

Arrays are [endpoint, run, block]: the last run is after the release, the others before. Where the history is long
enough, each run is a day from the release's time of day on, so that the same block of each is at the same time of day;
else there is one run before, whatever came before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .columns import DAY, MOST_BEFORE, Columns, Ints, check_times, columns_of, starts_of
from .noise import Known
from .tails import Floats
from .values import Endpoint

WINDOWS = 6  # that the time after is cut into, where its blocks allow
LONGEST_WINDOW, LONGEST_UNMATCHED = 240, 30  # minutes: of a short history, more and shorter ones
DAYS_TO_MATCH = 3
UNMATCHED_BEFORE = 3 * DAY
AT_A_TIME = 500  # endpoints laid out together: bounds memory


@dataclass(frozen=True, slots=True)
class Table:
    """``rows``: index of each endpoint among those judged. ``minutes``: of a block. ``width``: blocks of a window; the
    last axis is a multiple of it.

    requests, errors, timed and p95 are float64[endpoint, run, block]; p95 is NaN where there is none.
    """

    rows: Ints
    matched: bool
    minutes: int
    width: int
    requests: Floats
    errors: Floats
    timed: Floats
    p95: Floats

    @property
    def day(self) -> int:
        """Windows of 24 hours."""
        return DAY // (self.minutes * self.width)

    def windows(self, values: Floats) -> Floats:
        """Sums of blocks by window."""
        count, runs, blocks = values.shape
        return values.reshape(count, runs, blocks // self.width, self.width).sum(axis=3)


def tables(endpoints: Sequence[Endpoint]) -> Iterator[Table]:
    """Every endpoint lies in one of them, if any has a block after the release. Raises ValueError for blocks that
    cannot be."""
    for minutes in sorted({one.minutes for one in endpoints}):
        rows = [row for row, one in enumerate(endpoints) if one.minutes == minutes]
        starts = starts_of([endpoints[row] for row in rows])
        begin, end = (int(starts.min()), int(starts.max())) if len(starts) else (None, None)
        for first in range(0, len(rows), AT_A_TIME):
            yield from _laid_out(endpoints, rows[first : first + AT_A_TIME], minutes, begin, end)


def _laid_out(
    endpoints: Sequence[Endpoint], rows: list[int], minutes: int, begin: int | None, end: int | None
) -> Iterator[Table]:
    chosen = [endpoints[row] for row in rows]
    before, after = columns_of(chosen, "before"), columns_of(chosen, "after")
    if begin is None or end is None:
        return
    check_times(chosen, before, after, begin, minutes)
    count = (end - begin) // minutes + 1
    width, blocks = window_of(minutes, count, LONGEST_WINDOW)
    place_after, place_before = (after.start - begin) // minutes, (before.start - begin) // minutes
    day = DAY // minutes
    days = -(-MOST_BEFORE // DAY) if len(place_before) == 0 else -int(place_before.min()) // day + 1
    days = min(days, MOST_BEFORE // DAY)
    matched = _days_that_match(len(rows), before, place_before, after, place_after, days, day, blocks)
    for is_matched in (True, False):
        taken = np.flatnonzero(matched == is_matched)
        if not len(taken):
            continue
        if is_matched:
            # The run of the day k days ago is k-th from the last.
            back = -(place_before // day)
            run, place, runs, size = days - back, place_before + back * day, days + 1, day
        else:
            width, blocks = window_of(minutes, count, LONGEST_UNMATCHED)
            reach = min(-int(place_before.min(initial=0)), UNMATCHED_BEFORE // minutes)
            size = max(blocks, -(-reach // width) * width)
            run, place, runs = np.zeros_like(place_before), size + place_before, 2
        spread = _Spread(len(rows), taken, runs, size)
        spread.add(before, run, place)
        spread.add(after, np.full_like(place_after, runs - 1), np.where(place_after < blocks, place_after, size))
        yield Table(np.array(rows)[taken], is_matched, minutes, width, *spread.fields)


def window_of(minutes: int, blocks: int, longest: int) -> tuple[int, int]:
    """Blocks of a window, and blocks after the release that fill whole windows.

    Neighbouring blocks are alike; the mean of an hour is less like the next. Windows divide a day, so that those of
    different days match.
    """
    most = max(1, min(longest // minutes, blocks // WINDOWS))
    width = max(size for size in range(1, most + 1) if DAY % (size * minutes) == 0)
    return width, blocks // width * width


def _days_that_match(
    count: int, before: Columns, place_before: Ints, after: Columns, place_after: Ints, days: int, day: int, blocks: int
) -> Known:
    """Whether enough days have requests in at least half of the blocks, by time of day, that the time after has."""
    asked = np.zeros((count, blocks), np.bool_)
    used = (place_after < blocks) & (after.requests > 0)
    asked[after.owner[used], place_after[used]] = True
    back, place = -(place_before // day), place_before % day
    used = (place < blocks) & (back <= days) & (before.requests > 0)
    met = np.zeros((count, days + 1), np.int64)
    hits = asked[before.owner[used], place[used]]
    np.add.at(met, (before.owner[used][hits], back[used][hits]), 1)
    wanted = asked.sum(axis=1)[:, None]
    return ((met * 2 >= wanted) & (met > 0)).sum(axis=1) >= DAYS_TO_MATCH


class _Spread:
    """Columns put in their places; what lies outside is left out."""

    def __init__(self, count: int, taken: Ints, runs: int, size: int) -> None:
        self.at = np.full(count, -1)
        self.at[taken] = np.arange(len(taken))
        self.runs, self.size = runs, size
        shape = (len(taken), runs, size)
        self.fields = (np.zeros(shape), np.zeros(shape), np.zeros(shape), np.full(shape, np.nan))

    def add(self, columns: Columns, run: Ints, place: Ints) -> None:
        row = self.at[columns.owner]
        used = (row >= 0) & (run >= 0) & (run < self.runs) & (place >= 0) & (place < self.size)
        target = (row[used], run[used], place[used])
        for field, values in zip(
            self.fields, (columns.requests, columns.errors, columns.timed, columns.p95), strict=True
        ):
            field[target] = values[used]
