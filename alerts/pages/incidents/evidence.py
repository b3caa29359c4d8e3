"""What lies behind an incident: whose requests they are, and single ones that failed or were slow."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Project
from alerts.watch.watched import Watched
from endpoint_stats.aggregate.buckets import ceiling, floor, minute_of, moment_of
from endpoint_stats.models import Endpoint
from endpoint_stats.pages.address import Address
from endpoint_stats.pages.endpoint_table import FAILING
from endpoint_stats.pages.ranges import text
from endpoint_stats.query.kept import KeptReading
from endpoint_stats.query.samples import Example, examples
from endpoint_stats.query.spec import Filters, Query, QueryError

from .groups import Labels, narrowed

HOUR, SOME, LOOKED_AT = 60, 10, 500
ENDPOINTS = 3  # affected ones of which examples are looked for
SLOW = ("mean", "max", "p50", "p75", "p90", "p95", "p99", "apdex", "duration")
OF_ENDPOINT = ("endpoint", "service", "method", "route")


def consumers(
    store: KeptReading, watched: Watched, groups: Sequence[Labels], start: datetime, end: datetime, now: datetime
) -> list[dict[str, Any]]:
    """By whole hours, as they are kept: those with most errors first. Empty where none is named, or where they cannot
    be told apart by what the rule watches."""
    first, last = moment_of(floor(minute_of(start), HOUR)), moment_of(ceiling(minute_of(end), HOUR))
    filters = narrowed(watched, *groups)
    metrics = ("requests", "errors", "error_rate", "p95", "timed")
    try:
        query = Query(store.reading.project_id, first, last, metrics, ("consumer",), filters=filters, order="-errors")
        (answer,) = store.run([query], now)
    except QueryError:
        return []
    order = "errors" if any(row["errors"] for row in answer.rows) else "requests"
    if watched.spec.metric in SLOW:
        order = "p95"
    named = sorted((row for row in answer.rows if row["consumer"]), key=lambda row: -(row[order] or 0))[:SOME]
    address = Address({"from": text(first), "to": text(last)}, filters)
    return [
        row
        | {
            "query": address.filtered("consumer", row["consumer"]).query(),
            "failing": (row["error_rate"] or 0) >= FAILING,
        }
        for row in named
    ]


def samples(
    project: Project, watched: Watched, groups: Sequence[Labels], start: datetime, end: datetime
) -> tuple[str, list[Example]]:
    """What they are, and some: the slowest where the rule is about time, else the newest that failed."""
    slow = watched.spec.metric in SLOW
    more: dict[str, Any] = {"order": "-duration"} if slow else {"failing": True}
    title = "Slowest requests" if slow else "Failing requests"
    filters = narrowed(watched, *groups)
    ids = [labels["endpoint_id"] for labels in groups if labels.get("endpoint_id")][:ENDPOINTS]
    found: list[Example] = []
    if ids:
        for endpoint in Endpoint.objects.filter(project=project, pk__in=ids):
            found += examples(project.pk, start, end, endpoint=endpoint, limit=LOOKED_AT, **more)
    else:
        found = examples(project.pk, start, end, limit=LOOKED_AT, **more)
    endpoints = _endpoints(project, found, filters)
    fitting = [one for one in found if _fits(one, filters, endpoints)]
    fitting.sort(key=lambda one: -(one.duration or 0) if slow else -one.time.timestamp())
    return title, fitting[:SOME]


def _endpoints(project: Project, found: Sequence[Example], filters: Filters) -> Mapping[UUID, Endpoint]:
    if not any(name in OF_ENDPOINT for name, _ in filters):
        return {}
    ids = [one.endpoint_id for one in found if one.endpoint_id]
    return {one.pk: one for one in Endpoint.objects.filter(project=project, pk__in=ids)}


def _fits(one: Example, filters: Filters, endpoints: Mapping[UUID, Endpoint]) -> bool:
    """Whether it is of what the filters leave. Classes of traffic are not kept of single requests: those pass."""
    said = {"status": {str(one.status), f"{one.status // 100}xx"}, "consumer": {one.consumer}, "release": {one.version}}
    endpoint = endpoints.get(one.endpoint_id) if one.endpoint_id else None
    if endpoint is not None:
        said |= {name: {getattr(endpoint, name)} for name in ("service", "method", "route")}
        said["endpoint"] = {str(endpoint.pk), str(endpoint)}
    return all(said.get(name, set()) & set(values) for name, values in filters if name != "traffic")
