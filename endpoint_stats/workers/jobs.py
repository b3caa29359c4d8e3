"""The registry of periodic jobs: what the scheduler enqueues, and how often.

An app adds its own in ``AppConfig.ready()``. Names and dotted paths only, so that registering imports nothing
that a web process would not need.
"""

from dataclasses import dataclass
from datetime import timedelta

from django_q.signals import post_execute_in_worker

from . import canary


@dataclass(frozen=True, slots=True)
class Job:
    """A task that becomes due every ``every``.

    ``function`` is the dotted path of a Django-Q2 task; it takes keywords of primitive values only, and may run
    twice and late. ``arguments``, where given, is the dotted path of a function of ``now`` that returns the
    keywords of each task to enqueue (none: nothing to do); it runs inside the scheduler and must be quick. A task
    that is still queued or running under the same name and keywords is not enqueued again. A task that needs
    longer than Django-Q2's timeout (60 s) is ended by it, so let it work in committed steps; or name a ``timeout`` in
    seconds, and claim what it works on: such a task is enqueued again, and handed out again, while it runs.
    """

    name: str
    every: timedelta
    function: str
    arguments: str = ""
    timeout: int = 0


_jobs: dict[str, Job] = {}


def register(job: Job) -> None:
    """Add a job. Doing so twice is one job; another job under the same name is an error."""
    if not job.name or ":" in job.name or len(job.name) > 30:
        raise ValueError(f"{job.name!r} is no name for a job: use 1 to 30 characters without a colon.")
    if job.every < timedelta(seconds=1):
        raise ValueError(f"{job.name} is due every {job.every}, but the scheduler looks once a second.")
    if _jobs.setdefault(job.name, job) != job:
        raise ValueError(f"Another job is registered as {job.name!r}.")


def registered() -> tuple[Job, ...]:
    return tuple(_jobs.values())


TASKS = "endpoint_stats.workers.tasks"
UPLOADS = "endpoint_stats.workers.uploads"
register(
    Job("compact", timedelta(seconds=2), f"{TASKS}.compact_project", "endpoint_stats.workers.tasks.projects_to_compact")
)
register(Job("prune", timedelta(hours=6), f"{TASKS}.prune_project", "endpoint_stats.workers.tasks.projects_to_prune"))
register(Job("purge", timedelta(hours=1), f"{TASKS}.purge_project", "endpoint_stats.workers.tasks.projects_to_purge"))
register(Job("tidy", timedelta(hours=1), f"{TASKS}.tidy"))
register(Job("upload", timedelta(seconds=2), f"{UPLOADS}.import_upload", f"{UPLOADS}.uploads_to_import", timeout=3600))
register(Job("canary", timedelta(seconds=30), f"{TASKS}.answer_canary", "endpoint_stats.workers.canary.ask"))
post_execute_in_worker.connect(canary.after_task, dispatch_uid="endpoint_stats.workers")
