"""The last minutes as everybody who looks at them is shown them: computed once, kept for two seconds."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import Project
from endpoint_stats.aggregate.buckets import moment_of
from endpoint_stats.pages import endpoint_table, overview_charts, registry
from endpoint_stats.pages.address import PEOPLE_ONLY, Address
from endpoint_stats.query.notation import current
from endpoint_stats.query.render import cell, number, percent
from endpoint_stats.templatetags.charts import chart_parts

from .numbers import BEFORE, RECENT, Numbers, ask
from .sentence import Sentence, sentence
from .store import Store

SECONDS = 2.0  # that what was computed is shown; the page asks as often
STALE = 10.0
PROJECTS = 100  # and switches of theirs, that a process remembers: some 60 kB each
ROWS = 10
# What _samples.html is told.
FAILING = {"title": "Newest failing requests", "anchor": "failing", "none": "None failed in the last 30 minutes."}


@dataclass(frozen=True, slots=True)
class Shown:
    """``as_of``: the project's time of day. ``parts``: HTML by name. ``charts``: as docs/charts.md has them. ``body``:
    all of it as the JSON that a poll is answered with, the same bytes for everybody."""

    as_of: str
    sentence: Sentence
    parts: dict[str, SafeString]
    charts: list[dict[str, Any]]
    body: bytes


# A question is stopped after QUERY_SECONDS; what takes longer still is no question any more.
store: Store[Shown | None] = Store(seconds=SECONDS, stale=STALE, patience=settings.QUERY_SECONDS + 5.0, most=PROJECTS)


def shown(project_id: int, *, people_only: bool) -> Shown | None:
    """None where the project is gone. Raises QueryError and OperationalError as the database has it, and TimeoutError
    where another thread's computation takes too long."""
    return store.get((project_id, people_only, current()), partial(_compute, project_id, people_only))


def _compute(project_id: int, people_only: bool) -> Shown | None:
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        return None
    address = address_of(people_only=people_only)
    return _render(ask(project, address.filters, timezone.now()), address, people_only)


def _render(numbers: Numbers, address: Address, people_only: bool) -> Shown:
    project, window = numbers.project, numbers.window
    said = sentence(numbers, people_only=people_only)
    marks = registry.marks(project, moment_of(window.start), moment_of(window.end), address.filters)
    charts = overview_charts.live_charts(numbers.series, numbers.statuses, numbers.spans, numbers.now, marks)
    zone = ZoneInfo(project.time_zone)
    context = {
        "project": project,
        "totals": totals(numbers),
        "since": moment_of(window.recent).astimezone(zone).strftime("%H:%M"),
        "result": numbers.totals,
        "recent": RECENT,
        "before": BEFORE,
        "rows": [row | {"failing": (row["error_rate"] or 0) >= endpoint_table.FAILING} for row in numbers.endpoints][
            :ROWS
        ],
        "more": max(len(numbers.endpoints) - ROWS, 0),
        "several_services": numbers.several_services,
        "listed": numbers.failing,
        "elsewhere": elsewhere(address),
    }
    parts = {
        "totals": render_to_string("endpoint_stats/_live_totals.html", context),
        "endpoints": render_to_string("endpoint_stats/_live_endpoints.html", context),
        "failing": render_to_string(
            "endpoint_stats/_samples.html",
            context
            | {"title": "Newest failing requests", "anchor": "failing", "none": "None failed in the last 30 minutes."},
        ),
    }
    as_of = numbers.now.astimezone(zone).strftime("%H:%M:%S")
    return Shown(as_of, said, parts, charts, _body(as_of, said, parts, charts))


def _body(as_of: str, said: Sentence, parts: dict[str, SafeString], charts: list[dict[str, Any]]) -> bytes:
    body = {
        "as_of": as_of,
        "sentence": said.text,
        "substance": said.substance,
        "failing": said.failing,
        "empty": said.empty,
        "parts": parts,
        "charts": [
            {
                "chart": chart,
                "table": render_to_string(
                    "endpoint_stats/_chart_table.html", {"chart": chart, "parts": chart_parts(chart)}
                ),
            }
            for chart in charts
        ],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def address_of(*, people_only: bool) -> Address:
    """With the one filter that the page knows, or none."""
    name, values = PEOPLE_ONLY
    return Address({}).filtered(name, *(values if people_only else ()))


def elsewhere(address: Address) -> str:
    """The last hour on another page, with the same traffic."""
    return Address({"from": "-1h", "to": "now"}, address.filters).query()


def totals(numbers: Numbers) -> list[dict[str, Any]]:
    """The numbers of now, with those before beside them where minutes more or less do not matter."""
    now, before = numbers.totals, numbers.before
    bound = f"±{percent(now.error_bound)}, n = {number(now.totals['timed'])}"
    listed = (
        ("requests", "Requests", "", False),
        ("error_rate", "Server errors", cell("errors", now.totals["errors"]), True),
        ("client_errors", "Client errors", "", False),
        ("p50", "p50", bound, True),
        ("p95", "p95", bound, True),
    )
    return [
        {
            "name": name,
            "title": title,
            "text": cell(name, now.totals[name]),
            "hint": hint,
            "compared": compared,
            "before": cell(name, before.totals[name]) if compared and before.totals[name] is not None else "",
            "failing": name == "error_rate" and (now.totals[name] or 0) >= endpoint_table.FAILING,
        }
        for name, title, hint, compared in listed
    ]
