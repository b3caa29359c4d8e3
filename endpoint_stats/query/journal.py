"""What was committed and is not in the rollups yet, as part of every answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from endpoint_stats.aggregate.buckets import LEVELS
from endpoint_stats.aggregate.table import Table, coarser, concatenate, empty, negate, take, unpack
from endpoint_stats.models import Journal, StoreState

from .planner import Available, Tile
from .sql import key_columns


@dataclass(frozen=True, slots=True)
class Waiting:
    """The journal of a project, in tables, and what the store holds; all of one snapshot.

    version: changes whenever an answer may change. Within a revision the journal only grows, so that its length
    says as much as its ids.
    """

    hits: Table
    by_consumer: Table
    available: Available
    version: str

    def part(self, tile: Tile, by_consumer: bool, only: dict[str, Sequence[int]]) -> Table:
        """The rows that belong to a tile, in buckets of its level."""
        table = self.by_consumer if by_consumer else self.hits
        size = LEVELS[tile.level]
        table = coarser(table, size) if size > 1 else table
        floor = self.available.floors[tile.level]
        keep = (table.keys[0] >= max(tile.start, floor)) & (table.keys[0] < tile.end)
        for name, column in zip(key_columns(by_consumer), table.keys, strict=True):
            if name in only:
                keep &= np.isin(column, np.array(only[name], np.int64))
        return take(table, keep)


def waiting(project_id: int) -> Waiting:
    state = StoreState.objects.filter(project_id=project_id).first() or StoreState(project_id=project_id)
    hits, by_consumer = [empty(4)], [empty(3)]
    rows = list(Journal.objects.filter(project_id=project_id).values_list("sign", "payload"))
    for sign, payload in rows:
        tables = unpack(bytes(payload))
        if sign < 0:
            tables = [negate(table) for table in tables]
        hits.append(tables[0])
        by_consumer.append(tables[1])
    table = concatenate(hits)
    oldest, newest = state.oldest, state.newest
    if len(table):
        first, last = int(table.keys[0].min()), int(table.keys[0].max())
        oldest = first if oldest is None else min(oldest, first)
        newest = last if newest is None else max(newest, last)
    floors = {"minute": state.minute_floor, "hour": state.hour_floor, "day": state.day_floor}
    version = f"{state.revision}.{len(rows)}"
    return Waiting(table, concatenate(by_consumer), Available(floors, oldest, newest), version)


def data_span(project_id: int) -> tuple[int, int] | None:
    """First and last minute with hits, for a first range that fits the data."""
    available = waiting(project_id).available
    if available.oldest is None or available.newest is None:
        return None
    return available.oldest, available.newest
