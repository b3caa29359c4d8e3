"""Times a round of a project's rules over a filled store (bench/make_store.py).

    python bench/alerts.py --project bench [--rules 1000]

A fifth of the rules each: share of errors, p95 and requests of one endpoint, a change of p95 against the week before, a
burn rate. One step of all of them, with what it takes of statements; then as many rules that watch every endpoint by
itself. Nothing is kept of it: the transaction is taken back.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from uuid import uuid4


def conditions() -> list[tuple[str, str, dict[str, object]]]:
    return [
        ("threshold", "error_rate", {"threshold": 0.2, "window": 5, "minimum_events": 10}),
        ("threshold", "p95", {"threshold": 60.0, "window": 15}),
        ("threshold", "requests", {"threshold": 1e9, "window": 60}),
        ("change", "p95", {"threshold": 9.0, "window": 30, "minimum_events": 50}),
        ("burn_rate", "", {"objective": 0.9, "factor": 6.0, "long": 360, "short": 30, "minimum_events": 10}),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a round of rules.")
    parser.add_argument("--project", default="bench")
    parser.add_argument("--rules", type=int, default=1000)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    import django

    django.setup()
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from accounts.models import Project
    from alerts.evaluate.rule import Spec
    from alerts.watch.rounds import look
    from alerts.watch.watched import Watched
    from endpoint_stats.aggregate.buckets import moment_of
    from endpoint_stats.models import Endpoint, StoreState

    project = Project.objects.get(slug=options.project)
    newest = StoreState.objects.get(project=project).newest
    assert newest is not None
    at = moment_of((newest + 1) // 60 * 60)
    endpoints = list(Endpoint.objects.filter(project=project).order_by("pk").values_list("pk", flat=True))
    kinds = conditions()
    whole = range(options.rules)
    one = [
        Watched(
            uuid4(), 1, Spec(kind=kind, metric=metric, **condition),
            (("endpoint", (str(endpoints[place // len(kinds) % len(endpoints)]),)),),
        )
        for place in whole
        for kind, metric, condition in [kinds[place % len(kinds)]]
    ]  # fmt: skip
    every = [
        Watched(uuid4(), 1, Spec(kind=kind, metric=metric, **condition), (), ("endpoint",))
        for place in whole
        for kind, metric, condition in [kinds[place % len(kinds)]]
    ]
    for title, rules in (("of one endpoint", one), ("of each endpoint", every)):
        with CaptureQueriesContext(connection) as asked:
            begun, used = time.perf_counter(), time.process_time()
            found = look(project.pk, rules, {rule.id: {} for rule in rules}, [at], at)
            wall, cpu = time.perf_counter() - begun, time.process_time() - used
        changed = sum(len(changes) for _, _, changes, _ in found.steps)
        print(
            f"{connection.vendor}: {len(rules):,} rules {title} ({len(endpoints)}): {wall:.2f} s wall, {cpu:.2f} s CPU,"
            f" {len(asked)} statements, {changed:,} groups changed, {len(found.problems)} problems"
        )


if __name__ == "__main__":
    main()
