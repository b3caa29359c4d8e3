"""The pages of consumers and of releases: who calls and what answers, each with its numbers and since when."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from endpoint_stats.query.kept import KeptReading
from endpoint_stats.query.render import cell, isolated, number
from endpoint_stats.query.runner import Result
from endpoint_stats.query.seen import Name, Seen, label, seen
from endpoint_stats.query.spec import Query, QueryError

from . import endpoint_table, parts_chart
from .address import Address
from .answering import answer, own_project
from .frame import HOUR, Frame
from .overview import FEW_ERRORS
from .overview_charts import Base

METRICS = ("requests", "errors", "error_rate", "p50", "p95", "timed")
NUMBERS = (("requests", "Requests"), ("error_rate", "Errors"), ("p50", "p50"), ("p95", "p95"))
SEEN = (("first", "First seen"), ("last", "Last seen"))
SHOWN = 50
GONE = 20  # names that are listed of those that were not seen in the range


@dataclass(frozen=True, slots=True)
class Page:
    """What differs between the two."""

    group: str
    title: str
    one: str
    many: str
    finest: int
    rest: str  # in the chart: what is of none of the largest


CONSUMERS = Page("consumer", "Consumer", "consumer", "consumers", HOUR, "others, or nobody named")
RELEASES = Page("release", "Version", "version", "versions", 1, "others, or no version")


@login_required
@require_safe
def consumers(request: HttpRequest, slug: str) -> HttpResponse:
    return _answer(request, slug, CONSUMERS, "consumers")


@login_required
@require_safe
def releases(request: HttpRequest, slug: str) -> HttpResponse:
    return _answer(request, slug, RELEASES, "releases")


def _answer(request: HttpRequest, slug: str, page: Page, name: str) -> HttpResponse:
    return answer(
        request,
        own_project(request, slug),
        "endpoint_stats/named.html",
        partial(_show, page),
        filters_address=reverse(f"{name}-filters", args=[slug]),
        finest=page.finest,
        # Consumers are not kept by class of traffic: there is nothing to switch.
        more={"page": page, "page_name": name} | ({"switch": None} if page is CONSUMERS else {}),
    )


def _show(page: Page, store: KeptReading, frame: Frame) -> dict[str, Any]:
    order = order_of(frame.address.get("order"), page)
    ways = frame.ways(partial(_queries, page, frame, order))
    rows, changes, everything, by_time, trends = store.run_first(ways, frame.now)
    known = seen(frame.project.pk, page.group)
    base = Base(everything, store.spans, frame.now, frame.marks())
    largest = sorted(rows.rows, key=lambda row: -row["requests"])
    names = [name_of(row, rows) for row in largest if row[page.group]]
    return {
        "sentence": sentence(page, rows, everything, by_status="status" in dict(frame.address.filters)),
        "charts": [parts_chart.chart(by_time, names, base, everything, page.rest)] if names else [],
        "table": table(page, rows, changes, trends, known, frame.address, order),
        "gone": gone(rows, known, frame),
        "result": rows,
        "comparable": endpoint_table.comparable(changes),
        "all_query": frame.address.query(all="1"),
        "named": share_named(page, rows, everything),
    }


def _queries(page: Page, frame: Frame, order: str, zone: str, chart: int, trend: int, compare: str) -> list[Query]:
    whole = partial(frame.query, zone=zone)
    by = (page.group,)
    # Of hundreds of consumers the chart and the trends are one reading. Of versions it matters when one began.
    bars = chart if page is RELEASES else trend
    sorting = order if order.removeprefix("-") in METRICS else "-requests"
    return [
        whole(METRICS, by, order=sorting),
        whole(("requests",), by, compare=compare),
        whole(("requests",), interval=bars),
        whole(("requests",), by, interval=bars),
        whole(("requests",), by, interval=trend),
    ]


def order_of(text: str, page: Page) -> str:
    """The order that an address names. Raises QueryError for one that there is not."""
    if not text:
        return "-requests"
    if text.removeprefix("-") not in (*dict(NUMBERS), *dict(SEEN), page.group):
        raise QueryError("unknown_order", f"The table cannot be sorted by {text[:60]!r}.")
    return text


def name_of(row: dict[str, Any], result: Result) -> Name:
    return tuple(row[column] for column in parts_chart.columns_of(result))


def sentence(page: Page, result: Result, everything: Result, *, by_status: bool = False) -> str:
    """Whose requests fail most, or who makes most of them; among some statuses the latter."""
    named = [row for row in result.rows if row[page.group]]
    if not everything.totals["requests"]:
        return "No requests in this range."
    if not named:
        return f"No request in this range names its {page.one}."
    # Where some fail notably, the one that fails most of its own requests: a new version has few yet.
    failing = max(named, key=lambda row: (_is_failing(row), row["error_rate"] if _is_failing(row) else row["errors"]))
    who = isolated(label(name_of(failing, result)))
    if failing["errors"] >= FEW_ERRORS and not by_status:
        of_all = f"{number(failing['errors'])} of {number(failing['requests'])} requests"
        return f"{who} fails most: {of_all} ({cell('error_rate', failing['error_rate'])})."
    most = max(named, key=lambda row: row["requests"])
    share = cell("error_rate", most["requests"] / everything.totals["requests"])
    how_many = f"{number(len(named))} {page.one if len(named) == 1 else page.many}"
    of_them = "such requests" if by_status else "the requests"
    return f"{how_many}; {isolated(label(name_of(most, result)))} has {share} of {of_them}."


def _is_failing(row: dict[str, Any]) -> bool:
    return row["errors"] >= FEW_ERRORS and (row["error_rate"] or 0) >= endpoint_table.FAILING


def share_named(page: Page, result: Result, everything: Result) -> str:
    """The share of requests that name one, where it is not all."""
    count = sum(row["requests"] for row in result.rows if row[page.group])
    whole = everything.totals["requests"]
    return cell("error_rate", count / whole) if whole and count < whole else ""


def table(
    page: Page,
    result: Result,
    changes: Result,
    trends: Result,
    known: dict[Name, Seen],
    address: Address,
    order: str,
) -> dict[str, Any]:
    """Rows in the order asked for; ``q`` of the address keeps those whose names have all of its words."""
    words = address.get("q").lower().split()
    before = {name_of(row, changes): endpoint_table.change(changes, row, "requests", "") for row in changes.rows}
    drawn = endpoint_table.trends_of(trends, (name_of(row, trends) for row in trends.rows))
    by_status = "status" in dict(address.filters)
    rows = []
    for row in result.rows:
        name = name_of(row, result)
        if row[page.group] and all(word in label(name).lower() for word in words):
            rows.append(
                row
                | {
                    "name": name[-1],
                    "service": name[0] if len(name) > 1 else "",
                    "seen": known.get(name),
                    "trend": drawn.get(name, []),
                    "change": before.get(name),
                    # Among some statuses a share of errors says which were asked for.
                    "failing": not by_status and (row["error_rate"] or 0) >= endpoint_table.FAILING,
                    "query": _filtered(page, name, address),
                    "compare": _with_the_one_before(name, known, address) if page is RELEASES else "",
                }
            )
    key = order.removeprefix("-")
    if key in dict(SEEN):
        rows.sort(key=lambda row: getattr(row["seen"], key).timestamp() if row["seen"] else 0)
    elif key == page.group:
        rows.sort(key=lambda row: (row["name"].lower(), row["service"]))
    if key in (*dict(SEEN), page.group) and order.startswith("-"):
        rows.reverse()
    everyone = sum(1 for row in result.rows if row[page.group])
    shown = rows if address.get("all") else rows[:SHOWN]
    return {
        "rows": shown,
        "found": len(rows),
        "all": everyone,
        "hidden": len(rows) - len(shown),
        "search": address.get("q"),
        "columns": [
            endpoint_table.column(name, title, address, order, descending=name != page.group)
            for name, title in ((page.group, page.title), *NUMBERS, *SEEN)
        ],
    }


def _filtered(page: Page, name: Name, address: Address) -> str:
    """The overview of what this one calls or answers, in the same range."""
    chosen = address.elsewhere().filtered(page.group, name[-1])
    if len(name) > 1 and name[0]:
        chosen = chosen.filtered("service", name[0])
    return chosen.query()


def _with_the_one_before(name: Name, known: dict[Name, Seen], address: Address) -> str:
    """The comparison with the newest older version of the same service; "" for the first."""
    mine = known.get(name)
    older = [one for one in known if mine and one[0] == name[0] and known[one].first < mine.first]
    if not older:
        return ""
    before = max(older, key=lambda one: known[one].first)
    return address.elsewhere().query(by="release", a=label(before), b=label(name))


def gone(result: Result, known: dict[Name, Seen], frame: Frame) -> dict[str, Any]:
    """Those that were seen before the range and not in it, the latest first. With filters nothing is said: they may
    have been filtered out."""
    if frame.address.filters:
        return {"rows": [], "more": 0}
    here = {name_of(row, result) for row in result.rows}
    left = [(name, one) for name, one in known.items() if name not in here and one.last < frame.shown.start]
    left.sort(key=lambda pair: pair[1].last, reverse=True)
    rows = [{"name": name[-1], "service": name[0] if len(name) > 1 else "", "seen": one} for name, one in left[:GONE]]
    return {"rows": rows, "more": max(len(left) - GONE, 0)}
