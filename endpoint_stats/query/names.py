"""Keys of rollup rows and the names that people use for them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection

from endpoint_stats.models import Consumer, Endpoint, Named, Release

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


class Kind(NamedTuple):
    """A kind of names: its table, and the columns that are read of it beside the key."""

    model: type[Named]
    columns: tuple[str, ...]


KINDS = {
    "endpoint": Kind(Endpoint, ("id", "service", "method", "route")),
    "release": Kind(Release, ("service", "version")),
    "consumer": Kind(Consumer, ("name",)),
}
Found = dict[str, list[tuple[int, list[str]]]]  # rows of names by kind: the key, and the columns of the kind


def select(kind: str, project_id: int) -> tuple[str, list[Any]]:
    """SQL for the key and, as bytes of JSON, the columns of each name of a kind."""
    columns = ", ".join(KINDS[kind].columns)
    said = f"CAST(json_array({columns}) AS BLOB)"
    if connection.vendor == "postgresql":
        said = f"convert_to(json_build_array({columns})::text, 'UTF8')"
    return f"SELECT key, {said} AS said FROM {KINDS[kind].model._meta.db_table} WHERE project_id = %s", [project_id]


class NameTable:
    """The names of one project, by kind and key. They are read with the numbers; where a question filters by names,
    before them, by ``read``."""

    def __init__(self, read: Callable[[list[str]], Found]) -> None:
        self.read = read
        self.known: dict[str, int] = {}  # the number of names by kind
        self.endpoints: dict[int, dict[str, str]] = {}
        self.releases: dict[int, tuple[str, str]] = {}
        self.consumers: dict[int, str] = {}

    def lacking(self, query: Query) -> set[str]:
        """The kinds of names that the groups of a question need and that were not read yet."""
        return {COLUMNS[name] for name in query.group_by if COLUMNS.get(name) in KINDS} - self.known.keys()

    def count(self, kind: str) -> int:
        """How many names of a kind there are; 0 while they were not read."""
        return self.known.get(kind, 0)

    def add(self, found: Found) -> None:
        for kind, rows in found.items():
            self.known[kind] = len(rows)
            if kind == "endpoint":
                self.endpoints = {key: _endpoint(*columns) for key, columns in rows}
            elif kind == "release":
                self.releases = {0: ("", ""), **{key: (service, version) for key, (service, version) in rows}}
            else:
                self.consumers = {0: "", **{key: name for key, (name,) in rows}}

    def labels(self, group: str, keys: Iterable[int]) -> list[dict[str, Any]]:
        """What a row says of its group, for each key of the group's column."""
        return [self._label(group, int(key)) for key in keys]

    def _label(self, group: str, key: int) -> dict[str, Any]:
        if group == "endpoint":
            return self.endpoints[key]
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
            if column in KINDS and column not in self.known:
                self.add(self.read([column]))
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


def _endpoint(identity: str, service: str, method: str, route: str) -> dict[str, str]:
    return {
        "endpoint": f"{method} {route}".strip(),
        "endpoint_id": identity if "-" in identity else _dashed(identity),
        "service": service,
        "method": method,
        "route": route,
    }


def _dashed(digits: str) -> str:
    """A UUID as it is written; SQLite keeps its digits only."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
