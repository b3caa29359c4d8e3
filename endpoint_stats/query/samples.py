"""Reading samples: single requests that were slow or failed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from endpoint_stats.aggregate.buckets import minute_of, moment_of
from endpoint_stats.models import Endpoint, ProjectSettings, Sample

MAX_SAMPLES = 1000
ORDERS = {"-time": ("-time", "-second", "-id"), "-duration": ("-duration_us", "-time", "-id")}


@dataclass(frozen=True, slots=True)
class Example:
    """duration: seconds; trace_url: where the trace is looked at, "" where the project has no viewer."""

    time: datetime
    endpoint: str
    endpoint_id: UUID | None
    failing: bool
    status: int
    duration: float | None
    path: str
    consumer: str
    version: str
    client_address: str
    trace_id: str
    trace_url: str


def examples(
    project_id: int,
    start: datetime,
    end: datetime,
    *,
    endpoint: Endpoint | None = None,
    failing: bool | None = None,
    order: str = "-time",
    limit: int = 100,
) -> list[Example]:
    """Samples in ``[start, end)``, of one endpoint or of all; ``order`` is one of ORDERS."""
    rows = Sample.objects.filter(project_id=project_id, time__gte=minute_of(start), time__lt=minute_of(end))
    if endpoint is not None:
        rows = rows.filter(endpoint=endpoint.key)
    if failing is not None:
        rows = rows.filter(failing=failing)
    if order == "-duration":
        rows = rows.filter(duration_us__isnull=False)
    chosen = list(rows.order_by(*ORDERS[order])[:limit])
    keys = {row.endpoint for row in chosen}
    names = {one.key: one for one in Endpoint.objects.filter(project_id=project_id, key__in=keys)}
    template = ProjectSettings.objects.filter(project_id=project_id).values_list("trace_url", flat=True).first() or ""
    return [_example(row, names.get(row.endpoint), template) for row in chosen]


def _example(row: Sample, endpoint: Endpoint | None, template: str) -> Example:
    return Example(
        moment_of(row.time) + timedelta(seconds=row.second),
        str(endpoint or ""),
        endpoint.id if endpoint else None,
        row.failing,
        row.status,
        None if row.duration_us is None else row.duration_us / 1e6,
        row.path,
        row.consumer,
        row.version,
        row.client_address,
        row.trace_id,
        # Hexadecimal digits only: nothing in it can leave its place in the address.
        template.replace("{trace_id}", row.trace_id) if row.trace_id and template else "",
    )
