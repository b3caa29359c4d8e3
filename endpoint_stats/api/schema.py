"""What the API's document (OpenAPI 3.1) says of parameters and answers, from the registries that the code uses."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from endpoint_stats.metrics import DEFAULT_METRICS, METRICS
from endpoint_stats.query.spec import COMPARE, FILTERS, GROUPS, INTERVALS, MAX_ROWS

from .problems import MEDIA_TYPE

_TIME = "RFC 3339, a date, `now`, `-24h`, or epoch seconds; cut to the minute, UTC where no zone is given."


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.keys.KeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "manage.py create_api_key --scope read"}


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; for programs.")
    detail = serializers.CharField(help_text="One sentence that says what to do.")


class QuerySerializer(serializers.Serializer[Any]):
    """The question as it was understood."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # "from" is a keyword in Python and cannot be an attribute.
        text = serializers.CharField
        return {
            "project": text(),
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            "metrics": serializers.ListField(child=text()),
            "group_by": serializers.ListField(child=text()),
            "interval": text(allow_null=True),
            "filters": serializers.DictField(child=serializers.ListField(child=text())),
            "compare": text(allow_null=True),
            "order": text(allow_null=True),
            "limit": serializers.IntegerField(allow_null=True),
            "zone": text(),
        }


class StatsSerializer(serializers.Serializer[Any]):
    """Rows and totals; durations in seconds, times in UTC."""

    query = QuerySerializer()
    rows = serializers.ListField(child=serializers.DictField())
    totals = serializers.DictField()
    error_bound = serializers.FloatField(help_text="Relative error of percentiles.")
    levels = serializers.ListField(child=serializers.CharField(), help_text="Rollups that answered.")
    as_of = serializers.DateTimeField()
    coverage = serializers.FloatField(help_text="Share of the range that was observed, 0 to 1.")
    bands = serializers.ListField(
        child=serializers.FloatField(), required=False, help_text="Upper edges of a histogram's bands, in seconds."
    )


STATS = StatsSerializer


def _parameter(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, more.pop("type", OpenApiTypes.STR), description=description, **more)


def _names(name: str, description: str, choices: Sequence[str], default: str = "") -> OpenApiParameter:
    schema: dict[str, Any] = {"type": "array", "items": {"type": "string", "enum": list(choices)}}
    if default:
        schema["default"] = default.split(",")
    return OpenApiParameter(name, schema, description=description, style="form", explode=False)


def range_parameters() -> list[OpenApiParameter]:
    return [
        _parameter("from", f"The range's start, included. {_TIME}", default="-24h"),
        _parameter("to", f"The range's end, not included. {_TIME}", default="now"),
        _names("metrics", "What to count.", list(METRICS), ",".join(DEFAULT_METRICS)),
    ]


def stats_parameters() -> list[OpenApiParameter]:
    return [
        *range_parameters(),
        _names("group_by", "A row for each; none: one row.", GROUPS),
        _parameter("interval", "A row for each bucket of time.", enum=list(INTERVALS)),
        _parameter("compare", "Add each metric of another range, as `<metric>_previous`.", enum=list(COMPARE)),
        _parameter("order", "A metric or group asked for, or `time`; `-` before it: descending."),
        OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_ROWS}, description="Rows at most."),
        _parameter("zone", "IANA time zone; buckets of six hours and more begin at its midnight.", default="UTC"),
        *(
            OpenApiParameter(f"filter.{name}", OpenApiTypes.STR, many=True, description=f"Only this {name}; or these.")
            for name in FILTERS
        ),
    ]


def endpoints_parameters() -> list[OpenApiParameter]:
    return [
        _parameter("search", "Words that the route or service has in it, or the method."),
        _parameter("service", "Only this service."),
        _parameter("method", "Only this method."),
        _parameter("cursor", "Where a page begins: from `next` or `previous`."),
        OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, description="Endpoints a page."),
    ]


def page_of(item: type[serializers.Serializer[Any]]) -> Any:
    return inline_serializer(
        "EndpointPage",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": item(many=True),
        },
    )


def endpoint_with_stats(item: type[serializers.Serializer[Any]]) -> Any:
    return type("EndpointWithStatsSerializer", (item,), {"stats": StatsSerializer(), "Meta": _with_stats(item)})


def _with_stats(item: Any) -> type:
    return type("Meta", (item.Meta,), {"fields": (*item.Meta.fields, "stats")})


def answers(shape: Any, *, csv: bool = False) -> dict[Any, Any]:
    """Responses by status and media type."""
    found: dict[Any, Any] = {(200, "application/json"): shape}
    if csv:
        found[200, "text/csv"] = OpenApiTypes.STR
    found[304] = OpenApiResponse(description="What If-None-Match names is still true.")
    problems = {
        400: "The request cannot be read.",
        401: "Nobody is signed in, or the key is not valid.",
        403: "The key's scope does not reach so far.",
        404: "There is no such thing, or you may not see it.",
        406: "No type of `Accept` is one that this answer comes in.",
        422: "The question is not understood or cannot be answered exactly; `detail` says why.",
        503: "The database is away; `Retry-After` says when to try again.",
    }
    for status, description in problems.items():
        found[status, MEDIA_TYPE] = OpenApiResponse(ProblemSerializer, description=description)
    return found


def changes(shape: Any, *, status: int = 200) -> dict[Any, Any]:
    """Responses of what changes something."""
    found = answers(None)
    for read_only in ((200, "application/json"), 304):
        found.pop(read_only)
    found[415, MEDIA_TYPE] = OpenApiResponse(ProblemSerializer, description="The body is not application/json.")
    return {(status, "application/json") if status != 204 else status: shape, **found}


def prometheus() -> dict[Any, Any]:
    found = answers(None)
    found.pop((200, "application/json"))
    found.pop(304)
    return {(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="Prometheus' text format."), **found}
