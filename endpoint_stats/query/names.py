"""Keys of rollup rows and the names that people use for them."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

from endpoint_stats.models import Consumer, Endpoint, Release

from .spec import GROUPS, TRAFFIC, Query, QueryError

COLUMNS = {
    "endpoint": "endpoint",
    "service": "endpoint",
    "method": "endpoint",
    "route": "endpoint",
    "release": "release",
    "traffic": "traffic",
    "consumer": "consumer",
}


# What a row says of its group.
LABELS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in GROUPS},
    "endpoint": ("endpoint", "endpoint_id", "service", "method", "route"),
    "release": ("release", "release_service"),
}


class NameTable:
    """The names of one project, read when first needed."""

    def __init__(self, project_id: int) -> None:
        self.project_id = project_id

    @cached_property
    def endpoints(self) -> dict[int, dict[str, str]]:
        rows = Endpoint.objects.filter(project_id=self.project_id).values("key", "id", "service", "method", "route")
        return {
            row["key"]: {
                "endpoint": f"{row['method']} {row['route']}".strip(),
                "endpoint_id": str(row["id"]),
                "service": row["service"],
                "method": row["method"],
                "route": row["route"],
            }
            for row in rows
        }

    @cached_property
    def releases(self) -> dict[int, tuple[str, str]]:
        rows = Release.objects.filter(project_id=self.project_id).values_list("key", "service", "version")
        return {0: ("", ""), **{key: (service, version) for key, service, version in rows}}

    @cached_property
    def consumers(self) -> dict[int, str]:
        rows = Consumer.objects.filter(project_id=self.project_id).values_list("key", "name")
        return {0: "", **dict(rows)}

    def labels(self, group: str, keys: Iterable[int]) -> list[dict[str, Any]]:
        """What a row says of its group, for each key of the group's column."""
        return [self._label(group, int(key)) for key in keys]

    def _label(self, group: str, key: int) -> dict[str, Any]:
        if group == "endpoint":
            return dict(self.endpoints[key])
        if group in ("service", "method", "route"):
            return {group: self.endpoints[key][group]}
        if group == "release":
            service, version = self.releases[key]
            return {"release": version, "release_service": service}
        if group == "consumer":
            return {"consumer": self.consumers[key]}
        if group == "traffic":
            return {"traffic": TRAFFIC[key]}
        return {group: key}

    def wanted(self, query: Query) -> dict[str, Sequence[int]]:
        """For each key column that the filters speak of: the keys that they let through. Status is not a key."""
        wanted: dict[str, set[int]] = {}
        for name, values in query.filters:
            if name == "status":
                continue
            column = COLUMNS[name]
            keys = self._matching(name, values)
            wanted[column] = wanted[column] & keys if column in wanted else keys
        return {column: sorted(keys) for column, keys in wanted.items()}

    def _matching(self, name: str, values: tuple[str, ...]) -> set[int]:
        if name == "traffic":
            unknown = set(values) - set(TRAFFIC)
            if unknown:
                raise QueryError(
                    "unknown_value", f"traffic is one of {', '.join(TRAFFIC)}, not {sorted(unknown)[0]!r}."
                )
            return {TRAFFIC.index(value) for value in values}
        if name == "release":
            return {key for key, (_, version) in self.releases.items() if version in values}
        if name == "consumer":
            return {key for key, consumer in self.consumers.items() if consumer in values}
        says: Callable[[dict[str, str]], bool] = lambda row: row[name] in values  # noqa: E731
        if name == "endpoint":
            says = lambda row: row["endpoint"] in values or row["endpoint_id"] in values  # noqa: E731
        return {key for key, row in self.endpoints.items() if says(row)}
