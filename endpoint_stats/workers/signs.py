"""The installation's own signs of life as Prometheus metrics: what ``manage.py doctor`` judges, as numbers.

No name of a project is among them, since nobody signs in to read them.
"""

import time
from collections.abc import Iterator
from datetime import datetime

from django.db import Error as DatabaseAway
from django.db import connection
from django_q.models import Failure, OrmQ
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from accounts.models import Project
from endpoint_stats import __version__
from endpoint_stats.models import Beat
from endpoint_stats.store import journal

from . import canary, scheduler

PREFIX = "endpoint_stats"


class InstallationCollector(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        begin = time.perf_counter()
        try:
            found = list(self._of_database())
        except DatabaseAway:
            found = []
        yield InfoMetricFamily(PREFIX, "The release.", {"version": __version__, "database": connection.vendor})
        yield _gauge("database_up", "Whether the database answered; without it only this is known.", bool(found))
        yield _gauge("scrape_duration_seconds", "How long it took to ask.", time.perf_counter() - begin)
        yield from found

    def _of_database(self) -> Iterator[Metric]:
        projects = list(Project.objects.order_by("pk").values_list("pk", flat=True))
        waiting = journal.total(projects)
        beats = {beat.name: beat for beat in Beat.objects.all()}
        yield _gauge("projects", "Projects.", len(projects))
        yield _gauge("journal_rows", "Commits that wait for compaction.", waiting.rows)
        yield _gauge("journal_keys", "Keys in these commits.", waiting.keys)
        yield _gauge("queue_tasks", "Tasks that wait for a worker or are being worked on.", OrmQ.objects.count())
        yield _gauge("failed_tasks", "Failed tasks that are kept.", Failure.objects.count())
        yield from self._seen("scheduler", "The scheduler's last round.", beats.get(scheduler.NAME))
        worker = beats.get(canary.NAME)
        yield from self._seen("worker", "When a worker last finished a task.", worker)
        asked = worker.asked if worker is not None and canary.waiting(worker) else None
        unanswered = max((self.now - asked).total_seconds(), 0.0) if asked else 0.0
        yield _gauge("worker_silence_seconds", "How long workers have not answered; 0 while they do.", unanswered)

    def _seen(self, part: str, said: str, beat: Beat | None) -> Iterator[Metric]:
        """Nothing for what never lived."""
        if beat is not None and beat.answered is not None:
            yield _gauge(f"{part}_last_seen_timestamp_seconds", said, beat.answered.timestamp())


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", said, value=float(value))


def exposition(now: datetime) -> bytes:
    """The text format 0.0.4: the installation, and the process that answers."""
    registry = CollectorRegistry()
    registry.register(InstallationCollector(now))
    ProcessCollector(registry=registry)
    return generate_latest(registry)
