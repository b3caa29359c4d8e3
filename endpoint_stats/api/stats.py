"""GET /api/v1/projects/{slug}/stats"""

from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.services import find_project
from endpoint_stats.query.render import as_document
from endpoint_stats.query.runner import run
from endpoint_stats.query.spec import QueryError, build

PARAMETERS = ("from", "to", "metrics", "group_by", "interval", "compare", "order", "limit")
FILTER = "filter."


class StatsView(APIView):
    """The numbers of a project's endpoints, for any range, grouping and filter."""

    def get(self, request: Request, slug: str) -> Response:
        project = find_project(request.user, slug)
        if project is None:
            raise Http404
        given = request.query_params
        unknown = [name for name in given if name not in PARAMETERS and not name.startswith(FILTER)]
        if unknown:
            raise QueryError(
                "unknown_parameter",
                f"There is no parameter {unknown[0]!r}. There are: {', '.join(PARAMETERS)} and filter.NAME.",
            )
        now = timezone.now()
        query = build(
            project,
            now,
            start=given.get("from", "-24h"),
            end=given.get("to", "now"),
            filters=[(name.removeprefix(FILTER), value) for name in given if name.startswith(FILTER)
                     for value in given.getlist(name)],
            **{name: given.get(name, "") for name in PARAMETERS[2:]},
        )  # fmt: skip
        return Response(as_document(run(query, now), project.slug))
