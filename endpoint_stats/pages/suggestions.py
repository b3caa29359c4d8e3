"""What stands out in a range, each with its evidence and where to look: asked for after the page is there, so that no
page waits for it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.pages.base import user_of
from endpoint_stats import dismissals
from endpoint_stats.aggregate.buckets import minute_of, moment_of
from endpoint_stats.models import Endpoint
from endpoint_stats.query.kept import KeptReading
from endpoint_stats.query.render import cell, number
from endpoint_stats.query.runner import Result
from endpoint_stats.query.seen import Name, Seen, label, seen
from endpoint_stats.query.spec import Query
from endpoint_stats.routes.rules import OTHER, UNMATCHED

from . import differences
from .answering import answer, own_project
from .frame import HOUR, Frame

MOST = 6
RELEASES = 3  # services whose newest version is held against the one before
SURELY = 4.0  # sampling errors
MANY = 100  # requests, below which nothing is said of a range
# An endpoint is quiet where so many requests would have come by its own rate: by chance none come once in e^20 times.
EXPECTED = 20.0
# One consumer has so much of the errors, and so much less of the requests.
OF_ERRORS, OF_REQUESTS = 0.5, 0.25
ERRORS = 20
LACKING = 0.5  # share of requests without a duration, a consumer or a version, from which it is said
CROWDED = 0.05  # share of requests past the cap, or of what is not there
MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``about``: what tells it from others, and from the same thing at another time."""

    text: str
    evidence: str
    link: str
    action: str
    about: tuple[str, ...]

    @property
    def key(self) -> str:
        return sha256("\x1f".join(self.about).encode("utf-8", "surrogatepass")).hexdigest()


@login_required
@require_safe
def suggestions(request: HttpRequest, slug: str) -> HttpResponse:
    """A part of a page where htmx asks."""
    return page(request, slug)


def page(request: HttpRequest, slug: str, undo: dict[str, str] | None = None) -> HttpResponse:
    """``undo``: the key and the text of the one that was dismissed just now."""
    part = bool(request.headers.get("HX-Request"))
    return answer(
        request,
        own_project(request, slug),
        f"endpoint_stats/{'_suggestions' if part else 'suggestions'}.html",
        lambda store, frame: _shown(request, store, frame),
        filters_address=reverse("filters", args=[slug]),
        finest=HOUR,
        more={"switch": None, "undo": undo},
    )


def _shown(request: HttpRequest, store: KeptReading, frame: Frame) -> dict[str, Any]:
    dismissed = dismissals.dismissed(frame.project.pk, user_of(request).pk, timezone.now())
    keys = {one.key for one in dismissed}
    listed = [one for one in found(store, frame) if one.key not in keys]
    return {"suggestions": listed[:MOST], "dismissed": dismissed}


def found(store: KeptReading, frame: Frame) -> list[Suggestion]:
    """What hurts first. Filters are left alone: it is the whole project that is looked at."""
    frame = Frame(frame.project, frame.address.elsewhere().unfiltered(), frame.shown, frame.now, frame.finest)
    whole, endpoints, releases, consumers = store.run_first([lambda: _queries(frame)], frame.now)
    if whole.totals["requests"] < MANY:
        return []
    versions = seen(frame.project.pk, "release")
    return [
        *worse_releases(store, frame, versions),
        *one_consumer(frame, whole, consumers),
        *gone_quiet(frame, endpoints, store.span),
        *crowded(frame, whole, endpoints),
        *lacking(frame, whole, releases, consumers),
    ]


def _queries(frame: Frame) -> list[Query]:
    return [
        frame.query(("requests", "errors", "timed")),
        frame.query(("requests",), ("endpoint",)),
        frame.query(("requests",), ("release",)),
        frame.query(("requests", "errors"), ("consumer",)),
    ]


def worse_releases(store: KeptReading, frame: Frame, known: dict[Name, Seen]) -> list[Suggestion]:
    """Of each service the versions that began in the range and are worse than the one before."""
    pairs = _began(known, frame)
    queries = [
        frame.query((*differences.METRICS, "histogram"), ("endpoint",)).filtered(release=version, service=service)
        for pair in pairs
        for service, version in pair
    ]
    results = store.run(queries, frame.now) if queries else []
    made = []
    for (before, after), first, second in zip(pairs, results[::2], results[1::2], strict=True):
        changed = [one for one in differences.differences(first, second) if _stands_out(one)]
        if changed:
            where = "" if len(changed) == 1 else f", and {number(len(changed) - 1)} more"
            query = frame.address.query(by="release", a=label(before), b=label(after))
            made.append(
                Suggestion(
                    f"{label(after)} is worse than {before[-1]}",
                    f"{changed[0].name['endpoint']}: {changed[0].what}{where}",
                    f"{reverse('compare', args=[frame.project.slug])}?{query}",
                    "Compare the two",
                    ("worse", *after),
                )
            )
    return made


def _stands_out(one: differences.Difference) -> bool:
    """Among many endpoints of many versions some change by chance alone: unasked, it takes one that comes so once in
    thirty thousand times, and of p95 a doubling."""
    large = one.leading == "error_rate" or one.weight >= 1
    return one.kind == "worse" and large and differences.sampling_errors(one) >= SURELY


def _began(known: dict[Name, Seen], frame: Frame) -> list[tuple[Name, Name]]:
    """(the one before, the one that began), the newest first. A first version has nothing before it."""
    found = []
    for name, one in known.items():
        if not frame.shown.start <= one.first < frame.shown.end:
            continue
        older = [other for other in known if other[0] == name[0] and known[other].first < one.first]
        if older:
            found.append((max(older, key=lambda other: known[other].first), name))
    return sorted(found, key=lambda pair: known[pair[1]].first, reverse=True)[: 2 * RELEASES]


def one_consumer(frame: Frame, whole: Result, consumers: Result) -> Iterable[Suggestion]:
    """Most errors are one consumer's, who makes few of the requests."""
    errors, requests = whole.totals["errors"], whole.totals["requests"]
    named = [row for row in consumers.rows if row["consumer"]]
    worst = max(named, key=lambda row: row["errors"], default=None)
    if worst is None or errors < ERRORS or worst["errors"] < OF_ERRORS * errors:
        return
    if worst["requests"] <= OF_REQUESTS * requests:
        yield Suggestion(
            f"{worst['consumer']} has {cell('error_rate', worst['errors'] / errors)} of the server errors",
            f"and makes {cell('error_rate', worst['requests'] / requests)} of the requests",
            f"{reverse('overview', args=[frame.project.slug])}"
            f"?{frame.address.filtered('consumer', worst['consumer']).query()}",
            "See what they call",
            ("consumer", worst["consumer"]),
        )


def gone_quiet(frame: Frame, endpoints: Result, span: tuple[int, int] | None) -> list[Suggestion]:
    """Endpoints that by their own rate would have been called again and again since. Of a range that ends before the
    data does nothing is said."""
    end = minute_of(frame.shown.end)
    if span is None or end <= span[1]:
        return []
    requests = {row["endpoint_id"]: row for row in endpoints.rows}
    rows = Endpoint.objects.filter(project_id=frame.project.pk, last_seen__lt=span[1], first_seen__isnull=False)
    quiet = []
    for id, first, last in rows.values_list("id", "first_seen", "last_seen"):
        row = requests.get(str(id))
        since = max(minute_of(frame.shown.start), first or 0)
        if row is None or last is None or last <= since:
            continue
        expected = row["requests"] / (last + 1 - since) * (span[1] - last)
        if expected >= EXPECTED and row["requests"] >= EXPECTED:
            quiet.append((expected, row, last, (last + 1 - since)))
    quiet.sort(key=lambda one: -one[0])
    return [_quiet(frame, row, last, minutes) for _, row, last, minutes in quiet[:2]]


def _quiet(frame: Frame, row: dict[str, Any], last: int, minutes: int) -> Suggestion:
    daily = row["requests"] / minutes * MINUTES_A_DAY
    rate = f"{number(math.floor(daily))} a day" if daily >= 1 else f"{number(row['requests'])}"
    when = moment_of(last).astimezone(frame.zone)
    return Suggestion(
        f"{row['endpoint']} has gone quiet",
        f"last called {when:%d %b %Y %H:%M}, before that about {rate}",
        f"{reverse('endpoint', args=[frame.project.slug, row['endpoint_id']])}?{frame.address.query()}",
        "Look at it",
        ("quiet", row["endpoint_id"], str(last)),
    )


def crowded(frame: Frame, whole: Result, endpoints: Result) -> Iterable[Suggestion]:
    """Requests that have no endpoint of their own."""
    requests = whole.totals["requests"]
    of_route = {route: 0 for route in (OTHER, UNMATCHED)}
    for row in endpoints.rows:
        if row["route"] in of_route:
            of_route[row["route"]] += row["requests"]
    settings = reverse("ingest-settings", args=[frame.project.slug])
    overview = reverse("overview", args=[frame.project.slug])
    if of_route[OTHER] >= CROWDED * requests:
        share = cell("error_rate", of_route[OTHER] / requests)
        yield Suggestion(
            f"{share} of the requests are counted together as {OTHER}",
            "the project has as many endpoints as it may have",
            settings,
            "Raise the number of endpoints",
            ("crowded", OTHER),
        )
    if of_route[UNMATCHED] >= CROWDED * requests:
        share = cell("error_rate", of_route[UNMATCHED] / requests)
        yield Suggestion(
            f"{share} of the requests ask for what is not there",
            "404s of paths that no service knows; often scanners",
            f"{overview}?{frame.address.filtered('route', UNMATCHED).query()}",
            "Look at them",
            ("crowded", UNMATCHED),
        )


def lacking(frame: Frame, whole: Result, releases: Result, consumers: Result) -> Iterable[Suggestion]:
    """What most requests do not say, and what is gained if they do."""
    requests, slug = whole.totals["requests"], frame.project.slug
    timed = whole.totals["timed"]
    if requests - timed > LACKING * requests:
        yield Suggestion(
            f"{cell('error_rate', 1 - timed / requests)} of the requests carry no duration",
            "without it nothing is said of latency; nginx writes it as $request_time, Apache as %D",
            reverse("ledger", args=[slug]),
            "See what was received",
            ("lacking", "duration"),
        )
    for result, group, name, gain in (
        (consumers, "consumer", "consumers", "who calls, and who has the errors"),
        (releases, "release", "releases", "since when, and which version it was"),
    ):
        named = sum(row["requests"] for row in result.rows if row[group])
        if requests - named > LACKING * requests:
            what = "consumer" if group == "consumer" else "version"
            yield Suggestion(
                f"{cell('error_rate', 1 - named / requests)} of the requests name no {what}",
                f"with it you see {gain}",
                reverse(name, args=[slug]),
                "How to name them",
                ("lacking", group),
            )
