"""Numbers and times of whole columns: the bytes that lie in the text, eight at once, become integers by arithmetic.

Each of these decoders knows the plain values of its column only: those written in the way that servers write them,
and in range. All others are left to the decoder of single values (values.py, times.py), with which these agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import times
from .base import Reject
from .lines import WORD, Bools, Ints, Lines, Spans, Words
from .values import MAX_DURATION, MAX_SIZE

_ZEROS = np.uint64(0x3030303030303030)  # the text 00000000
_HIGH_HALVES = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIXES = np.uint64(0x0606060606060606)
_PAIRS = np.uint64(0x000000FF000000FF)
_FRACTIONS = (3, 6)  # digits behind the point that servers write: of nginx's milliseconds, of the ALB's microseconds
_CLOCK = np.uint64(int.from_bytes(b"00:00:00", "little"))
_COLONS = np.uint64(int.from_bytes(b"\0\0\xff\0\0\xff\0\0", "little"))
_CLOCK_SIZE, _ZONE_SIZE = 8, 6  # 02:13:20, and what comes behind: " +0100" or "+01:00"

Column = tuple[Ints, Bools]


def _are_digits(values: Words) -> Bools:
    """Whether each byte of each word is at most 9."""
    return ((values | (values + _SIXES)) & _HIGH_HALVES) == 0


def _eight(lines: Lines, start: Ints, end: Ints) -> Column:
    """Numbers of one to eight digits."""
    length = end - start
    known = (length >= 1) & (length <= WORD)
    # The bytes before a number that is shorter than a word are made zeros.
    shift = ((WORD - np.where(known, length, 1)) * 8).astype(np.uint64)
    values = ((lines.words[end - WORD] ^ _ZEROS) >> shift) << shift
    known &= _are_digits(values)
    # Each digit times ten and the next one added, then pairs of digits, then pairs of those.
    values = values * np.uint64(10) + (values >> np.uint64(8))
    high = (values & _PAIRS) * np.uint64(100 + (1_000_000 << 32))
    low = ((values >> np.uint64(16)) & _PAIRS) * np.uint64(1 + (10_000 << 32))
    return ((high + low) >> np.uint64(32)).astype(np.int64), known


def _integers(lines: Lines, start: Ints, end: Ints) -> Column:
    """Numbers of one to sixteen digits."""
    length = end - start
    long = length > WORD
    values, known = _eight(lines, np.where(long, end - WORD, start), end)
    if long.any():
        high, high_known = _eight(lines, start[long], end[long] - WORD)
        values[long] += high * 10**WORD
        known[long] &= high_known
    return values, known


def _decimals(spans: Spans) -> tuple[Column, Column]:
    """Whole part and millionths of numbers with three, six or no digits behind the point."""
    lines, end = spans.lines, spans.end
    millionths, known = np.zeros(len(end), np.int64), np.ones(len(end), bool)
    for count in _FRACTIONS:
        point = end - count - 1
        found = (lines.codes[point] == ord(".")) & (point > spans.start) & (end == spans.end)
        if found.any():
            values, good = _eight(lines, np.where(found, point + 1, end), end)
            millionths += np.where(found, values, 0) * 10 ** (6 - count)
            known &= good | ~found
            end = np.where(found, point, end)
    return _integers(lines, spans.start, end), (millionths, known)


def status(spans: Spans) -> Column:
    """100 to 599."""
    values, known = _eight(spans.lines, spans.start, spans.end)
    return values, known & (spans.end - spans.start == 3) & (values >= 100) & (values <= 599)


def size(spans: Spans) -> Column:
    """Bytes."""
    values, known = _integers(spans.lines, spans.start, spans.end)
    return values, known & (values <= MAX_SIZE)


def duration(nanoseconds_per_unit: int) -> Callable[[Spans], Column]:
    """Decoder of durations that are given in a unit of so many nanoseconds."""

    def decode(spans: Spans) -> Column:
        (whole, known), (millionths, fraction_known) = _decimals(spans)
        known &= fraction_known & (whole <= MAX_DURATION // nanoseconds_per_unit)
        rest = millionths * nanoseconds_per_unit // 10**6
        known &= rest * 10**6 == millionths * nanoseconds_per_unit  # else a decimal has to be rounded
        values = np.where(known, whole, 0) * nanoseconds_per_unit + rest
        return values, known & (values <= MAX_DURATION)

    return decode


def epoch_time(units_per_second: int) -> Callable[[Spans], Column]:
    """Decoder of a number of units since 1970."""

    def decode(spans: Spans) -> Column:
        (whole, known), (_, fraction_known) = _decimals(spans)
        values = whole // units_per_second
        return values, known & fraction_known & (values <= times.MAX_SECONDS)

    return decode


def _local_time(decode: Callable[[bytes], int], clock: int) -> Callable[[Spans], Column]:
    """Decoder of a date of `clock` bytes (with what divides it from the time), a time of day and a zone.

    The seconds of midnight are what `decode` says, once for a run of lines of the same day and zone.
    """

    def decode_column(spans: Spans) -> Column:
        words, start = spans.lines.words, spans.start
        known = spans.end - start == clock + _CLOCK_SIZE + _ZONE_SIZE
        start = np.where(known, start, 0)
        day = words[start], words[start + clock - WORD]
        zone = words[start + clock + _ZONE_SIZE] >> np.uint64(8 * (WORD - _ZONE_SIZE))
        first = np.ones(len(start), bool)
        first[1:] = np.logical_or.reduce([part[1:] != part[:-1] for part in (*day, zone)])
        heads = np.flatnonzero(first)
        found = [_midnight(decode, spans.lines.data[at : at + clock + _CLOCK_SIZE + _ZONE_SIZE], clock)
                 for at in start[heads].tolist()]  # fmt: skip
        midnight = np.repeat(np.array(found, np.int64), np.diff(heads, append=len(start)))
        seconds, exists = _time_of_day(words[start + clock])
        values = midnight + seconds
        return values, known & exists & (midnight >= 0) & (values <= times.MAX_SECONDS)

    return decode_column


def _midnight(decode: Callable[[bytes], int], text: bytes, clock: int) -> int:
    """Epoch seconds of a day's beginning; -1 where there is none, or it lies before 1970."""
    try:
        return decode(text[:clock] + b"00:00:00" + text[clock + _CLOCK_SIZE :])
    except Reject:
        return -1


def _time_of_day(text: Words) -> Column:
    """Seconds of `02:13:20`. Second 60 is the next minute's first."""
    values = text ^ _CLOCK
    known = _are_digits(values) & ((values & _COLONS) == 0)
    hour, minute, second = (
        (((values >> np.uint64(at)) & np.uint64(15)) * np.uint64(10)
         + ((values >> np.uint64(at + 8)) & np.uint64(15))).astype(np.int64)
        for at in (0, 24, 48)
    )  # fmt: skip
    known &= (hour <= 23) & (minute <= 59) & (second <= 60)
    return hour * 3_600 + minute * 60 + second, known


clf_time = _local_time(times.clf_time, len("13/Nov/2025:"))
iso_time = _local_time(times.iso_time, len("2025-11-13T"))
