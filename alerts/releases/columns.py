"""Blocks as checked columns: one numpy array a field, with the endpoint that each block is of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from .tails import Floats
from .values import Block, Endpoint

Ints = npt.NDArray[np.int64]

DAY = 1_440
MINUTES = (5, 15, 60)
MOST_BEFORE, MOST_AFTER = 7 * DAY, DAY
LARGEST = 2**53  # of counts: what a float holds exactly
COUNTS = ("start_minute", "requests", "errors", "timed")
DURATIONS = ("p50", "p95", "mean")
FIELDS = COUNTS + DURATIONS


@dataclass(frozen=True, slots=True)
class Columns:
    """Of one side: int64[n] each, p95 float64[n] with NaN where there is none. ``owner``: index of the endpoint."""

    owner: Ints
    start: Ints
    requests: Ints
    errors: Ints
    timed: Ints
    p95: Floats


def columns_of(endpoints: Sequence[Endpoint], side: str) -> Columns:
    """Raises ValueError for numbers that cannot be, naming the endpoint."""
    blocks: list[tuple[Block, ...]] = [getattr(one, side) for one in endpoints]
    sizes = [len(some) for some in blocks]
    owner = np.repeat(np.arange(len(endpoints)), sizes)
    flat = list(chain.from_iterable(blocks))
    # Not zip(*flat): it makes an iterator a block, which wakes the cyclic collector again and again.
    fields = [list(map(itemgetter(place), flat)) for place in range(len(FIELDS))]

    def refuse(wrong: npt.NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            place = int(np.argmax(wrong))
            key = endpoints[int(owner[place])].key
            raise ValueError(f"Endpoint {key!r}, {side} the release, block {tuple(flat[place])}: {what}.")

    numbers = []
    for name, field in zip(COUNTS, fields, strict=False):
        if (counts := _counts(field)) is None:
            refuse(np.array([not _is_count(one) for one in field]), f"{name} must be a whole number from 0 to 2^53")
        else:
            numbers.append(counts)
    start, requests, errors, timed = numbers
    refuse(errors > requests, "errors cannot be more than requests")
    refuse(timed > requests, "timed cannot be more than requests")
    for name, field in zip(DURATIONS, fields[len(COUNTS) :], strict=True):
        if (durations := _durations(field)) is None:
            refuse(np.array([not _is_duration(one) for one in field]), f"{name} must be None or seconds, 0 or more")
        elif name == "p95":
            p95 = durations
    return Columns(owner, start, requests, errors, timed, p95)


def starts_of(endpoints: Sequence[Endpoint]) -> Ints:
    """Of all blocks after the release. Raises ValueError where one has none."""
    starts = _counts([block[0] for one in endpoints for block in one.after])
    return columns_of(endpoints, "after").start if starts is None else starts


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= int(value) <= LARGEST


def _counts(field: list[Any]) -> Ints | None:
    """None where one of them is no count."""
    values = np.array(field) if field else np.zeros(0, np.int64)
    if values.dtype.kind != "i" or ((values < 0) | (values > LARGEST)).any():
        return None
    return values.astype(np.int64)


def _is_duration(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating):
        return False
    return bool(0 <= value < math.inf)


def _durations(field: list[float | None]) -> Floats | None:
    """With NaN for None; None where one of them is no duration."""
    try:
        values = np.array(field, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    missing = np.isnan(values)
    if int(missing.sum()) != field.count(None) or (values[~missing] < 0).any():
        return None
    return values if np.isfinite(values[~missing]).all() else None


def check_times(endpoints: Sequence[Endpoint], before: Columns, after: Columns, begin: int, minutes: int) -> None:
    """All blocks must lie on one grid, once each, within a week before the release and a day after it."""
    for side, columns, earliest, latest in (
        ("before", before, begin - MOST_BEFORE, begin - minutes),
        ("after", after, begin, begin + MOST_AFTER - minutes),
    ):
        wrong = np.flatnonzero((columns.start < earliest) | (columns.start > latest))
        off = np.flatnonzero((columns.start - begin) % minutes)
        for places, what in (
            (wrong, f"must begin from minute {earliest} to {latest}: 7 days before, 24 hours after the first after it"),
            (off, f"is no whole number of {minutes} minutes from the first one after the release, {begin}"),
        ):
            if len(places):
                place = int(places[0])
                name = endpoints[int(columns.owner[place])].key
                raise ValueError(
                    f"Endpoint {name!r}: the block at minute {int(columns.start[place])} {side} the release {what}."
                )
        span = MOST_BEFORE + MOST_AFTER
        order = np.sort(columns.owner * span + (columns.start - earliest))
        twice = np.flatnonzero(order[1:] == order[:-1])
        if len(twice):
            name = endpoints[int(order[twice[0]]) // span].key
            raise ValueError(f"Endpoint {name!r}: two blocks {side} the release begin at the same minute. Merge them.")
