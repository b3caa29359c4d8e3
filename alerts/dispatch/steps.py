"""Which messages of an incident are due: a pure function of the incident, its policy and the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MOST_REPEATS = 100  # reminders of one incident


@dataclass(frozen=True, slots=True)
class Level:
    """Whom to tell ``after`` so many minutes since the first were told."""

    after: int
    channels: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """step: 0 at once, then each escalation, then each reminder: the same number for the same moment, always."""

    step: int
    message: str  # raised, escalated or reminder
    at: datetime
    channels: tuple[UUID, ...]


def due(
    levels: Sequence[Level], repeat_minutes: int, notified: datetime, acknowledged: datetime | None, now: datetime
) -> list[Due]:
    """All that have come up to now since ``notified``, when the first were told. Who acknowledged ends what would have
    come after: neither escalated nor reminded."""
    until = min(now, acknowledged) if acknowledged is not None else now
    found = []
    for number, level in enumerate(levels):
        at = notified + timedelta(minutes=level.after if number else 0)
        if at <= until or not number:
            found.append(Due(number, "escalated" if number else "raised", at, level.channels))
    if levels and repeat_minutes:
        last = notified + timedelta(minutes=levels[-1].after if len(levels) > 1 else 0)
        for number in range(1, MOST_REPEATS + 1):
            at = last + timedelta(minutes=number * repeat_minutes)
            if at > until:
                break
            found.append(Due(len(levels) - 1 + number, "reminder", at, levels[-1].channels))
    return found
