"""GET /api/v1/projects/{slug}/endpoints and /endpoints/{id}"""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, ModelSerializer

from endpoint_stats.models import Endpoint
from endpoint_stats.query.journal import data_version
from endpoint_stats.query.kept import kept_reading
from endpoint_stats.query.render import as_document
from endpoint_stats.query.spec import build

from . import schema
from .base import ProjectView, conditional


class EndpointSerializer(ModelSerializer[Endpoint]):
    endpoint = CharField(source="__str__", read_only=True, help_text="Method and route, as other answers name it.")

    class Meta:
        model = Endpoint
        fields = ("id", "endpoint", "service", "method", "route", "created")
        read_only_fields = fields


class Pages(CursorPagination):
    """Pages that neither repeat nor miss an endpoint while new ones come."""

    ordering = ("route", "method", "service", "id")
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1000

    def decode_cursor(self, request: Request) -> Any:
        found = super().decode_cursor(request)
        if found is not None and "\0" in str(found.position):
            raise NotFound(self.invalid_cursor_message)  # as for every other one that was made up
        return found


class EndpointsView(ProjectView):
    """The endpoints that a project has seen, by route."""

    parameters = ("search", "service", "method", "cursor", "limit")

    @extend_schema(
        operation_id="endpoints",
        parameters=schema.endpoints_parameters(),
        responses=schema.answers(schema.page_of(EndpointSerializer)),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug)
        given = request.query_params
        rows = Endpoint.objects.filter(project_id=project.pk)
        for name in ("service", "method"):
            if name in given:
                # No name has a NUL, and PostgreSQL refuses the question.
                rows = rows.none() if "\0" in given[name] else rows.filter(**{name: given[name]})
        for word in given.get("search", "").replace("\0", "").split()[:10]:
            rows = rows.filter(Q(route__icontains=word) | Q(method__iexact=word) | Q(service__icontains=word))
        pages = Pages()
        found = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(EndpointSerializer(found, many=True).data)


class EndpointView(ProjectView):
    """One endpoint and its totals in a range."""

    parameters = ("from", "to", "metrics")

    @extend_schema(
        operation_id="endpoint",
        parameters=schema.range_parameters(),
        responses=schema.answers(schema.endpoint_with_stats(EndpointSerializer)),
    )
    def get(self, request: Request, slug: str, id: UUID) -> Response:
        project = self.project(request, slug)
        endpoint = Endpoint.objects.filter(project_id=project.pk, id=id).first()
        if endpoint is None:
            raise Http404
        given, now = request.query_params, timezone.now()
        query = build(
            project, now, start=given.get("from", "-24h"), end=given.get("to", "now"),
            metrics=given.get("metrics", ""), filters=[("endpoint", str(endpoint.id))],
        )  # fmt: skip
        reached = min(query.end, now.replace(second=0, microsecond=0))

        def made() -> dict[str, Any]:
            with kept_reading(request.user, project.pk) as store:
                stats = as_document(store.run([query], now)[0], project.slug)
            return {**EndpointSerializer(endpoint).data, "stats": stats}

        return conditional(request, (query.digest(), data_version(project.pk), reached), made)
