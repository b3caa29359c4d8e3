"""Fills a project with invented traffic, straight into the store, for timing queries.

    python bench/make_store.py --project bench --endpoints 205 --days 30 --requests 2400000

``--requests`` is per day. The hits go through the product's own fold, names and compaction, so that what is read
afterwards is what an import would have left; only the parsing of lines is skipped. Writes to the database that the
environment names (DATABASE_URL, DATA_DIR); the project must not exist yet.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from accounts.models import Project
    from endpoint_stats.aggregate.fold import EndpointName, Hits

HOUR = 3600
CONSUMERS = 200


class Traffic:
    """Traffic of an invented API: Zipf popularity, a daily curve, lognormal durations that differ by endpoint."""

    def __init__(self, endpoints: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        share = 1 / (np.arange(endpoints) + 20.0)
        self.popularity = np.cumsum(share / share.sum())
        self.log_ns = np.log(12e6) + self.rng.standard_normal(endpoints)
        self.failing = self.rng.uniform(0, 0.01, endpoints)
        curve = 1.0 + 0.8 * np.sin((np.arange(24) - 9) / 24 * 2 * np.pi)
        self.curve = curve / curve.sum()

    def names(self) -> list[EndpointName]:
        from endpoint_stats.aggregate.fold import EndpointName

        methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
        return [
            EndpointName("api", methods[at % 5], f"/api/v2/resource-{at // 5}/{{id}}")
            for at in range(len(self.popularity))
        ]

    def hour(self, start: int, requests: int) -> Hits:
        """The hits of the hour from ``start`` (epoch seconds), of a day with so many requests."""
        from endpoint_stats.aggregate.fold import Hits

        rng, count = self.rng, int(requests * self.curve[start % 86_400 // HOUR])
        endpoint = np.searchsorted(self.popularity, rng.random(count), side="right")
        failed = rng.random(count) < self.failing[endpoint]
        missing = rng.random(count) < 0.02
        status = np.where(failed, 500, np.where(missing, 404, 200)).astype(np.int64)
        duration = np.exp(self.log_ns[endpoint] + 0.6 * rng.standard_normal(count)).astype(np.int64)
        nothing, ones = np.zeros(count, np.int64), np.ones(count, np.int64)
        return Hits(
            np.sort(start + rng.integers(0, HOUR, count)),
            endpoint.astype(np.int64),
            status,
            duration,
            nothing,
            rng.integers(200, 20_000, count),
            nothing,
            rng.integers(0, CONSUMERS, count),
            nothing,
            ones,
        )


def fill(project: Project, traffic: Traffic, end: datetime, days: int, requests: int) -> int:
    """Store ``days`` days of ``requests`` requests each up to ``end``. Returns the number of hits."""
    from endpoint_stats.aggregate.fold import fold
    from endpoint_stats.aggregate.table import pack
    from endpoint_stats.ids import uuid7
    from endpoint_stats.ingest.settings import settings_of
    from endpoint_stats.models import Batch, Journal
    from endpoint_stats.store import state
    from endpoint_stats.store.append import insert_names
    from endpoint_stats.store.compact import compact
    from endpoint_stats.store.names import ProjectNames

    names, known = traffic.names(), ProjectNames(settings_of(project))
    consumers = ["", *(f"consumer-{at}" for at in range(1, CONSUMERS))]
    total, first = 0, end - timedelta(days=days)
    state.ensure(project.pk)
    for hour in range(days * 24):
        hits = traffic.hour(int((first + timedelta(hours=hour)).timestamp()), requests)
        resolved = known.resolve(fold(hits, names, [("", "")], consumers))
        insert_names(resolved.new)
        known.remember(resolved.new)
        Journal.objects.create(
            project_id=project.pk,
            id=uuid7(),
            keys=len(resolved.hits) + len(resolved.by_consumer),
            payload=pack([resolved.hits, resolved.by_consumer]),
        )
        compact(project.pk)
        total += len(hits)
        if sys.stderr.isatty():
            print(f"\r{hour + 1} of {days * 24} hours", end="", file=sys.stderr)
    Batch.objects.create(
        project=project, name="made by bench/make_store.py", state=Batch.State.COMPLETE,
        read=total, stored=total, first_hit=first, last_hit=end - timedelta(minutes=1), finished=end,
    )  # fmt: skip
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill a project with invented traffic, for timing queries.")
    parser.add_argument("--project", default="bench")
    parser.add_argument("--endpoints", type=int, default=205)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--requests", type=int, default=2_400_000, help="a day")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--end", default="2026-11-01", help="the day before which the traffic ends")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    import django

    django.setup()
    from accounts.services import create_project

    started = time.monotonic()
    project = create_project(options.project)
    end = datetime.fromisoformat(options.end).replace(tzinfo=UTC)
    total = fill(project, Traffic(options.endpoints, options.seed), end, options.days, options.requests)
    print(f"{total} hits in {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
