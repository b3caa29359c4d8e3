"""What there is to filter by: the names that a project has seen."""

from dataclasses import dataclass

from endpoint_stats.models import Consumer, Endpoint, Release

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
