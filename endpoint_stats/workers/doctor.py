"""Is this installation well? Each finding has a state and one sentence that says what is so or what to do."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Literal

from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseAway
from django.db import connection
from django_q.models import OrmQ

from accounts.models import Project
from endpoint_stats.management.preparation import pending
from endpoint_stats.models import Beat
from endpoint_stats.store import journal

from . import canary, scheduler

State = Literal["ok", "warn", "fail"]
SCHEDULER_LATE = timedelta(seconds=60)
QUEUE_LONG = 200
# The journal of a project whose worker lives stays within its bound; past many times that, pages slow down.
JOURNAL_WARN_SECONDS, JOURNAL_FAIL_SECONDS = 60, 900  # a worker compacts every few seconds
DISK_WARN, DISK_FAIL = 2 * 1024**3, 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    state: State
    message: str

    def contract(self) -> dict[str, str]:
        return {"name": self.name, "state": self.state, "message": self.message}


def database(now: datetime) -> list[Finding]:
    todo = pending()
    if todo:
        return [Finding("database", "fail", f"{len(todo)} migrations are not applied: run manage.py prepare.")]
    return [Finding("database", "ok", f"{connection.display_name} answers, every migration is applied.")]


def cache_reachable(now: datetime) -> list[Finding]:
    """Redis being away costs speed only, so it never fails."""
    value = token_hex(4)
    try:
        cache.set("doctor", value, 60)
        works = cache.get("doctor") == value
    except Exception as error:  # each backend has its own
        return [Finding("cache", "warn", f"The cache fails ({error}): check REDIS_URL, or run manage.py prepare.")]
    if not works:
        return [Finding("cache", "warn", "The cache forgets at once: check that REDIS_URL points to a running Redis.")]
    return [Finding("cache", "ok", "What is written is read again.")]


def scheduler_beats(now: datetime) -> list[Finding]:
    beat = Beat.objects.filter(name=scheduler.NAME).first()
    if beat is None or beat.answered is None:
        return [Finding("scheduler", "fail", "No scheduler ever ran: start manage.py up, or manage.py scheduler.")]
    age = now - beat.answered
    if age > SCHEDULER_LATE:
        return [
            Finding(
                "scheduler", "fail", f"The scheduler was last seen {ago(age)} ago: start manage.py up, or scheduler."
            )
        ]
    return [Finding("scheduler", "ok", f"Seen {ago(age)} ago, process {beat.pid} on {beat.host or 'this host'}.")]


def worker_works(now: datetime) -> list[Finding]:
    beat = Beat.objects.filter(name=canary.NAME).first()
    if beat is None:
        return [
            Finding("worker", "fail", "No worker was ever asked for: start manage.py up, or scheduler and qcluster.")
        ]
    if canary.overdue(beat, now) and beat.asked is not None:
        text = f"No worker has finished a task for {ago(now - beat.asked)}"
        return [Finding("worker", "fail", f"{text}: restart it (Runbook.md, 'The queue does not move').")]
    if beat.answered is None:
        return [Finding("worker", "warn", "A worker was asked for the first time just now: look again in a minute.")]
    return [Finding("worker", "ok", f"A worker finished a task {ago(now - beat.answered)} ago.")]


def queue_length(now: datetime) -> list[Finding]:
    waiting = OrmQ.objects.count()
    if waiting >= QUEUE_LONG:
        return [
            Finding(
                "queue",
                "warn",
                f"{waiting:,} tasks wait: raise WORKERS, or see 'The queue does not move' in Runbook.md.",
            )
        ]
    return [Finding("queue", "ok", f"{waiting:,} tasks wait.")]


def journals(now: datetime) -> list[Finding]:
    found = []
    projects = dict(Project.objects.order_by("slug").values_list("pk", "slug"))
    waiting = journal.lengths(list(projects), now)
    for id, slug in projects.items():
        rows, keys, waited = waiting.get(id, journal.NOTHING)
        text = f"{slug}: {rows:,} journal rows with {keys:,} keys wait, the oldest for {waited:.0f} s"
        if waited <= JOURNAL_WARN_SECONDS:
            found.append(Finding("journal", "ok", f"{text}."))
        else:
            state: State = "fail" if waited > JOURNAL_FAIL_SECONDS else "warn"
            advice = f"see that a worker runs, or run manage.py compact --project {slug}"
            found.append(Finding("journal", state, f"{text}: {advice}."))
    return found


def disk_space(now: datetime) -> list[Finding]:
    folder = Path(settings.DATA_DIR)
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:,.1f} GiB free in {folder}"
    if free < DISK_WARN:
        state: State = "fail" if free < DISK_FAIL else "warn"
        return [Finding("disk", state, f"{text}: make room, see 'The disk is full' in Runbook.md.")]
    return [Finding("disk", "ok", f"{text}.")]


CHECKS: dict[str, Callable[[datetime], list[Finding]]] = {
    "database": database,
    "cache": cache_reachable,
    "scheduler": scheduler_beats,
    "worker": worker_works,
    "queue": queue_length,
    "journal": journals,
    "disk": disk_space,
}
NEEDS_DATABASE = {"scheduler", "worker", "queue", "journal"}


def register(name: str, check: Callable[[datetime], list[Finding]]) -> None:
    """A check of a higher app, which needs the database. Doing so twice is one check."""
    if CHECKS.setdefault(name, check) is not check:
        raise ValueError(f"Another check is registered as {name!r}.")
    NEEDS_DATABASE.add(name)


def examine(now: datetime, only: str = "") -> list[Finding]:
    """Every finding, or those of one check. Without a database the checks that need it are left out."""
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        broken = any(finding.name == "database" and finding.state == "fail" for finding in findings)
        if (only and name != only) or (broken and name in NEEDS_DATABASE):
            continue
        try:
            findings += check(now)
        except DatabaseAway as error:
            reason = " ".join(str(error).split())
            findings.append(
                Finding(
                    "database", "fail", f"The database does not answer ({reason}): check DATABASE_URL and that it runs."
                )
            )
    return findings


def ago(age: timedelta) -> str:
    seconds = max(age.total_seconds(), 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
