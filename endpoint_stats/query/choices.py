"""What there is to filter by: the names that a project has seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from endpoint_stats.models import Consumer, Endpoint, Release

from .spec import Filters

MANY = 500  # names of a kind that a form offers; any other can be typed


@dataclass(frozen=True, slots=True)
class Choices:
    services: list[str]
    methods: list[str]
    versions: list[str]
    consumers: list[str]


def choices(project_id: int) -> Choices:
    pairs = set(Endpoint.objects.filter(project_id=project_id).values_list("service", "method").distinct())
    # The newest versions, since those are what people look for.
    releases = Release.objects.filter(project_id=project_id).order_by("-created").values_list("version", flat=True)
    consumers = Consumer.objects.filter(project_id=project_id).order_by("name").values_list("name", flat=True)
    return Choices(
        sorted({service for service, _ in pairs if service})[:MANY],
        sorted({method for _, method in pairs if method})[:MANY],
        list(dict.fromkeys(releases[:MANY])),
        list(consumers[:MANY]),
    )


def missing(project_id: int, filters: Filters) -> tuple[str, str] | None:
    """The first value, with its filter's name, that names nothing the project has seen; None where all do."""
    endpoints = Endpoint.objects.filter(project_id=project_id)
    for name, values in filters:
        if name == "endpoint":
            known = set(
                map(str, endpoints.filter(id__in=[one for one in values if _is_id(one)]).values_list("id", flat=True))
            )
        elif name in ("service", "method", "route"):
            known = set(endpoints.filter(**{f"{name}__in": values}).values_list(name, flat=True))
        elif name == "consumer":
            known = set(Consumer.objects.filter(project_id=project_id, name__in=values).values_list("name", flat=True))
        elif name == "release":
            found = Release.objects.filter(project_id=project_id, version__in=values)
            known = set(found.values_list("version", flat=True))
        else:
            continue  # which are no names
        if lacking := [value for value in values if value not in known]:
            return name, lacking[0]
    return None


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def endpoint_names(project_id: int, ids: Iterable[str]) -> dict[str, str]:
    """``GET /orders/{id}`` by its id, as far as there are such."""
    found = Endpoint.objects.filter(project_id=project_id, id__in=[one for one in ids if _is_id(one)])
    return {str(one.pk): str(one) for one in found}
