"""JSON logs: one object a line, any keys -> columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from . import arrays, times, values
from .base import ArrayDecoder, ColumnDecoder, Decoder, Rejected, Rows
from .lines import Ints, Lines, Spans
from .targets import target

Scalar = int | float | str | None
KeyPath = tuple[str, ...]
_DURATIONS: dict[str, Callable[[Any], int | None]] = {
    "seconds": values.seconds,
    "seconds_list": values.seconds_list,
    "seconds_or_go": values.seconds_or_go,
    "nanoseconds": values.duration(1),
}
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "time": times.any_time,
    "status": values.status,
    "request_size": values.size,
    "response_size": values.size,
    "consumer": values.name(values.CONSUMER_LENGTH),
    "user_agent": values.name(values.USER_AGENT_LENGTH),
}
_ARRAYS: dict[Callable[[Any], Any], ArrayDecoder] = {
    values.seconds: arrays.seconds,
    values.seconds_list: arrays.seconds,
    values.seconds_or_go: arrays.seconds,
    values.size: arrays.sizes,
}
_REQUIRED = ("time", "target", "status")
_MAY_BE_LISTS = ("consumer", "user_agent")  # headers, of which Caddy writes lists


def decode_lines(decode: Callable[[bytes], Any], lines: list[bytes]) -> tuple[list[Any], Ints, list[Rejected]]:
    """Decode each line. (objects, their line indexes, rejected lines as (index, reason)); never raises.

    decode: msgspec's, for a type that is a JSON object. One line never joins another, whatever is in it.
    """
    objects: list[Any] = []
    rejected: list[Rejected] = []
    remaining = map(decode if b"".join(lines).isascii() else _after_utf8(decode), lines)
    while True:
        try:
            # extend keeps what came before an error, and the map goes on after the line that raised it.
            objects.extend(remaining)
            break
        except (ValueError, RecursionError) as error:
            position = len(objects) + len(rejected)
            rejected.append((position, _json_reason(lines[position], error)))
    good = np.ones(len(lines), bool)
    good[[position for position, _ in rejected]] = False
    return objects, np.flatnonzero(good), rejected


def _after_utf8(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The same, but wrong UTF-8 is an error even in values that the decoder skips."""

    def checked(line: bytes) -> Any:
        line.decode()
        return decode(line)

    return checked


def _json_reason(line: bytes, error: Exception) -> str:
    if not line.strip():
        return "line_empty"
    is_object = line.lstrip()[:1] == b"{"
    return "field_invalid" if is_object and isinstance(error, msgspec.ValidationError) else "json_invalid"


class JsonSource:
    """Source of JSON objects, by a table of key paths.

    fields: from slot (and "method", "path", "request", which make the target) to key paths such as
        "request.uri"; the first one that has a value counts. "duration_unit" names the unit; "only" is
        {key, prefix}: entries with another value under the key belong to another log.
    consumer_field: the key path that holds the consumer instead.
    ValueError when the table cannot be used.
    """

    def __init__(self, name: str, fields: Mapping[str, Any], consumer_field: str = "") -> None:
        self.name = name
        self.consumer_field = consumer_field
        self._arguments = (name, fields, consumer_field)
        wanted = {key: value for key, value in fields.items() if isinstance(value, list)}
        if consumer_field:
            wanted["consumer"] = [consumer_field]
        self._only = fields.get("only")
        if self._only:
            wanted["only"] = [self._only["key"]]
        self._paths = {slot: [tuple(path.split(".")) for path in paths] for slot, paths in wanted.items()}
        if not all(all(path) for paths in self._paths.values() for path in paths):
            raise ValueError(f"{consumer_field!r} is not a key path; write a.b for the key b in the object a.")
        lists = {path for slot in _MAY_BE_LISTS for path in self._paths.get(slot, [])}
        others = {path for slot, paths in self._paths.items() if slot not in _MAY_BE_LISTS for path in paths}
        tree = _tree(sorted(lists | others))
        self._names: dict[KeyPath, KeyPath] = {}
        self._decode = msgspec.json.Decoder(self._struct(tree, (), (), lists - others)).decode
        slots: dict[str, Decoder] = {slot: d for slot, d in _DECODERS.items() if slot in self._paths}
        slots["target"] = target
        if "duration" in self._paths:
            slots["duration"] = _DURATIONS[fields.get("duration_unit", "seconds")]
        self.slots: Mapping[str, Decoder] = slots
        self.columns: Mapping[str, ColumnDecoder] = {}
        self.arrays: Mapping[str, ArrayDecoder] = {
            slot: _ARRAYS[decode] for slot, decode in slots.items() if decode in _ARRAYS
        }

    def _struct(
        self, tree: Mapping[str, Any], keys: KeyPath, names: KeyPath, lists: Iterable[KeyPath]
    ) -> type[msgspec.Struct]:
        """A Struct type for the tree of keys. Keys need not be Python names, so its fields are numbered."""
        members: list[tuple[str, Any, Any]] = []
        renamed: dict[str, str] = {}
        for number, (key, branch) in enumerate(tree.items()):
            name = f"f{number}"
            path, attributes = (*keys, key), (*names, name)
            kind: Any = Scalar | list[Scalar] if path in lists else Scalar
            if branch:
                kind = self._struct(branch, path, attributes, lists) | None
            self._names[path] = attributes
            renamed[name] = key
            members.append((name, kind, None))
        return msgspec.defstruct("Entry", members, rename=renamed, gc=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonSource) and self._arguments == other._arguments

    def __hash__(self) -> int:
        return hash((self.name, self.consumer_field))

    def read(self, lines: Lines) -> tuple[Rows, list[Rejected]]:
        """See Source.read."""
        entries, index, rejected = decode_lines(self._decode, lines.split())
        if self._only and entries:
            entries, index = self._keep_only(self._only["prefix"], entries, index, rejected)
        columns: dict[str, Sequence[Any]] = {
            slot: self._column(slot, entries) for slot in self.slots if slot != "target"
        }
        columns["target"] = self._targets(entries)
        if any(None in columns[slot] for slot in _REQUIRED):
            rows, missing = without_missing(index, columns, _REQUIRED)
            return rows, sorted(rejected + missing)
        return Rows(index, columns), sorted(rejected)

    def _keep_only(
        self, prefix: str, entries: list[Any], index: Ints, rejected: list[Rejected]
    ) -> tuple[list[Any], Ints]:
        """Entries whose value under the `only` key is missing or begins with the prefix; adds the others."""
        fits = [value is None or str(value).startswith(prefix) for value in self._column("only", entries)]
        good = np.array(fits, bool)
        rejected += [(place, "not_a_request") for place in index[~good].tolist()]
        return list(compress(entries, fits)), index[good]

    def _values(self, path: KeyPath, entries: list[Any]) -> list[Any]:
        first, *others = self._names[path]
        column = list(map(attrgetter(first), entries))
        for name in others:
            column = [None if entry is None else getattr(entry, name) for entry in column]
        return column

    def _column(self, slot: str, entries: list[Any]) -> list[Any]:
        """The slot's value of each entry: the first key path's that has one, else None."""
        column: list[Any] = [None] * len(entries)
        for path in self._paths.get(slot, ()):
            if None not in column:
                break
            other = self._values(path, entries)
            column = [b if a is None else a for a, b in zip(column, other, strict=True)]
        if slot in _MAY_BE_LISTS and any(isinstance(value, list) for value in column):
            column = [(value[0] if value else None) if isinstance(value, list) else value for value in column]
        return column

    def _targets(self, entries: list[Any]) -> list[Any]:
        """(method, path) of each entry, else its request line, else None."""
        pairs = zip(self._column("method", entries), self._column("path", entries), strict=True)
        if "request" not in self._paths:
            return [None if None in pair else pair for pair in pairs]
        lines = self._column("request", entries)
        return [line if None in pair else pair for pair, line in zip(pairs, lines, strict=True)]


def without_missing(
    index: Ints, columns: Mapping[str, Sequence[Any]], required: Iterable[str]
) -> tuple[Rows, list[Rejected]]:
    """The rows that have every required value, and the others as (line index, "field_missing")."""
    complete = [None not in values for values in zip(*(columns[slot] for slot in required), strict=True)]
    good = np.array(complete, bool)
    missing = [(place, "field_missing") for place in index[~good].tolist()]
    filtered: dict[str, Spans | Sequence[Any]] = {
        slot: list(compress(column, complete)) for slot, column in columns.items()
    }
    return Rows(index[good], filtered), missing


def _tree(paths: Iterable[KeyPath]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        branch = tree
        for depth, key in enumerate(path):
            # A key cannot hold both a value and an object with further keys that we read.
            if depth and not branch and path[:depth] in paths:
                raise ValueError(f"{'.'.join(path)} lies below a key that already holds a value.")
            branch = branch.setdefault(key, {})
    return tree
