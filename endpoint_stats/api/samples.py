"""GET /api/v1/projects/{slug}/samples: single requests that were slow or failed."""

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from endpoint_stats.models import Endpoint
from endpoint_stats.query import samples
from endpoint_stats.query.spec import QueryError, build

from . import schema
from .base import ProjectView, identifier, whole_number


class SampleSerializer(serializers.Serializer[Any]):
    time = serializers.DateTimeField()
    endpoint = serializers.CharField()
    endpoint_id = serializers.UUIDField(allow_null=True)
    failing = serializers.BooleanField(help_text="Kept for its status; else for its duration.")
    status = serializers.IntegerField()
    duration = serializers.FloatField(allow_null=True, help_text="Seconds.")
    path = serializers.CharField(help_text="Redacted; without a query but for parameters that the project allows.")
    consumer = serializers.CharField()
    version = serializers.CharField()
    client_address = serializers.CharField(help_text="Without its last part, and only where the project wants it.")
    trace_id = serializers.CharField()
    trace_url = serializers.CharField(help_text="Where the trace is looked at, if the project has a viewer.")


class SamplesView(ProjectView):
    """Of each endpoint and minute the slowest and a few failing requests."""

    parameters = ("from", "to", "endpoint", "failing", "order", "limit")

    @extend_schema(
        operation_id="samples",
        parameters=[
            *schema.range_parameters()[:2],
            OpenApiParameter("endpoint", OpenApiTypes.UUID, description="Only those of this endpoint."),
            OpenApiParameter("failing", OpenApiTypes.BOOL, description="Only those that failed, or none of them."),
            OpenApiParameter(
                "order", OpenApiTypes.STR, enum=list(samples.ORDERS), default="-time", description="Descending."
            ),
            OpenApiParameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": samples.MAX_SAMPLES}, description="At most."
            ),
        ],
        responses=schema.answers(inline_serializer("Samples", {"results": SampleSerializer(many=True)})),
    )
    def get(self, request: Request, slug: str) -> Response:
        project = self.project(request, slug)
        given = request.query_params
        query = build(project, timezone.now(), start=given.get("from", "-24h"), end=given.get("to", "now"))
        endpoint = None
        if "endpoint" in given:
            id = identifier("endpoint", given["endpoint"])
            endpoint = Endpoint.objects.filter(project_id=project.pk, id=id).first()
            if endpoint is None:
                return Response({"results": []})
        order = given.get("order", "-time")
        if order not in samples.ORDERS:
            raise QueryError("unknown_order", f"Samples are ordered by {' or '.join(samples.ORDERS)}.")
        found = samples.examples(
            project.pk, query.start, query.end, endpoint=endpoint, failing=_truth(given.get("failing")), order=order,
            limit=whole_number("limit", given.get("limit", "100"), samples.MAX_SAMPLES),
        )  # fmt: skip
        return Response({"results": SampleSerializer(found, many=True).data})


def _truth(text: str | None) -> bool | None:
    known = {None: None, "true": True, "false": False, "1": True, "0": False}
    if text not in known:
        raise QueryError("invalid_failing", "failing is true or false.")
    return known[text]
