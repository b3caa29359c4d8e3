"""Is there a worker that works? A task that came back says so; a process that exists does not: an idle worker
that is killed can freeze its whole cluster with every process of it still there.

The row ``worker`` of Beat: ``asked`` is the oldest question without an answer, ``answered`` the last time that a
worker finished a task, any task, so that workers busy with long ones are not taken for dead.
"""

import logging
import os
import time
from datetime import datetime, timedelta
from socket import gethostname
from typing import Any

from django.db import Error as DatabaseAway
from django.utils import timezone

from endpoint_stats.models import Beat

from . import holds

NAME = "worker"
PATIENCE = timedelta(seconds=90)
# A worker says at most this often that it finished something: it costs a write.
NOTE_SECONDS = 10.0

logger = logging.getLogger(__name__)
_noted = 0.0


def waiting(beat: Beat) -> bool:
    """Whether a question stands without an answer."""
    return beat.asked is not None and (beat.answered is None or beat.answered < beat.asked)


def overdue(beat: Beat | None, now: datetime, patience: timedelta = PATIENCE) -> bool:
    """Whether no worker finished anything for longer than ``patience`` after it was asked to."""
    if beat is None or beat.asked is None or not waiting(beat):
        return False
    return now - beat.asked > patience


def ask(now: datetime) -> list[dict[str, object]]:
    """Put the question, and return the keywords of the task that answers it.

    While one stands, it is asked again with its own time: the task may have been lost, and how long no answer
    came must not start anew.
    """
    beat = Beat.objects.filter(name=NAME).first()
    if beat is not None and beat.asked is not None and waiting(beat):
        return [{"asked": beat.asked.isoformat()}]
    if beat is None:
        Beat.objects.bulk_create([Beat(name=NAME, asked=now)], ignore_conflicts=True)
    else:
        Beat.objects.filter(name=NAME).update(asked=now)
    return [{"asked": now.isoformat()}]


def answer(asked: datetime, now: datetime) -> None:
    """An answer to ``asked``: never earlier than it, whatever the clocks of two hosts say."""
    Beat.objects.filter(name=NAME).update(answered=max(asked, now), host=gethostname(), pid=os.getpid())


def after_task(task: dict[str, Any], **kwargs: Any) -> None:
    """Django-Q2's signal in the worker, after each task: note the life sign, let the task be enqueued again.

    An error here would end the worker with the task's result unsaved, so it is logged and the holds expire.
    """
    global _noted
    try:
        if task.get("group"):
            holds.release(str(task["group"]))
        if time.monotonic() - _noted >= NOTE_SECONDS:
            _noted = time.monotonic()
            answer(timezone.now(), timezone.now())
    except DatabaseAway as error:
        logger.warning("After task %s: %s", task.get("name"), error)
