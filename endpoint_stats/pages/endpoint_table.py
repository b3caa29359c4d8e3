"""The table of endpoints: sorted, searched, with trends and changes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from endpoint_stats.query.render import cell, number
from endpoint_stats.query.runner import Result
from endpoint_stats.query.spec import QueryError

from .address import Address

METRICS = ("requests", "errors", "error_rate", "p50", "p95", "p99", "timed")
COLUMNS = (("requests", "Requests"), ("error_rate", "Errors"), ("p50", "p50"), ("p95", "p95"), ("p99", "p99"))
SHOWN = 50
FAILING = 0.01  # share of server errors from which an endpoint is shown as failing
COMPARABLE = 0.9  # share of this range's coverage that the one before needs
NOTABLE = 0.005  # smaller changes are none


@dataclass(frozen=True, slots=True)
class Change:
    text: str  # +12 %
    hint: str  # against what


@dataclass(frozen=True, slots=True)
class Table:
    rows: list[dict[str, Any]]
    found: int
    all: int
    columns: list[dict[str, str]]
    search: str
    several_services: bool

    @property
    def hidden(self) -> int:
        return self.found - len(self.rows)


def order_of(text: str) -> str:
    """The order that an address names. Raises QueryError for one that there is not."""
    if not text:
        return "-requests"
    if text.removeprefix("-") not in (*dict(COLUMNS), "endpoint"):
        raise QueryError("unknown_order", f"The table cannot be sorted by {text[:60]!r}.")
    return text


def table(result: Result, changes: Result, trends: Result, address: Address, order: str) -> Table:
    """Rows in the order of the result; ``q`` of the address keeps those that have all its words."""
    words = address.get("q").lower().split()
    found = [row for row in result.rows if _has(row, words)]
    shown = found if address.get("all") else found[:SHOWN]
    by_endpoint = trends_of(trends, trends.columns["endpoint_id"])
    before = {row["endpoint_id"]: change(changes, row, "requests", "") for row in changes.rows}
    return Table(
        [
            row
            | {
                "trend": by_endpoint.get(row["endpoint_id"], []),
                "failing": (row["error_rate"] or 0) >= FAILING,
                "change": before.get(row["endpoint_id"]),
            }
            for row in shown
        ],
        len(found),
        len(result.rows),
        _columns(address, order),
        address.get("q"),
        len({row["service"] for row in result.rows}) > 1,
    )


def _has(row: dict[str, Any], words: list[str]) -> bool:
    text = f"{row['method']} {row['route']} {row['service']}".lower()
    return all(word in text for word in words)


def trends_of[Key](result: Result, keys: Iterable[Key]) -> dict[Key, list[int]]:
    """Requests by bucket, a 0 where there were none, for each of ``keys``, which says of each row whose it is."""
    columns = result.columns
    place = {time: at for at, time in enumerate(sorted(set(columns["time"])))}
    found: dict[Key, list[int]] = defaultdict(lambda: [0] * len(place))
    for key, time, requests in zip(keys, columns["time"], columns["requests"], strict=True):
        found[key][place[time]] = requests
    return found


def comparable(result: Result) -> bool:
    """Whether the range before was observed as well: a rise from what nobody measured is none."""
    before = result.coverage_previous
    return before is not None and before > 0 and before >= COMPARABLE * result.coverage


def change(result: Result, row: dict[str, Any], name: str, against: str) -> Change | None:
    """How much more or less than before; None where there is nothing to compare."""
    if not comparable(result):
        return None
    value, before = row.get(name), row.get(f"{name}_previous")
    if value is None or not before:
        return None
    hint = f"{cell(name, before)} before" if not against else f"{against}: {cell(name, before)}"
    return Change(how_much(before, value), hint)


def how_much(before: float, value: float) -> str:
    """A change in words; ``before`` is not 0."""
    ratio = value / before - 1
    if abs(ratio) < NOTABLE:
        return "±0 %"
    if ratio > 9.995:
        return f"×{number(value / before)}"
    return f"{'+' if ratio > 0 else '−'}{abs(ratio) * 100:.0f} %"


def _columns(address: Address, order: str) -> list[dict[str, str]]:
    return [
        column(name, title, address, order, descending=name != "endpoint")
        for name, title in (("endpoint", "Endpoint"), *COLUMNS)
    ]


def column(name: str, title: str, address: Address, order: str, *, descending: bool) -> dict[str, str]:
    """A header that sorts: first one way (numbers descending, names ascending), at the second click the other."""
    first, second = (f"-{name}", name) if descending else (name, f"-{name}")
    wanted = second if order == first else first
    sorting = {name: "ascending", f"-{name}": "descending"}.get(order, "none")
    return {"name": name, "title": title, "query": address.query(order=wanted), "sort": sorting}
