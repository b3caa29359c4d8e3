"""GET /api/v1/projects/{slug}/batches and /batches/{id}: the ledger."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from endpoint_stats.models import SourceKind
from endpoint_stats.query import ledger
from endpoint_stats.query.spec import QueryError

from . import schema
from .base import ProjectView, identifier, whole_number


class BatchSerializer(serializers.Serializer[Any]):
    """received = stored + duplicate + the sum of rejected. Of what a key sends there is one for each hour."""

    id = serializers.UUIDField()
    key_prefix = serializers.CharField(help_text="Of the API key that sent it.")
    service = serializers.CharField()
    name = serializers.CharField()
    format = serializers.CharField()
    state = serializers.CharField()
    message = serializers.CharField()
    received = serializers.IntegerField()
    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.DictField(child=serializers.IntegerField(), help_text="Number by reason.")
    samples = serializers.ListField(child=serializers.DictField(), help_text="Some of what was rejected, redacted.")
    first_hit = serializers.DateTimeField(allow_null=True)
    last_hit = serializers.DateTimeField(allow_null=True)
    started = serializers.DateTimeField()
    finished = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "source" is what a field calls the attribute that it reads, and cannot be declared as one.
        return {"source": serializers.ChoiceField(SourceKind.choices), **super().get_fields()}


class BatchesView(ProjectView):
    """What was imported and sent, newest first."""

    parameters = ("source", "before", "limit")

    @extend_schema(
        operation_id="batches",
        parameters=[
            OpenApiParameter("source", OpenApiTypes.STR, enum=SourceKind.values, description="Only what came by this."),
            OpenApiParameter("before", OpenApiTypes.UUID, description="The id of the last one of the page before."),
            OpenApiParameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": ledger.MAX_LINES}, description="At most."
            ),
        ],
        responses=schema.answers(inline_serializer("Batches", {"results": BatchSerializer(many=True)})),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug)
        given = request.query_params
        source = given.get("source", "")
        if source and source not in SourceKind.values:
            raise QueryError(
                "unknown_source", f"There is no source {source[:60]!r}. There are: {', '.join(SourceKind.values)}."
            )
        found = ledger.lines(
            project.pk, source=source, before=identifier("before", given["before"]) if "before" in given else None,
            limit=whole_number("limit", given.get("limit", "100"), ledger.MAX_LINES),
        )  # fmt: skip
        return Response({"results": BatchSerializer(found, many=True).data})


class BatchView(ProjectView):
    @extend_schema(operation_id="batch", responses=schema.answers(BatchSerializer))
    def get(self, request: Request, slug: str, id: UUID) -> Response:
        project = self.project(request, slug)
        found = ledger.line(project.pk, id)
        if found is None:
            raise Http404
        body: Any = BatchSerializer(found).data
        return Response(body)
