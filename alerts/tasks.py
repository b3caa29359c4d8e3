"""Django-Q2's entry points: keywords and primitive ids only. Each may run twice and late: what is due stands in tables,
and is claimed there."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from alerts import signs
from alerts.dispatch import deliver, outbox
from alerts.services import channels
from alerts.watch import rounds


def projects_to_evaluate(now: datetime) -> list[dict[str, Any]]:
    return [{"project_id": project_id} for project_id in rounds.projects_due(now)]


def evaluate_project(*, project_id: int) -> int:
    """Returns the number of steps. What they raise is put into the outbox at once."""
    now = timezone.now()
    steps = rounds.evaluate(project_id, now)
    if steps:
        outbox.dispatch(project_id, timezone.now())
    return steps


def projects_to_dispatch(now: datetime) -> list[dict[str, Any]]:
    return [{"project_id": project_id} for project_id in outbox.projects_due(now)]


def dispatch_project(*, project_id: int) -> int:
    """Returns the number of messages that were put into the outbox."""
    return outbox.dispatch(project_id, timezone.now())


def deliveries_due(now: datetime) -> list[dict[str, Any]]:
    return [{"delivery_id": id} for id in deliver.due(now)]


def deliver_one(*, delivery_id: str) -> bool:
    """Whether it was this task's to send."""
    return deliver.deliver(delivery_id, timezone.now())


def ping() -> bool:
    """Whether the dead man's switch was told that all goes on."""
    return signs.ping(timezone.now())


def forget_channels() -> int:
    """What was entered of channels that were deleted a day ago. Returns how many."""
    return channels.forget_deleted(timezone.now())
