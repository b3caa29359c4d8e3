"""Which source counts for a service: the first that was seen, until somebody changes it; and how much was received."""

from collections.abc import Callable

from django.db.models import Sum
from django.utils import timezone

from endpoint_stats.models import Batch, CountingSource, SourceKind


def counting_sources(project_id: int) -> dict[str, str]:
    """Service -> source."""
    return dict(CountingSource.objects.filter(project_id=project_id).values_list("service", "source"))


def claim(project_id: int, services: set[str], source: str) -> dict[str, str]:
    """Let ``source`` count for those of ``services`` for which none does yet; returns whose each is."""
    CountingSource.objects.bulk_create(
        [CountingSource(project_id=project_id, service=service, source=source) for service in sorted(services)],
        ignore_conflicts=True,
    )
    rows = CountingSource.objects.filter(project_id=project_id, service__in=services)
    return dict(rows.values_list("service", "source"))


def received_since(project_id: int, key_prefix: str) -> Callable[[], int]:
    """A function that says how many hits of a key ("": of all) the ledger has beyond those that it has now."""
    now = timezone.now()
    rows = Batch.objects.filter(project_id=project_id, started__gte=now.replace(minute=0, second=0, microsecond=0))
    rows = rows.exclude(source=SourceKind.IMPORT)
    if key_prefix:
        rows = rows.filter(key_prefix=key_prefix)

    def total() -> int:
        return rows.aggregate(total=Sum("read"))["total"] or 0

    before = total()
    return lambda: total() - before
