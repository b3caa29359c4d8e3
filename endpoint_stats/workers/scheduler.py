"""The scheduler: once a second it looks at what is due and enqueues it. Any number of them may run.

What is due stands in JobRun, and is claimed by conditional update in the transaction that enqueues, so a run is
neither lost nor doubled. It ends when it is told to, and never by an error.
"""

import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from socket import gethostname
from threading import Event

from django.db import Error as DatabaseAway
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.tasks import async_task

from endpoint_stats.models import Beat, JobRun

from . import holds, jobs

NAME = "scheduler"
TICK = 1.0
MAX_PAUSE = 30.0
BEAT_EVERY = timedelta(seconds=10)
# A job whose own code fails is tried again after this, or after its period if that is longer.
AFTER_DEFECT = timedelta(minutes=1)
# With this many tasks waiting no more are added: workers are away or far behind, and all is found again later.
MAX_QUEUED = 2000

logger = logging.getLogger(__name__)


def step(now: datetime) -> int:
    """Enqueue what is due at ``now``. Returns the number of tasks enqueued."""
    due = _due(now)
    if due and OrmQ.objects.count() >= MAX_QUEUED:
        logger.warning(
            "%d tasks wait in the queue, none are added: see 'The queue does not move' in Runbook.md.", MAX_QUEUED
        )
        return 0
    enqueued = 0
    for job, seen in due:
        try:
            enqueued += _run(job, seen, now)
        except DatabaseAway:
            raise
        except Exception:
            logger.exception("Job %s could not be enqueued.", job.name)
            JobRun.objects.filter(name=job.name, due=seen).update(due=now + max(job.every, AFTER_DEFECT))
    return enqueued


def _due(now: datetime) -> list[tuple[jobs.Job, datetime]]:
    known = {job.name: job for job in jobs.registered()}
    rows = dict(JobRun.objects.filter(name__in=known).values_list("name", "due"))
    missing = known.keys() - rows.keys()
    if missing:
        JobRun.objects.bulk_create([JobRun(name=name, due=now) for name in sorted(missing)], ignore_conflicts=True)
        rows |= dict(JobRun.objects.filter(name__in=missing).values_list("name", "due"))
    return [(known[name], seen) for name, seen in sorted(rows.items(), key=lambda row: row[1]) if seen <= now]


def following(seen: datetime, every: timedelta, now: datetime) -> datetime:
    """The next time due: in step with the last one, without making up for those that were missed."""
    return seen + every if seen + every > now else now + every


def _run(job: jobs.Job, seen: datetime, now: datetime) -> int:
    with transaction.atomic():
        claimed = JobRun.objects.filter(name=job.name, due=seen).update(due=following(seen, job.every, now))
        if claimed != 1:
            return 0
        arguments = import_string(job.arguments)(now) if job.arguments else [{}]
        wanted = {holds.key(job.name, keywords): keywords for keywords in arguments}
        free = holds.take(wanted, now) if wanted else set()
        own = {"timeout": job.timeout} if job.timeout else {}
        for key, keywords in wanted.items():
            if key in free:
                async_task(job.function, q_options={"group": key, **own}, **keywords)
        return len(free)


def beat(now: datetime) -> None:
    """Say that the scheduler lives."""
    seen = {"answered": now, "host": gethostname(), "pid": os.getpid()}
    if not Beat.objects.filter(name=NAME).update(**seen):
        Beat.objects.bulk_create([Beat(name=NAME, **seen)], ignore_conflicts=True)


def loop(stop: Event, clock: Callable[[], datetime] = timezone.now, tick: float = TICK) -> None:
    """Steps until ``stop`` is set. A database that is away is waited for, longer each time."""
    pause, next_beat = tick, datetime.min.replace(tzinfo=timezone.get_default_timezone())
    while not stop.is_set():
        now = clock()
        try:
            close_old_connections()
            if now >= next_beat:
                beat(now)
                holds.forget_expired(now)
                next_beat = now + BEAT_EVERY
            step(now)
            pause = tick
        except Exception as error:
            pause = min(max(pause * 2, tick), MAX_PAUSE)
            known = isinstance(error, DatabaseAway)
            logger.warning(
                "The scheduler could not do its step (%s); it tries again in %.0f s.",
                " ".join(str(error).split()) or repr(error),
                pause,
                exc_info=None if known else error,
            )
            connections.close_all()
        stop.wait(pause)
