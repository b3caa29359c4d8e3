"""Results that are kept per user: what was asked before of the same state of the project is not computed again.

A kept result's key holds all that it depends on: the project, its data version, the questions, and the minute up to
which coverage counts. So it is never stale, and nobody has to forget it when data comes in.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from accounts.user_cache import Room, UserCache

from .answer import Result
from .coverage import Spans
from .runner import Reading, reading
from .spec import Query, QueryError

Way = Callable[[], Sequence[Query]]


@contextmanager
def kept_reading(user: object, project_id: int) -> Iterator["KeptReading"]:
    """As ``reading``; what ``user`` was answered before of the same state is not read again."""
    with reading(project_id) as opened:
        yield KeptReading(opened, UserCache(user))


class KeptReading:
    """Answers as a ``Reading`` does."""

    def __init__(self, opened: Reading, cache: Room) -> None:
        self.reading, self.cache = opened, cache
        self.spans: Spans = []

    @property
    def span(self) -> tuple[int, int] | None:
        return self.reading.span

    def run(self, queries: Sequence[Query], now: datetime) -> list[Result]:
        """As ``Reading.run``."""
        return self.run_first([lambda: queries], now)

    def run_first(self, ways: Sequence[Way], now: datetime) -> list[Result]:
        """The results of the first of several ways to ask that can be answered; each makes its questions, and all
        others follow from the first. Raises the QueryError of the last one where none can, and at once one that no
        other way would avoid."""
        version = self.reading.waiting.version
        key = f"query:{self.reading.project_id}:{version}:{_digest(ways[0](), now)}"
        kept = self.cache.get(key)
        if kept is None:
            way, results = self._ask(ways, now)
            self.spans = self.reading.spans
            self.cache.set(key, {"way": way, "spans": self.spans, "results": [_kept(result) for result in results]})
            return results
        self.spans = [(first, last) for first, last in kept["spans"]]
        pairs = zip(ways[kept["way"]](), kept["results"], strict=True)
        return [_result(query, fields, version, now) for query, fields in pairs]

    def _ask(self, ways: Sequence[Way], now: datetime) -> tuple[int, list[Result]]:
        for way, make in enumerate(ways):
            try:
                return way, self.reading.run(make(), now)
            except QueryError as error:
                if way == len(ways) - 1 or error.code not in ("not_kept", "bad_range"):
                    raise
        raise ValueError("There is no way to ask.")


def _digest(queries: Sequence[Query], now: datetime) -> str:
    """Of the questions, and of the minute up to which each one's coverage counts."""
    minute = now.replace(second=0, microsecond=0)
    said = [f"{query.digest()} {min(query.end, minute).isoformat()}" for query in queries]
    return hashlib.sha256(" ".join(said).encode()).hexdigest()


_FIELDS = ("totals", "error_bound", "levels", "coverage", "coverage_previous")


def _kept(result: Result) -> dict[str, Any]:
    """A result as JSON takes it."""
    kept = {name: getattr(result, name) for name in _FIELDS}
    kept["columns"] = {name: _said_once(column) for name, column in result.columns.items()}
    return kept | {"worse": [[place, bound] for place, bound in result.worse.items()]}


def _said_once(column: list[Any]) -> Any:
    """A column of names with each of them once: a trend of each endpoint says each name fifty times."""
    if not column or not isinstance(column[0], str):
        return column
    codes = {name: code for code, name in enumerate(dict.fromkeys(column))}
    if len(codes) * 2 > len(column):
        return column
    return {"names": list(codes), "codes": [codes[name] for name in column]}


def _column(kept: Any) -> list[Any]:
    if isinstance(kept, list):
        return kept
    names = kept["names"]
    return [names[code] for code in kept["codes"]]


def _result(query: Query, kept: dict[str, Any], version: str, now: datetime) -> Result:
    """A kept result is true as of now: nothing that it depends on has changed."""
    fields = {name: kept[name] for name in _FIELDS}
    fields |= {"as_of": now, "version": version, "worse": {at: bound for at, bound in kept["worse"]}}
    return Result(query, {name: _column(column) for name, column in kept["columns"].items()}, **fields)
