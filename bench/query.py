"""Times questions over a filled project (bench/make_store.py): ``query.run`` itself, and the whole overview page.

    python bench/query.py --project bench [--rounds 7] [--json FILE]

On the database that the environment names. CPU and wall time of this process, medians; on PostgreSQL the server's
own CPU is not in it, wall time is what a reader waits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

RANGES = {"1 h": 60, "24 h": 1440, "7 d": 10_080, "30 d": 43_200}


def measure(work: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Median milliseconds, the first call left out: it opens connections and fills caches."""
    work()
    wall, cpu = [], []
    for _ in range(rounds):
        begin, used = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - begin) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    return {"wall_ms": round(statistics.median(wall), 1), "cpu_ms": round(statistics.median(cpu), 1)}


def questions(project_id: int, end: datetime) -> dict[str, Any]:
    """By name: what an overview asks, and the heavy ones of the design's table."""
    from endpoint_stats.query.spec import Query

    found = {}
    for name, minutes in RANGES.items():
        whole = (project_id, end - timedelta(minutes=minutes), end)
        found[f"{name}, totals"] = Query(*whole)
        found[f"{name}, by endpoint"] = Query(*whole, group_by=("endpoint",))
    day = (project_id, end - timedelta(days=1), end)
    found["24 h of minutes, one endpoint"] = Query(
        *day, interval=1, filters=(("endpoint", ("GET /api/v2/resource-0/{id}",)),)
    )
    found["24 h of minutes, whole project"] = Query(*day, interval=1)
    found["24 h of minutes, each endpoint"] = Query(*day, group_by=("endpoint",), interval=1)
    found["24 h of minutes, all endpoints as one service"] = Query(*day, group_by=("service",), interval=1)
    found["30 d by consumer"] = Query(project_id, end - timedelta(days=30), end, group_by=("consumer",))
    return found


def pages(project: Any, end: datetime) -> dict[str, Callable[[], Any]]:
    """Pages as their reader gets them: sign-in, queries, template. Nothing is kept from one time to the next."""
    from django.test import Client

    from accounts import user_cache
    from accounts.models import Membership, Role, User
    from endpoint_stats.models import Endpoint

    user, _ = User.objects.get_or_create(email="bench@example.org")
    Membership.objects.get_or_create(project=project, user=user, defaults={"role": Role.VIEWER})
    client = Client(headers={"host": "localhost"})
    client.force_login(user)

    def page(path: str, minutes: int, sign: bytes) -> Callable[[], Any]:
        start = end - timedelta(minutes=minutes)
        address = f"/projects/{project.slug}/{path}{'&' if '?' in path else '?'}from={start:%Y-%m-%dT%H:%MZ}"
        address += f"&to={end:%Y-%m-%dT%H:%MZ}"

        def get() -> None:
            user_cache.clear(user)
            response = client.get(address)
            if response.status_code != 200 or sign not in response.content:
                raise RuntimeError(f"{address}: {response.status_code}")

        return get

    endpoint = Endpoint.objects.filter(project=project, merged_into=None).order_by("pk")[0]
    shown = {
        "overview": ("", b'id="chart-latency"'),
        "endpoint": (f"endpoints/{endpoint.pk}/", b'id="chart-latency"'),
        "consumers": ("consumers/", b"<table"),
        "compare weeks": ("compare/?a=week", b"<table"),
        "what stands out": ("suggestions/", b"<h2"),
        "overview of one consumer": ("?filter.consumer=consumer-7", b'id="chart-latency"'),
    }
    return {
        f"{title}, {name}": page(path, minutes, sign)
        for title, (path, sign) in shown.items()
        for name, minutes in RANGES.items()
        if minutes >= 1440 or title == "overview"
    }


def say(vendor: str, name: str, measured: dict[str, float]) -> None:
    print(f"{vendor:11}{name:48}{measured['wall_ms']:9.1f} ms wall{measured['cpu_ms']:9.1f} ms CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time questions over a filled project.")
    parser.add_argument("--project", default="bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.utils import timezone

    from accounts.models import Project
    from endpoint_stats.aggregate.buckets import moment_of
    from endpoint_stats.models import StoreState
    from endpoint_stats.query.runner import run

    # Names of static files without their digests: nothing needs to be collected for this.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    project = Project.objects.get(slug=options.project)
    newest = StoreState.objects.get(project=project).newest
    if newest is None:
        raise SystemExit(f"{options.project} holds nothing: fill it with bench/make_store.py.")
    end, now = moment_of(newest + 1), timezone.now()
    found: dict[str, Any] = {"database": connection.vendor, "queries": {}, "pages": {}}
    for name, query in questions(project.pk, end).items():
        found["queries"][name] = measure(partial(run, query, now), options.rounds)
        say(connection.vendor, name, found["queries"][name])
    for name, page in pages(project, end).items():
        found["pages"][name] = measure(page, options.rounds)
        say(connection.vendor, f"page {name}", found["pages"][name])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
