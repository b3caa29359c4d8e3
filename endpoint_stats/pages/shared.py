"""What a link shows to whoever has it: numbers under locked filters, the same for everybody, and nothing else.

Nothing here knows who asks: templates are rendered without the request, so that no page has a word of an account.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.sign_in import limits
from accounts.user_cache import PublicCache, UserCache
from endpoint_stats import sharing
from endpoint_stats.aggregate.buckets import ceiling, floor, minute_of, moment_of
from endpoint_stats.metrics import METRICS
from endpoint_stats.models import SharedLink
from endpoint_stats.query.choices import endpoint_names
from endpoint_stats.query.kept import KeptReading
from endpoint_stats.query.notation import PLAIN, current, written
from endpoint_stats.query.render import cell
from endpoint_stats.query.runner import Result, reading
from endpoint_stats.query.spec import Filters, Query, QueryError

from . import badge as drawing
from . import endpoint_table, ranges
from .address import PEOPLE_ONLY, TITLES, Address
from .frame import HOUR, Frame
from .overview import ask, sentence

logger = logging.getLogger(__name__)

KEPT = 60  # seconds: what was asked before of the same link is not computed again
# Of one link, whatever ranges its readers choose: neither what is kept counts, nor what cannot be read. What has no
# parameter has as many of its own, so that nobody's ranges shut it; they matter where the cache is away.
FRESH = limits.Limit(30, timedelta(minutes=1))
UNREADABLE, TOO_SLOW = 422, 503
OF_ADDRESS = ("from", "to", "order", "all")  # of the address; filters are never taken from it
HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex", "Cache-Control": "private, no-store"}
OF_A_BADGE = HEADERS | {
    "Cache-Control": "public, max-age=300",
    # It is made to stand on other sites; it holds no more than its reader sees.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Type": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class SharedFrame(Frame):
    earliest: datetime  # nothing before is asked, not even to compare with

    @classmethod
    def of_link(cls, link: SharedLink, address: Address, span: tuple[int, int] | None, now: datetime) -> "SharedFrame":
        """``address``: with the locked filters. Raises QueryError for times that cannot be read, or lie before."""
        whole = Frame.of(link.project, address, span, now)
        shown = ranges.within(whole.shown, span, now, link.days)
        earliest = ranges.last(span, now) - timedelta(days=link.days)
        return cls(link.project, address, shown, now, whole.finest, earliest)

    def comparisons(self, zone: str) -> tuple[str, ...]:
        before = self.query(("requests",), zone=zone, compare="previous").previous()
        return ("previous", "") if before.start >= self.earliest else ("",)

    def marks(self) -> list[dict[str, Any]]:
        """Releases of a service that is named anyway: the label of a mark names its service."""
        if "service" not in dict(self.address.filters):
            return []
        return [mark for mark in Frame.marks(self) if mark["kind"] == "release"]


@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    now = timezone.now()
    link = sharing.find(token, SharedLink.Kind.PAGE, now)
    if link is None:
        return _nothing()
    address = Address({name: str(request.GET[name]) for name in OF_ADDRESS if request.GET.get(name)})
    # Numbers are written as the reader's language does: of each there is one page.
    asked = address.query() + "".join(current() if current().differs else ())
    of = "ranges" if address.query() else "plain"
    return _kept(link, asked, of, now, lambda: _page(link, address, now), HEADERS | {"Vary": "Accept-Language"})


@require_safe
def badge(request: HttpRequest, token: str) -> HttpResponse:
    now = timezone.now()
    link = sharing.find(token, SharedLink.Kind.BADGE, now)
    if link is None:
        return _nothing()
    with written(PLAIN):  # it is cached for everybody
        return _kept(link, "badge", "plain", now, lambda: (_badge(link, now), 200), OF_A_BADGE)


def _nothing() -> HttpResponse:
    """Byte for byte the same for a link that never was and one that is over."""
    said = {
        "heading": "Nothing here any more",
        "said": "This link has ended, was revoked, or never was one. Ask whoever gave it to you for another.",
    }
    return _answer(render_to_string("endpoint_stats/shared_nothing.html", said), 404, HEADERS)


def _kept(
    link: SharedLink, asked: str, of: str, now: datetime, make: Callable[[], tuple[str, int]], headers: dict[str, str]
) -> HttpResponse:
    """The answer, made anew at most once in ``KEPT``, and ``FRESH`` of a link and what it is ``of``: it may stand where
    thousands see it. Who is refused writes nothing."""
    sharing.note_use(link, now)
    cache = PublicCache(f"link:{link.pk}")
    found = cache.get(asked)
    if found is None:
        if limits.reached(FRESH, now, "shared", link.pk, of):
            return _too_often()
        found = make()
        if found[1] != UNREADABLE:
            _count(link, of, now)
            cache.set(asked, found, KEPT)
    body, status = found
    return _answer(body, status, headers)


def _count(link: SharedLink, of: str, now: datetime) -> None:
    try:
        limits.count(FRESH, now, "shared", link.pk, of)
    except (DatabaseError, InterfaceError) as error:
        # A busy database must not refuse what is made already.
        logger.warning("an answer of the link %s could not be counted: %s", link.pk, error)


def _too_often() -> HttpResponse:
    said = {
        "heading": "A moment, please",
        "said": "More was asked of this link than is made in a minute. Try again in one.",
    }
    body = render_to_string("endpoint_stats/shared_nothing.html", said)
    return _answer(body, 429, HEADERS | {"Retry-After": "60"})


def _answer(body: str, status: int, headers: dict[str, str]) -> HttpResponse:
    response = HttpResponse(body, status=status, headers=headers)
    # Django writes the address of what is refused into its log, and whoever has the address has the link.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _page(link: SharedLink, address: Address, now: datetime) -> tuple[str, int]:
    """The page and its status."""
    locked = sharing.locked(link)
    # Of the project the template is given its time zone alone.
    zone = link.project.time_zone
    context: dict[str, Any] = {
        "link": link,
        "project": {"time_zone": zone},
        "now": now,
        "notation": current(),
        "shared": True,
        "shows": shown(locked, endpoint_names(link.project_id, dict(locked).get("endpoint", ()))),
        "without_bots": PEOPLE_ONLY in locked,
    }
    try:
        order = endpoint_table.order_of(address.get("order"))
        with reading(link.project_id) as opened:
            # For nobody in particular: it is the page that is kept.
            store = KeptReading(opened, UserCache(None))
            frame = SharedFrame.of_link(link, replace(address, filters=locked), store.span, now)
            answers = ask(store, frame, order)
            span = store.span
    except QueryError as error:
        # What took all its time counts, and is not asked again at once.
        return _rendered(context | {"problem": str(error)}), TOO_SLOW if error.code == "time_limit" else UNREADABLE
    # Links change the range and the order: what is locked stands in no address.
    context |= replace(frame, address=address).context(span)
    context |= frame.numbers(answers.totals, answers.series, answers.statuses, answers.spans)
    table = endpoint_table.table(answers.endpoints, answers.changes, answers.trends, address, order)
    several = table.several_services
    context |= {
        "presets": ranges.presets(frame.shown, span, now, address, link.days),
        "sentence": sentence(answers.totals, answers.endpoints, by_status="status" in dict(locked)),
        # Services are named where the link names them.
        "table": replace(table, several_services=several and "service" in dict(locked)),
        "unnamed_services": several and "service" not in dict(locked),
        "all_query": address.query(all="1"),
    }
    return _rendered(context), 200


def _rendered(context: dict[str, Any]) -> str:
    """As a plain text, which the cache takes."""
    return render_to_string("endpoint_stats/shared.html", context)[:]


def shown(filters: Filters, endpoints: dict[str, str]) -> list[tuple[str, str]]:
    """What a link is locked to, as people read it; ``endpoints``: their names by id."""
    return [
        (TITLES.get(name, name), endpoints.get(value, value))
        for name, values in filters
        if (name, values) != PEOPLE_ONLY
        for value in values
    ]


def _badge(link: SharedLink, now: datetime) -> str:
    result = _of_badge(link, now)
    what = f"{METRICS[link.metric].title}, {ranges.last_days(link.days)}"
    if result is None or not result.coverage or (link.metric != "requests" and not result.totals["requests"]):
        return drawing.svg(link.name, "no data", drawing.Colour.NOTHING, what)
    value = result.totals[link.metric]
    if value is None:  # requests without durations
        return drawing.svg(link.name, "no data", drawing.Colour.NOTHING, what)
    share = result.totals["error_rate"] or 0
    failing = link.metric in ("error_rate", "availability") and share >= endpoint_table.FAILING
    colour = drawing.Colour.FAILING if failing else drawing.Colour.VALUE
    return drawing.svg(link.name, cell(link.metric, value), colour, what)


def _of_badge(link: SharedLink, now: datetime) -> Result | None:
    """Of the last days up to now, in whole hours, or in days where hours are no longer kept; None where not even these
    are. Unlike a page's, its range never ends with old data: a badge says how things are."""
    end = ceiling(minute_of(now), HOUR)
    start = end - link.days * 24 * HOUR
    metrics = tuple(dict.fromkeys(("requests", "error_rate", link.metric)))
    with reading(link.project_id) as store:
        for first, last in ((start, end), (floor(start, 24 * HOUR), ceiling(end, 24 * HOUR))):
            whole = Query(link.project_id, moment_of(first), moment_of(last), metrics, filters=sharing.locked(link))
            try:
                return store.run([whole], now)[0]
            except QueryError as error:
                if error.code != "not_kept":
                    raise
    return None
