"""How the installation does, for the admin's first page: what the doctor finds, and the numbers that prove it.

The number of statements does not depend on how many projects there are (up to ``journal.PROJECTS_A_QUERY``)."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q, Sum
from django_q.models import Failure, OrmQ

from accounts import user_cache
from accounts.models import Project, User
from endpoint_stats import __version__
from endpoint_stats.models import Batch
from endpoint_stats.query.render import cell, number, size
from endpoint_stats.store import journal

from .doctor import Finding, State, ago, examine

DAY = timedelta(days=1)
CACHE_DAYS = 7
WORST_FIRST: tuple[State, ...] = ("fail", "warn", "ok")


@dataclass(frozen=True, slots=True)
class Fact:
    """One number; ``more`` is what it is made of, or of when."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    state: State
    sentence: str
    findings: list[Finding]
    facts: list[Fact]


def health(now: datetime) -> Health:
    findings = _folded(examine(now))
    worst = findings[0].state if findings else "ok"
    names = ", ".join(dict.fromkeys(found.name for found in findings if found.state == worst))
    said = {"fail": f"Failing: {names}.", "warn": f"Everything runs; look at: {names}.", "ok": "Everything runs."}
    return Health(worst, said[worst], findings, list(_facts(now)))


def _folded(findings: list[Finding]) -> list[Finding]:
    """The worst first; of many journals that are well, one line."""
    well = [found for found in findings if (found.name, found.state) == ("journal", "ok")]
    kept = [found for found in findings if found not in well]
    if well:
        what = "project has" if len(well) == 1 else "projects have"
        kept.append(Finding("journal", "ok", f"{len(well):,} {what} a journal that is compacted in time."))
    return sorted(kept, key=lambda found: WORST_FIRST.index(found.state))


def _facts(now: datetime) -> Iterator[Fact]:
    projects = Project.objects.aggregate(all=Count("pk"), archived=Count("pk", filter=Q(archived__isnull=False)))
    ids = list(Project.objects.values_list("pk", flat=True))
    yield _received(ids, now)
    users = User.objects.aggregate(
        all=Count("pk", filter=Q(is_active=True)), seen=Count("pk", filter=Q(last_login__gte=now - DAY))
    )
    yield Fact("Projects", number(projects["all"]), f"{projects['archived']:,} archived")
    yield Fact("Users", number(users["all"]), f"{users['seen']:,} signed in within 24 h")
    yield from _queue(now)
    yield _journal(ids, now)
    yield _cache(now)
    yield Fact("Database", _database_size(), connection.display_name)
    yield Fact("Version", __version__, f"Django {django.get_version()}, Python {platform.python_version()}")


def _received(project_ids: list[int], now: datetime) -> Fact:
    """By the ledger, which knows an hour's requests from the hour's beginning, and an import from its start."""
    counted = {"read": 0, "stored": 0, "duplicate": 0}
    for start in range(0, len(project_ids), journal.PROJECTS_A_QUERY):
        some = project_ids[start : start + journal.PROJECTS_A_QUERY]
        recent = Batch.objects.filter(project_id__in=some, started__gte=now - DAY)
        sums = recent.aggregate(read=Sum("read"), stored=Sum("stored"), duplicate=Sum("duplicate"))
        counted = {name: counted[name] + (sums[name] or 0) for name in counted}
    rejected = counted["read"] - counted["stored"] - counted["duplicate"]
    more = f"{number(counted['stored'])} stored, {number(counted['duplicate'])} duplicate, {number(rejected)} rejected"
    return Fact("Received in 24 h", number(counted["read"]), more)


def _queue(now: datetime) -> Iterator[Fact]:
    """A task's lock is when it was enqueued, and while it is worked on, a moment ahead."""
    free = Q(lock__lte=now)
    tasks = OrmQ.objects.aggregate(
        waiting=Count("pk", filter=free), taken=Count("pk", filter=~free), oldest=Min("lock", filter=free)
    )
    oldest = f"the oldest for {ago(now - tasks['oldest'])}" if tasks["oldest"] else "none waits"
    yield Fact("Tasks that wait", number(tasks["waiting"]), f"{oldest}, {tasks['taken']:,} being worked on")
    failed = Failure.objects.aggregate(all=Count("pk"), recent=Count("pk", filter=Q(stopped__gte=now - DAY)))
    yield Fact("Tasks that failed", number(failed["recent"]), f"in 24 h; {failed['all']:,} are kept")


def _journal(project_ids: list[int], now: datetime) -> Fact:
    waiting = journal.lengths(project_ids, now).values()
    rows, keys = sum(one.rows for one in waiting), sum(one.keys for one in waiting)
    oldest = ago(timedelta(seconds=max((one.seconds for one in waiting), default=0.0)))
    return Fact("Commits to compact", number(rows), f"{number(keys)} keys, the oldest for {oldest}")


def _cache(now: datetime) -> Fact:
    hits, misses = user_cache.use_of_all(now, CACHE_DAYS)
    share = cell("error_rate", hits / (hits + misses)) if hits + misses else "–"
    return Fact("Answers from the cache", share, f"{number(hits)} of {number(hits + misses)} in {CACHE_DAYS} days")


def _database_size() -> str:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return size(cursor.fetchone()[0])
    path = Path(str(settings.DATABASES["default"]["NAME"]))
    files = (path, path.with_name(f"{path.name}-wal"))
    return size(sum(file.stat().st_size for file in files if file.exists()))
