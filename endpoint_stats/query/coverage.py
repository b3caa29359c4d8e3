"""Coverage: which part of a range was observed at all. "Unmeasured" is not "nothing happened"."""

from collections.abc import Sequence
from datetime import datetime

from endpoint_stats.aggregate.buckets import minute_of, moment_of
from endpoint_stats.models import Batch

Spans = list[tuple[int, int]]


def spans(project_id: int, start: int, end: int) -> Spans:
    """The stretches ``[first, last)`` of minutes within ``[start, end)`` that imports span: apart and ascending."""
    rows = (
        Batch.objects.filter(
            project_id=project_id, stored__gt=0, last_hit__gte=moment_of(start), first_hit__lt=moment_of(end)
        )
        .exclude(state=Batch.State.ROLLED_BACK)
        .order_by("first_hit")
        .values_list("first_hit", "last_hit")
    )
    found: Spans = []
    for first_hit, last_hit in rows:
        if first_hit is None or last_hit is None:
            continue
        # The minute of the last hit was observed, as was that of the first.
        first, last = max(minute_of(first_hit), start), min(minute_of(last_hit) + 1, end)
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def covered(found: Sequence[tuple[int, int]], start: datetime, end: datetime, now: datetime) -> float:
    """The share of ``[start, end)``, up to now, that lies in ``found`` (as ``spans`` gives it): from 0 to 1."""
    first, last = minute_of(start), minute_of(min(end, now))
    if last <= first:
        # Nothing of it has passed, or less than a minute: seconds are not counted here.
        return 0.0
    minutes = sum(max(min(there, last) - max(here, first), 0) for here, there in found)
    return round(minutes / (last - first), 4)
