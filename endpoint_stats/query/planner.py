"""From a Query to the tiles that answer it: the coarsest levels inside, finer ones at the edges only.

Each step is a pure function of minutes since 1970-01-01 UTC; nothing here asks the database.
"""

from dataclasses import dataclass
from typing import NamedTuple

from endpoint_stats.aggregate.buckets import LEVELS, ceiling, floor, minute_of, moment_of
from endpoint_stats.metrics import METRICS
from endpoint_stats.models import CALLERS, CONSUMERS, HITS, TOTALS

from .intervals import Buckets, buckets
from .spec import Query, QueryError

KEPT_BY_TOTALS = {"status", "release", "traffic"}
KEPT_BY_CALLERS = {"status", "consumer"}
BY_THE_HOUR = (CONSUMERS, CALLERS)


class Tile(NamedTuple):
    """A stretch ``[start, end)`` of minutes, read from one level."""

    level: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Available:
    """What the store holds: the first minute that each level keeps, and the span of time with any hits."""

    floors: dict[str, int]
    oldest: int | None
    newest: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Tiles in order of time, of one family of rollups; ``buckets`` is None where no interval was asked."""

    family: str
    tiles: tuple[Tile, ...]
    buckets: Buckets | None = None

    def levels(self) -> list[str]:
        used = {tile.level for tile in self.tiles}
        return [level for level in LEVELS if level in used]


def plan(query: Query, available: Available) -> Plan:
    """Raises QueryError where no level that is still kept can answer."""
    family = family_of(query)
    finest = "hour" if family in BY_THE_HOUR else "minute"
    cut = buckets(query)
    span = clip(minute_of(query.start - query.reach), minute_of(query.end), available)
    if span is None:
        return Plan(family, (), cut)
    allowed = levels_for(cut.step if cut else 0, finest)
    return Plan(family, tuple(tile(*span, allowed, available.floors)), cut)


def family_of(query: Query) -> str:
    """The smallest family that keeps what is asked. Raises QueryError for what none keeps together."""
    names = {*query.group_by, *(name for name, _ in query.filters)}
    if "consumer" not in names:
        return TOTALS if names <= KEPT_BY_TOTALS else HITS
    if names & {"release", "traffic"}:
        raise QueryError(
            "unanswerable",
            "Consumers are kept by endpoint and hour, not by release or traffic class. Leave one of the two out.",
        )
    if any(METRICS[name].consumers for name in query.metrics):
        raise QueryError(
            "unanswerable", "The number of consumers cannot be asked by consumer. Leave out one of the two."
        )
    return CALLERS if names <= KEPT_BY_CALLERS else CONSUMERS


def clip(start: int, end: int, available: Available) -> tuple[int, int] | None:
    """The part of the range that can hold hits, widened to whole days where the range allows it: outside of the
    span of the data there is nothing, so a coarse bucket that reaches beyond it is as true as fine ones."""
    if available.oldest is None or available.newest is None:
        return None
    start = max(start, floor(available.oldest, 1440))
    end = min(end, ceiling(available.newest + 1, 1440))
    return (start, end) if start < end else None


def levels_for(interval: int, finest: str) -> list[str]:
    """The levels whose buckets fit into those of the interval, finest first."""
    names = list(LEVELS)
    names = names[names.index(finest) :]
    fitting = [name for name in names if not interval or interval % LEVELS[name] == 0]
    if not fitting:
        raise QueryError("unanswerable", "Consumers are kept by the hour. Ask for an interval of an hour or more.")
    return fitting


def tile(start: int, end: int, allowed: list[str], floors: dict[str, int]) -> list[Tile]:
    """Tiles of ``[start, end)``: the coarsest level in the middle, the edges by the next finer one."""
    level = allowed[-1]
    size = LEVELS[level]
    inner = (ceiling(start, size), floor(end, size))
    if len(allowed) == 1:
        if inner != (start, end):
            raise _kept_no_finer(start, end, f"{level}s")
        return [_readable(Tile(level, start, end), floors)]
    if inner[0] >= inner[1]:
        return tile(start, end, allowed[:-1], floors)
    tiles = [Tile(level, *inner)]
    if start < inner[0]:
        tiles = tile(start, inner[0], allowed[:-1], floors) + tiles
    if inner[1] < end:
        tiles += tile(inner[1], end, allowed[:-1], floors)
    return [_readable(part, floors) for part in tiles]


def _readable(part: Tile, floors: dict[str, int]) -> Tile:
    if part.start < floors[part.level] and part.level != "day":
        raise _kept_no_finer(part.start, floors[part.level], {"minute": "hours", "hour": "days"}[part.level])
    return part


def _kept_no_finer(start: int, end: int, kept: str) -> QueryError:
    return QueryError(
        "not_kept",
        f"Between {moment_of(start):%Y-%m-%d %H:%M} and {moment_of(end):%Y-%m-%d %H:%M} UTC only {kept} are kept"
        f" for this. Let from and to be whole {kept} (UTC), and ask for an interval of that size or none.",
    )
