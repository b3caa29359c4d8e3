"""Data points of OpenTelemetry's histograms -> a Delta: what each adds, under the route that it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from endpoint_stats.aggregate import words
from endpoint_stats.aggregate.fold import HEALTH, NORMAL, Delta, EndpointName
from endpoint_stats.aggregate.table import SUMS, Table, combine, take, with_keys
from endpoint_stats.ingest.coders import Names
from endpoint_stats.ingest.otlp.histograms import Increase, increase
from endpoint_stats.ingest.otlp.points import Point
from endpoint_stats.ingest.traffic import is_health_path
from endpoint_stats.models import SourceKind
from endpoint_stats.routes.rules import UNMATCHED, Router
from endpoint_stats.store.counting import claim

from .door import AHEAD, BEHIND, Door

_MINUTE = 60 * 10**9


class Meter:
    """The points of one request that can count, and what became of the others (by reason)."""

    def __init__(self, door: Door, points: Iterable[Point], now: datetime) -> None:
        self.rejected: Counter[str] = Counter()
        self.points: list[Point] = []
        self.router = Router(door.rules)
        latest, earliest = int((now + AHEAD).timestamp()), int((now - BEHIND).timestamp())
        points = list(points)
        whose = _sources(door, {point.service for point in points})
        for point in points:
            second = point.time // 10**9
            if second > latest:
                self.rejected["time_future"] += 1
            elif second < earliest:
                self.rejected["time_too_old"] += 1
            elif whose[point.service] != SourceKind.METRICS:
                self.rejected["samples_only"] += 1
            else:
                self.points.append(point)

    def wanted(self) -> set[UUID]:
        """Ids of the streams and writers whose states ``fold`` needs."""
        cumulative = [point for point in self.points if point.cumulative]
        return {UUID(bytes=one) for point in cumulative for one in (point.series, point.writer)}

    def fold(self, states: Mapping[UUID, bytes | None]) -> tuple[Delta, dict[UUID, bytes]]:
        """What the points add to what was counted before, and the new states.

        states: by stream; by writer, None for one that was never heard
        """
        found: dict[UUID, bytes] = {}
        rows: list[tuple[Point, Increase]] = []
        for point in self.points:
            if not point.cumulative:
                rows.append((point, increase(None, point)[0]))
                continue
            series, writer = UUID(bytes=point.series), UUID(bytes=point.writer)
            heard = states.get(writer) is not None
            added, state = increase(found.get(series, states.get(series)), point, heard=heard)
            found[writer] = b""
            if state is not None:
                found[series] = state
            rows.append((point, added))
        return self._delta([(point, added) for point, added in rows if added.count]), found

    def _delta(self, rows: list[tuple[Point, Increase]]) -> Delta:
        endpoints: Names[EndpointName] = Names()
        releases, consumers = Names(("", "")), Names("")
        keys, consumer = [], []
        for point, _ in rows:
            release = releases.code((point.service, point.version)) if point.version else 0
            traffic = HEALTH if is_health_path(point.path or point.route) else NORMAL
            # It ended within the minute before its time.
            keys.append(((point.time - 1) // _MINUTE, endpoints.code(self._endpoint(point)), release, traffic))
            consumer.append(consumers.code(point.consumer))
        columns = np.array(keys, np.int64).reshape(-1, 4).T
        table = Table(tuple(columns), _sums(rows), _extra(rows), _entries(rows))
        delta = Delta(endpoints.listed, releases.listed, consumers.listed, combine(table))
        who = np.array(consumer, np.int64)
        if who.any():
            time = columns[0] - columns[0] % 60
            delta.by_consumer = combine(take(with_keys(table, (time, who, columns[1])), who > 0))
        return delta

    def _endpoint(self, point: Point) -> EndpointName:
        if point.route == UNMATCHED:
            return EndpointName(point.service, point.method, UNMATCHED)
        route, explicit = self.router.route(point.service, point.method, point.path, point.route)
        return EndpointName(point.service, point.method, route, 1 if point.status == 404 and not explicit else 0)


def _sources(door: Door, services: set[str]) -> dict[str, str]:
    """Which source counts for each service; metrics from now on where none did."""
    unknown = services - door.counting.keys()
    if unknown:
        door.counting = {**door.counting, **claim(door.project.pk, unknown, SourceKind.METRICS)}
    return {service: door.counting[service] for service in services}


def _sums(rows: list[tuple[Point, Increase]]) -> Any:
    values = [
        (
            added.count,
            added.count if 400 <= point.status < 500 else 0,
            added.count if point.status >= 500 else 0,
            added.count - added.untimed,
            added.duration_us,
            0,
            0,
        )
        for point, added in rows
    ]
    return np.array(values, np.int64).reshape(-1, len(SUMS))


def _extra(rows: list[tuple[Point, Increase]]) -> Any:
    return np.array([added.error_extra for _, added in rows], np.int64)


def _entries(rows: list[tuple[Point, Increase]]) -> words.Entries:
    listed = [
        (row, point.status, slot, count)
        for row, (point, added) in enumerate(rows)
        for slot, count in [*added.slots, *([(words.UNTIMED, added.untimed)] if added.untimed else [])]
    ]
    return words.Entries(*np.array(listed, np.int64).reshape(-1, 4).T)
