"""Finding endpoints, consumers and versions by words of their names."""

from dataclasses import dataclass

from django.db.models import Model, Q, QuerySet

from endpoint_stats.models import Consumer, Endpoint, Release

WORDS, LONGEST = 8, 200  # of a search; what is beyond is left out


@dataclass(frozen=True, slots=True)
class Found:
    endpoints: list[Endpoint]
    consumers: list[str]
    versions: list[str]

    def __bool__(self) -> bool:
        return bool(self.endpoints or self.consumers or self.versions)


def words_of(text: str) -> list[str]:
    return text.replace("\0", " ")[:LONGEST].split()[:WORDS]


def search(project_id: int, words: list[str], limit: int) -> Found:
    """At most ``limit`` of each kind whose names have all of the words, in any case. Short names first: they are what
    was meant more often. No words find nothing."""
    if not words:
        return Found([], [], [])
    endpoints = _having(Endpoint.objects.filter(project_id=project_id), words, "method", "route", "service")
    consumers = _having(Consumer.objects.filter(project_id=project_id), words, "name")
    versions = _having(Release.objects.filter(project_id=project_id), words, "version")
    return Found(
        sorted(endpoints[: limit * 10], key=lambda one: (len(one.route), one.route, one.method))[:limit],
        list(consumers.order_by("name").values_list("name", flat=True)[:limit]),
        list(dict.fromkeys(versions.order_by("-created").values_list("version", flat=True)[: limit * 10]))[:limit],
    )


def _having[M: Model](names: QuerySet[M], words: list[str], *columns: str) -> QuerySet[M]:
    for word in words:
        any_of = Q()
        for column in columns:
            any_of |= Q(**{f"{column}__icontains": word})
        names = names.filter(any_of)
    return names
