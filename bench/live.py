"""What viewers of the live page cost the database: statements a second with 1, 10 and 100 of them polling.

    python bench/live.py [--seconds 12] [--viewers 1,10,100]

An installation of its own, on the database that the environment names or SQLite in a folder that is thrown away;
eight threads answer, as a web process has. Beside the page as it is, in the same run: polls without a pass (each looks
up session, user and membership), and polls that are computed each for itself besides, as a plain page would be. Passes
are of every age at the start, so that a minute's look-ups are in the figures in proportion.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
THREADS = 8  # of a web process (manage.py serve)
EVERY = 2.1  # seconds: static/js/live.js asks two after it was answered
MINUTE = 60.0  # for which a pass is good
WAYS = ("as it is", "without passes", "without both")


class Counter:
    """Statements of every connection of this process."""

    def __init__(self) -> None:
        self.count, self.lock = 0, threading.Lock()

    def add(self) -> None:
        with self.lock:
            self.count += 1

    def wrap(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.add()
        return execute(*arguments)

    def watch(self, connection: Any, **more: Any) -> None:
        if self.wrap not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.wrap)


class Viewer:
    """A signed-in browser with the page open."""

    def __init__(self, user: Any) -> None:
        from django.test import Client

        self.client = Client(headers={"host": "localhost"})
        self.client.force_login(user)
        self.given = ""

    def poll(self, way: str) -> None:
        headers = {"Live-Pass": self.given} if self.given and way == WAYS[0] else {}
        answer = self.client.get("/projects/bench/live/now/", headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code}: {answer.content[:200]!r}")
        self.given = answer.headers.get("Live-Pass", self.given)


def fill(project: Any) -> None:
    """Thirty minutes with a hundred requests each, of forty endpoints."""
    from django.test import Client
    from django.utils import timezone

    from accounts.keys import create_key

    _, secret = create_key(project, "ingest", "bench")
    now = timezone.now()
    for ago in range(30):
        hits = [
            {"service": "web", "method": "GET", "route": f"/r{at % 40}/{{id}}", "path": f"/r{at % 40}/1",
             "status": 500 if at % 25 == 0 else 200, "duration": 0.01 + at / 1000,
             "time": (now - timedelta(minutes=ago)).isoformat()}
            for at in range(100)
        ]  # fmt: skip
        answer = Client(headers={"host": "localhost"}).post(
            "/api/v1/ingest/hits", json.dumps(hits).encode(), content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )  # fmt: skip
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code}: {answer.content[:200]!r}")


def run(viewers: list[Viewer], way: str, seconds: float, counter: Counter) -> dict[str, float]:
    """Everybody polls every two seconds, spread evenly over them."""
    for viewer in viewers:  # at first a session is written that it was seen, which takes its time
        viewer.poll(way)
    now = time.time()
    for at, viewer in enumerate(viewers):  # the page is open: sessions were looked up, passes given
        viewer.given = ""
        with mock.patch("django.core.signing.time.time", return_value=now - at * MINUTE / len(viewers)):
            viewer.poll(way)
    begin, before, polls = time.monotonic(), counter.count, 0
    times: list[float] = []

    def one(viewer: Viewer) -> None:
        asked = time.perf_counter()
        viewer.poll(way)
        times.append(time.perf_counter() - asked)

    with ThreadPoolExecutor(THREADS) as pool:
        waiting = []
        while time.monotonic() - begin < seconds:
            viewer = viewers[polls % len(viewers)]
            waiting.append(pool.submit(one, viewer))
            polls += 1
            time.sleep(max(begin + polls * EVERY / len(viewers) - time.monotonic(), 0))
        for each in waiting:
            each.result()
    took = time.monotonic() - begin
    return {
        "polls": len(times) / took,
        "statements": (counter.count - before) / took,
        "median_ms": sorted(times)[len(times) // 2] * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--viewers", default="1,10,100")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(prefix="bench-live-") as folder:
        os.environ |= {"DATA_DIR": folder, "MEASURE_ITSELF": "false", "DJANGO_SETTINGS_MODULE": "settings.dev"}
        prepare = [sys.executable, "manage.py", "prepare", "--static"]
        subprocess.run(prepare, cwd=ROOT, check=True, capture_output=True)
        measure(options.seconds, [int(one) for one in options.viewers.split(",")])


def measure(seconds: float, counts: list[int]) -> None:
    import django

    django.setup()
    from django.db import connections
    from django.db.backends.signals import connection_created

    from accounts.models import Membership, User
    from accounts.services import create_project
    from endpoint_stats.pages.live import shown
    from endpoint_stats.query import sql

    project = create_project("bench")
    fill(project)
    counter = Counter()
    viewers = []
    for at in range(max(counts)):
        user = User.objects.create_user(f"viewer-{at}@example.org")
        Membership.objects.create(project=project, user=user, role="viewer")
        viewers.append(Viewer(user))
    connection_created.connect(counter.watch)
    for connection in connections.all():
        counter.watch(connection)
    vendor = connections["default"].vendor
    cursor = sql._cursor

    def counted() -> Any:
        """On PostgreSQL the numbers come over a cursor that Django's wrappers do not see."""
        if vendor == "postgresql":
            counter.add()
        return cursor()

    print(f"{vendor}: {seconds:g} s each")
    keep = shown.store.seconds, shown.store.stale
    with mock.patch.object(sql, "_cursor", counted):
        for count in counts:
            ask = partial(run, viewers[:count])
            found = {}
            for way in WAYS:
                shown.store.seconds, shown.store.stale = keep if way != WAYS[2] else (0.0, 0.0)
                shown.store.forget()
                found[way] = ask(way, seconds, counter)
            base = found[WAYS[0]]["statements"]
            for way, one in found.items():
                print(
                    f"{count:4} viewers, {way:16}{one['polls']:7.1f} polls/s{one['statements']:9.1f} statements/s"
                    f"{one['statements'] / base:7.1f} ×{one['median_ms']:8.1f} ms a poll"
                )


if __name__ == "__main__":
    main()
