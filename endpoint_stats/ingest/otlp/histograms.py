"""From the points of a stream to what each adds: cumulative ones count from the start of a process, so the difference.

https://opentelemetry.io/docs/specs/otel/metrics/data-model/#resets-and-gaps
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import buckets
from .buckets import Range
from .lives import Life, Lives, PackedExplicit, PackedExponential, exponential, remember, shape_of, unpack
from .points import Explicit, Exponential, Point

FRESH = 600 * 10**9
"""Nanoseconds. A stream whose first point lies this near to its start counts from its start."""


@dataclass(slots=True)
class Increase:
    """What a point adds.

    count: requests; untimed: those of them whose durations nobody knows
    duration_us: sum of the durations in microseconds, estimated from the buckets where the point has no sum
    slots: (slot of aggregate/sketch.py, count), ascending; with ``untimed`` they add up to ``count``
    error_extra: relative error beyond the sketch's own ALPHA in 1/10,000; 10,000 stands for unknown (buckets.py)
    """

    count: int = 0
    duration_us: int = 0
    slots: list[tuple[int, int]] = field(default_factory=list)
    untimed: int = 0
    error_extra: int = 0


def increase(previous: bytes | None, point: Point, *, heard: bool = False) -> tuple[Increase, bytes | None]:
    """What the point adds, and the state to keep for its ``series``; None where there is none to keep (delta).

    previous: the state that the series' last call gave; None, or a damaged one, for the first.
    heard: whether an earlier request brought a point of the same ``writer``. Programs send all their streams each time,
        so that one that was not among them had counted nothing yet. Whoever forgets a series' state must forget its
        writers too, or what it had counted is counted again.

    A cumulative point adds its difference to the point before. All of it counts where its process began anew: its
    start is new and lies after the stream was first seen; or counts went down, or buckets are others. So it does
    where it is the first of its stream and FRESH or ``heard``. Otherwise the first is only where counting begins:
    a process that has run for three days must not become a spike. A point that is not newer than the one before,
    such as the same again, adds nothing and leaves the state as it is.
    """
    if not point.cumulative:
        return _measured(point, point.count, point.sum, _ranges_with_extremes(point)), None
    lives = unpack(previous)
    before = lives.of(point.start) if lives else None
    if before is not None and point.time <= before.time:
        return Increase(), previous
    state = remember(lives, point)
    if before is None:
        # Where a state was lost, and not only where there was none, what was heard says nothing.
        new = _began_in_sight(lives, point) or (heard and (not previous or _is_new(lives, point)))
        return (_whole(point) if new else Increase()), state
    return _since(before, point), state


def _began_in_sight(lives: Lives | None, point: Point) -> bool:
    """Whether all that a life's first point counts happened since the stream is watched, or nearly."""
    if not point.start or (lives is not None and not _is_new(lives, point)):
        return False
    return point.time - point.start <= FRESH or (lives is not None and point.start >= lives.since)


def _is_new(lives: Lives | None, point: Point) -> bool:
    """Whether a life that is not among those remembered never was: its counts would be counted twice."""
    return lives is not None and point.start > lives.forgotten


def _whole(point: Point) -> Increase:
    return _measured(point, point.count, point.sum, point.buckets.ranges())


def _since(before: Life, point: Point) -> Increase:
    """The difference to an earlier point of the same life; the whole point where it cannot be one."""
    ranges = _difference(before, point)
    if ranges is None:
        return _whole(point)
    seconds = None if point.sum is None or before.sum is None else point.sum - before.sum
    # A sum that shrinks while the counts grow is no sum of durations.
    return _measured(point, point.count - before.count, None if seconds is None or seconds < 0 else seconds, ranges)


def _ranges_with_extremes(point: Point) -> list[Range]:
    return buckets.narrowed(point.buckets.ranges(), point.minimum, point.maximum)


def _measured(point: Point, count: int, seconds: float | None, ranges: list[Range]) -> Increase:
    if not count:
        return Increase()
    if isinstance(point.buckets, Explicit) and not point.buckets.counts:
        return Increase(count=count, untimed=count)
    slots, microseconds, error_extra = buckets.mapped(ranges)
    return Increase(count, microseconds if seconds is None else round(seconds * 1e6), slots, 0, error_extra)


def _difference(before: Life, point: Point) -> list[Range] | None:
    """The ranges that the point has more than ``before``; None where it has anywhere fewer, or other buckets."""
    old, new = before.buckets, point.buckets
    if point.count < before.count:
        return None
    if isinstance(old, PackedExplicit) and isinstance(new, Explicit):
        return _explicit_difference(old, new)
    if isinstance(old, PackedExponential) and isinstance(new, Exponential):
        return _exponential_difference(exponential(old), new)
    return None


def _explicit_difference(old: PackedExplicit, new: Explicit) -> list[Range] | None:
    if old.shape != shape_of(new.bounds):
        return None
    more = tuple(after - before for after, before in zip(new.counts, old.counts, strict=True))
    return None if any(count < 0 for count in more) else Explicit(new.bounds, more).ranges()


def _exponential_difference(old: Exponential, new: Exponential) -> list[Range] | None:
    """The same for exponential ones, at the coarser scale of the two and with the larger zero bucket of the two."""
    if old.per_second != new.per_second:
        return None
    scale = min(old.scale, new.scale)
    before, after = _downscaled(old, scale), _downscaled(new, scale)
    zero_before, zero_after, threshold = old.zero_count, new.zero_count, new.zero_threshold
    if old.zero_threshold != new.zero_threshold:
        wanted = max(old.zero_threshold, new.zero_threshold)
        inside = {at for at in before.keys() | after.keys() if buckets.bound(at, scale, new.per_second) < wanted}
        zero_before += sum(before.pop(at, 0) for at in inside)
        zero_after += sum(after.pop(at, 0) for at in inside)
        threshold = max([wanted, *(buckets.bound(at + 1, scale, new.per_second) for at in inside)])
    more = {at: after.get(at, 0) - before.get(at, 0) for at in before.keys() | after.keys()}
    if zero_after < zero_before or any(count < 0 for count in more.values()):
        return None
    zero = buckets.zero_range(threshold, zero_after - zero_before)
    return zero + buckets.exponential_ranges(more, scale, new.per_second)


def _downscaled(told: Exponential, scale: int) -> dict[int, int]:
    """Bucket's index -> count at a coarser scale: each step joins the buckets 2 i and 2 i + 1."""
    result: dict[int, int] = {}
    for at, count in told.by_index().items():
        if count:
            coarse = at >> (told.scale - scale)
            result[coarse] = result.get(coarse, 0) + count
    return result
