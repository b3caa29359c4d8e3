"""Coverage: which part of a range was observed at all. "Unmeasured" is not "nothing happened"."""

from datetime import datetime, timedelta

from endpoint_stats.models import Batch

from .spec import Query


def covered(query: Query, now: datetime) -> float:
    """The share of the minutes of the range (up to now) that an import spans, from 0 to 1."""
    start, end = query.start, min(query.end, now)
    if end <= start:
        return 0.0
    spans = (
        Batch.objects.filter(project_id=query.project_id, stored__gt=0, last_hit__gte=start, first_hit__lt=end)
        .exclude(state=Batch.State.ROLLED_BACK)
        .order_by("first_hit")
        .values_list("first_hit", "last_hit")
    )
    total, reached = timedelta(0), start
    for first, last in spans:
        if first is None or last is None:
            continue
        # The minute of the last hit was observed, as was that of the first.
        begin = max(first.replace(second=0, microsecond=0), reached)
        finish = min(last.replace(second=0, microsecond=0) + timedelta(minutes=1), end)
        if finish > begin:
            total += finish - begin
            reached = finish
    return round(min(total / (end - start), 1.0), 4)
