"""Hits as NDJSON: the format of POST /api/v1/ingest/hits, and of files of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from . import arrays, times, values
from .base import ArrayDecoder, ColumnDecoder, Decoder, Rejected, Rows
from .json_lines import decode_lines, without_missing
from .lines import Ints, Lines
from .targets import target

Number = int | float


class Hit(msgspec.Struct, gc=False, omit_defaults=True):
    """One observed request as it stands on the wire. None stands for a missing key and for null.

    time: RFC 3339, or epoch seconds; duration: seconds; sizes: bytes. Unknown keys are ignored.
    """

    time: Number | str | None = None
    method: str | None = None
    status: Number | None = None
    path: str | None = None
    route: str | None = None
    service: str | None = None
    duration: Number | None = None
    request_size: Number | None = None
    response_size: Number | None = None
    consumer: str | None = None
    version: str | None = None
    user_agent: str | None = None
    trace_id: str | None = None
    client_address: str | None = None


def _to_the_second(time: Number | str | None) -> Number | str | None:
    """RFC 3339 in UTC without its fraction, which is not counted: many hits then have one value to decode."""
    if isinstance(time, str) and time[19:20] == "." and time[-1:] == "Z" and time[20:-1].isdecimal() and time.isascii():
        return f"{time[:19]}Z"
    return time


_SAME = ("status", "duration", "request_size", "response_size", "consumer", "version", "user_agent")
_columns = {name: attrgetter(name) for name in ("time", "method", "path", "route", "service", *_SAME)}


def columns(hits: Sequence[Hit]) -> dict[str, Sequence[Any]]:
    """Slot -> raw values. A target without method, or without path and route, is None."""
    of = {name: list(map(get, hits)) for name, get in _columns.items()}
    targets: list[Any] = list(zip(of["method"], of["path"], of["route"], of["service"], strict=True))
    if None in of["method"] or not all(of["path"]):
        targets = [raw if raw[0] is not None and (raw[1] or raw[2]) else None for raw in targets]
    return {
        "time": [time if type(time) is float else _to_the_second(time) for time in of["time"]],
        "target": targets,
        **{name: of[name] for name in _SAME},
    }


_REQUIRED = ("time", "target", "status")


def rows_of(hits: Sequence[Hit], index: Ints) -> tuple[Rows, list[Rejected]]:
    """Rows of hits, whose places are in ``index``; and those that lack something."""
    found = columns(hits)
    if not any(None in found[slot] for slot in _REQUIRED):
        return Rows(index, found), []
    return without_missing(index, found, _REQUIRED)


class HitsSource:
    """Source of Hits, one JSON object a line."""

    name = "hits"
    consumer_field = ""
    slots: Mapping[str, Decoder] = {
        "time": times.number_or_iso_time,
        "target": target,
        "status": values.status,
        "duration": values.seconds,
        "request_size": values.size,
        "response_size": values.size,
        "consumer": values.name(values.CONSUMER_LENGTH),
        "version": values.name(values.VERSION_LENGTH),
        "user_agent": values.name(values.USER_AGENT_LENGTH),
    }

    columns: Mapping[str, ColumnDecoder] = {}
    arrays: Mapping[str, ArrayDecoder] = {
        "duration": arrays.seconds,
        "request_size": arrays.sizes,
        "response_size": arrays.sizes,
    }

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Hit).decode

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HitsSource)

    def __hash__(self) -> int:
        return hash(self.name)

    def read(self, lines: Lines) -> tuple[Rows, list[Rejected]]:
        """See Source.read."""
        hits, index, rejected = decode_lines(self._decode, lines.split())
        rows, missing = rows_of(hits, index)
        return rows, sorted(rejected + missing) if missing else rejected
