"""Two ranges, two versions or two consumers side by side, the largest changes first."""

from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from endpoint_stats.query.kept import KeptReading
from endpoint_stats.query.notation import localized
from endpoint_stats.query.render import cell
from endpoint_stats.query.runner import Result
from endpoint_stats.query.spec import Query, QueryError

from . import differences, sides
from .address import Address
from .answering import answer, own_project
from .differences import Difference
from .endpoint_table import COMPARABLE, FAILING, column, how_much
from .frame import HOUR, TOTALS, Frame
from .overview_charts import NAMES, Base
from .ranges import form_value
from .sides import Side

SERIES = ("requests", "errors", "error_rate", "p95", "timed")
ROWS = (
    ("requests", "Requests"),
    ("rate", "Requests / s"),
    ("error_rate", "Server errors"),
    ("client_errors", "Client errors"),
    ("p50", "p50"),
    ("p95", "p95"),
    ("p99", "p99"),
)
COLUMNS = (
    ("endpoint", "Endpoint"),
    ("change", "Change"),
    ("requests", "Requests"),
    ("error_rate", "Errors"),
    ("p95", "p95"),
)
SHOWN = 50


@login_required
@require_safe
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    whose = own_project(request, slug)
    address = Address.of(request.GET)
    by = address.get("by") or "range"
    # What a side is of cannot be filtered by as well, and consumers are not kept by class of traffic.
    return answer(
        request,
        whose,
        "endpoint_stats/compare.html",
        _show,
        filters_address=reverse("compare-filters", args=[slug]),
        fixed=by if by in ("release", "consumer") else "",
        finest=HOUR if by == "consumer" else 1,
        more={"by": by, "tabs": _tabs(address, by)} | ({"switch": None} if by == "consumer" else {}),
    )


def _tabs(address: Address, by: str) -> list[dict[str, Any]]:
    kept = {"a": "", "b": "", "a_from": "", "a_to": "", "order": "", "all": ""}
    return [
        {"title": title, "query": address.without(name).query(by=name, **kept), "current": name == by}
        for name, title in sides.BY.items()
    ]


def _show(store: KeptReading, frame: Frame) -> dict[str, Any]:
    address = frame.address
    by, order = sides.by_of(address), order_of(address.get("order"))
    offered, chosen = ([], sides.ranges(frame)) if by == "range" else sides.names(frame, by)
    form = _form(frame, by, offered, chosen)
    if chosen is None:
        return {"form": form, "chosen": None}
    ways = [partial(_queries, frame, chosen, zone, chart) for zone, chart in _cuts(frame)]
    before, after, rows_before, rows_after, series_before, series_after = store.run_first(ways, frame.now)
    by_change = differences.differences(rows_before, rows_after)
    found = in_order(by_change, order)
    base = Base(series_after, store.spans, frame.now, frame.marks())
    shown = found if address.get("all") else found[:SHOWN]
    return {
        "chosen": chosen,
        "form": form,
        "sentence": differences.sentence(by_change),
        "totals": totals(before, after, rates=by == "range"),
        "longer": chosen[0].end - chosen[0].start > chosen[1].end - chosen[1].start,
        "unmeasured": before if before.coverage < COMPARABLE * after.coverage else None,
        "error_bound": max(before.error_bound, after.error_bound),
        "charts": charts(chosen, series_before, series_after, base) if found else [],
        "rows": [row(one) for one in shown],
        "all": len(found),
        "hidden": len(found) - len(shown),
        "all_query": address.query(all="1"),
        "columns": [column(name, title, address, order, descending=name != "endpoint") for name, title in COLUMNS],
        "several_services": len({one.name["service"] for one in found}) > 1,
        "swap": address.query(a=chosen[1].label, b=chosen[0].label) if by != "range" else "",
    }


def _cuts(frame: Frame) -> list[tuple[str, int]]:
    """Zones of the days with minutes a bucket, finest first."""
    return [(zone, chart) for zone in dict.fromkeys((frame.project.time_zone, "UTC")) for chart, _ in frame.intervals()]


def _queries(frame: Frame, chosen: tuple[Side, Side], zone: str, chart: int) -> list[Query]:
    def both(metrics: tuple[str, ...], group_by: tuple[str, ...] = (), interval: int = 0) -> list[Query]:
        return [
            Query(frame.project.pk, side.start, side.end, metrics, group_by, interval, side.filters, zone=zone)
            for side in chosen
        ]

    return [*both(TOTALS), *both(differences.METRICS, ("endpoint",)), *both(SERIES, interval=chart)]


def _form(frame: Frame, by: str, offered: list[str], chosen: tuple[Side, Side] | None) -> dict[str, Any]:
    zone, address = frame.project.time_zone, frame.address
    gone = ("a", "b", "a_from", "a_to", "all")
    return {
        "offered": offered,
        "a": chosen[0].label if chosen else "",
        "b": chosen[1].label if chosen else "",
        "kept": address.pairs(without=gone),
        "custom": bool(address.get("a_from")),
        "a_from": form_value(chosen[0].start, zone) if chosen else "",
        "a_to": form_value(chosen[0].end, zone) if chosen else "",
        "before": [
            {
                "title": title,
                "query": address.query(a=name, a_from="", a_to=""),
                "current": not address.get("a_from") and (address.get("a") or "previous") == name,
            }
            for name, title in sides.BEFORE.items()
        ],
    }


def order_of(text: str) -> str:
    """Raises QueryError for an order that there is not."""
    if text.removeprefix("-") not in ("", *dict(COLUMNS)):
        raise QueryError("unknown_order", f"The table cannot be sorted by {text[:60]!r}.")
    return text or "-change"


def in_order(found: list[Difference], order: str) -> list[Difference]:
    """``found`` comes with the largest change first; by a number it is the second side's."""
    key = order.removeprefix("-")
    if key == "change":
        return found if order.startswith("-") else found[::-1]
    if key == "endpoint":
        return sorted(found, key=lambda one: str(one.name["endpoint"]), reverse=order.startswith("-"))

    def value(one: Difference) -> float:
        side = one.after or {}
        return -1.0 if side.get(key) is None else float(side[key])

    return sorted(found, key=value, reverse=order.startswith("-"))


def totals(before: Result, after: Result, *, rates: bool) -> list[dict[str, Any]]:
    """``rates``: of a version over a range in which it did not always run, a rate says nothing."""
    made = []
    for name, title in ROWS:
        if name == "rate" and not rates:
            continue
        first, second = before.totals[name], after.totals[name]
        text = change(name, first, second)
        made.append({"title": title, "a": cell(name, first), "b": cell(name, second), "change": text})
    return made


def change(name: str, before: float | None, after: float | None) -> str:
    """Of shares in points, of anything else in percent; "" where there is nothing to compare."""
    if before is None or after is None:
        return ""
    if name == "error_rate":
        points = (after - before) * 100
        return f"{'+' if points > 0 else '−'}{localized(f'{abs(points):.1f}')} points" if abs(points) >= 0.05 else "±0"
    return how_much(before, after) if before else ""


def row(one: Difference) -> dict[str, Any]:
    def side(values: dict[str, Any] | None) -> dict[str, Any]:
        said = {name: cell(name, values[name]) if values else "–" for name in differences.METRICS}
        return said | {"failing": bool(values) and ((values or {})["error_rate"] or 0) >= FAILING}

    return one.name | {"a": side(one.before), "b": side(one.after), "kind": one.kind, "what": one.what}


def charts(chosen: tuple[Side, Side], before: Result, after: Result, base: Base) -> list[dict[str, Any]]:
    """The share of errors and p95 of both sides; the first is laid over the time of the second."""
    made = []
    for name, title, unit in (("error_rate", "Share of server errors", "ratio"), ("p95", "p95", "s")):
        lines = []
        for look, side, result in zip(("side-a", "side-b"), chosen, (before, after), strict=True):
            values = [one[name] for one in result.rows][: len(base.times)]
            values += [None] * (len(base.times) - len(values))
            lines.append({"name": look, "label": side.label, "colour": look, "values": values})
        sides_of = zip(chosen, (before, after), strict=True)
        said = ", ".join(f"{side.label} {cell(name, result.totals[name])}" for side, result in sides_of)
        made.append(
            base.chart(
                id="errors" if name == "error_rate" else name,
                kind="lines",
                title=title,
                note=f"per {NAMES[base.interval]}",
                unit=unit,
                series=lines,
                summary=f"{title}: {said}.",
            )
        )
    return made
