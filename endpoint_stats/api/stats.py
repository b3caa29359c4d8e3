"""GET /api/v1/projects/{slug}/stats"""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from endpoint_stats.query.journal import data_version
from endpoint_stats.query.kept import kept_reading
from endpoint_stats.query.render import as_document
from endpoint_stats.query.spec import build

from . import schema
from .base import FILTER, ProjectView, conditional
from .renderers import CSVRenderer


class StatsView(ProjectView):
    """The numbers of a project's endpoints, for any range, grouping and filter."""

    renderer_classes = (JSONRenderer, CSVRenderer)
    parameters = ("from", "to", "metrics", "group_by", "interval", "compare", "order", "limit", "zone")
    filters = True

    @extend_schema(
        operation_id="stats", parameters=schema.stats_parameters(), responses=schema.answers(schema.STATS, csv=True)
    )
    def get(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug)
        given = request.query_params
        now = timezone.now()
        query = build(
            project,
            now,
            start=given.get("from", "-24h"),
            end=given.get("to", "now"),
            filters=[(name.removeprefix(FILTER), value) for name in given if name.startswith(FILTER)
                     for value in given.getlist(name)],
            **{name: given.get(name, "") for name in self.parameters[2:]},
        )  # fmt: skip
        # Coverage counts up to now, as long as now lies within the range.
        reached = min(query.end, now.replace(second=0, microsecond=0))
        key = (query.digest(), data_version(project.pk), reached)

        def answer() -> dict[str, Any]:
            with kept_reading(request.user, project.pk) as store:
                return as_document(store.run([query], now)[0], project.slug)

        return conditional(request, key, answer)
