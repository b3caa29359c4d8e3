"""Not twice in the queue: a task holds its key from when it is enqueued until it ends.

Django-Q2's queue cannot be asked (its rows are sealed packages), so the key stands in a JobRun row whose ``due``
is when the hold expires, should the task be lost. Keys contain a colon, which names of jobs do not.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from endpoint_stats.models import JobRun

# Longer than a task may run (Q_CLUSTER's timeout), or two of them would run at once. (Those with a timeout of their own
# claim what they work on; were they held for as long, one whose worker was killed would wait for as long.)
EXPIRES = timedelta(seconds=90)
MAX_KEY = 60


def key(job: str, keywords: dict[str, object]) -> str:
    return f"{job}:{','.join(str(value) for value in keywords.values())}"[:MAX_KEY]


def take(keys: Collection[str], now: datetime) -> set[str]:
    """Those of ``keys`` that nobody held; now they are held. One scheduler at a time asks for a job's keys,
    since it has claimed the job in the same transaction."""
    held = JobRun.objects.filter(name__in=keys, due__gt=now).values_list("name", flat=True)
    free = set(keys) - set(held)
    JobRun.objects.bulk_create(
        [JobRun(name=name, due=now + EXPIRES) for name in sorted(free)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["due"],
    )
    return free


def release(name: str) -> None:
    if ":" in name:
        JobRun.objects.filter(name=name).delete()


def forget_expired(now: datetime) -> int:
    """Delete the holds of tasks that never came back, a day after. Returns how many."""
    return JobRun.objects.filter(name__contains=":", due__lt=now - timedelta(days=1)).delete()[0]
