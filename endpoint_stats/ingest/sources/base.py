"""What every source offers: rows of raw values in columns, a decoder for each slot, and reasons for refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .lines import Bools, Ints, Lines, Spans

REASONS: dict[str, str] = {
    "line_empty": "The line is empty.",
    "line_too_long": "The line is longer than the limit for one line.",
    "format_mismatch": "The line does not have the shape of the log format.",
    "json_invalid": "The line is not a JSON object.",
    "field_missing": "A required field (time, method, path or route, status) is missing.",
    "field_invalid": "A field has a value of the wrong type.",
    "not_a_request": "The entry belongs to another log than the access log.",
    "time_invalid": "The time cannot be read, or does not exist.",
    "time_future": "The time lies too far ahead of the clock.",
    "time_too_old": "The time lies before the oldest time that is accepted.",
    "request_malformed": "The request line has no method and path.",
    "method_invalid": "The method is not a word of at most 32 letters, hyphens and underscores.",
    "status_invalid": "The status is not a number from 100 to 599.",
    "duration_invalid": "The duration is not a number from 0 to 30 days.",
    "samples_only": "Another source counts for this service; of this one only samples are kept.",
    "size_invalid": "A size is not a number of bytes from 0 to 2^53.",
}
"""Reason -> one plain sentence, for the ledger and the documentation. The registry is closed."""


class Reject(Exception):
    """A line that is not stored. `reason` is a key of REASONS; another one is a ValueError."""

    def __init__(self, reason: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"unknown reject reason: {reason!r}")
        super().__init__(reason)
        self.reason = reason


class Target(NamedTuple):
    """What was asked for. `method` is a known HTTP method or `_OTHER`; `path` has no query.

    `path` is "" only where the source gives a `route` in its place.
    """

    method: str
    path: str
    route: str = ""
    service: str = ""


TargetValues = tuple[str, str, str, str]
"""A Target, or the bare tuple of its values: there is one for each distinct request line of a log."""


@dataclass(slots=True)
class Rows:
    """Lines that were read, column by column.

    index: int64, position of each row's line within the given lines, ascending.
    columns: slot -> raw values (hashable), each as long as `index`; where they lie in the text, or as they are.
    """

    index: Ints
    columns: Mapping[str, Spans | Sequence[Any]]


Rejected = tuple[int, str]
"""A line that is refused: its position, and a key of REASONS."""
Decoder = Callable[[Any], Any]
ColumnDecoder = Callable[[Spans], tuple[Ints, Bools]]
"""A column's values (int64[n]), and which of them are known: where a value is, it is what the Decoder says of it."""
ArrayDecoder = Callable[[Sequence[Any]], tuple[Ints, Bools]]
"""The same for a column of JSON's scalars."""


class Source(Protocol):
    """A log format.

    name: the format's name ("combined", "hits", ...) or the format string as given.
    consumer_field: variable or key that holds the consumer; "" for the format's own.
    slots: slot -> pure decoder from raw value to value, which raises Reject. Raw values that compare equal
        decode to equal values, so a decoder may be memoised. Slots that the format lacks are absent. Values:
        time        int, epoch seconds (UTC, rounded down)
        target      TargetValues
        status      int, 100 to 599
        duration    int nanoseconds, or None when the line has none
        request_size, response_size     int bytes, 0 when the line has none
        consumer, version, user_agent   str, "" when the line has none
    columns: slot -> decoder of the plain values of a whole column, for slots whose columns are Spans. A duration
        of None is never among what it knows.
    arrays: slot -> the same for columns of objects. A duration of None is NO_DURATION there.
    """

    name: str
    consumer_field: str
    slots: Mapping[str, Decoder]
    columns: Mapping[str, ColumnDecoder]
    arrays: Mapping[str, ArrayDecoder]

    def read(self, lines: Lines) -> tuple[Rows, list[Rejected]]:
        """Rows and rejected lines. Every line is in exactly one of the two; both are ascending by line.

        A trailing carriage return is tolerated.
        """
        ...
