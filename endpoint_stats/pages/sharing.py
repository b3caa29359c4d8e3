"""The settings page on which links are made, listed and revoked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Project
from accounts.pages.base import project_for, said, settings_page, user_of
from accounts.roles import RIGHTS, Right
from endpoint_stats import sharing
from endpoint_stats.metrics import METRICS
from endpoint_stats.models import SharedLink
from endpoint_stats.query.choices import choices, endpoint_names

from .address import PEOPLE_ONLY, TITLES, Address
from .filters import ASKED, fields_of
from .shared import shown

LISTED = 200
DAYS = ((1, "the last day"), (7, "the last 7 days"), (30, "the last 30 days"), (90, "the last 90 days"),
        (365, "the last year"))  # fmt: skip
LASTS = ((7, "in a week"), (30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), (1825, "in 5 years (badges)"))
KINDS = ((SharedLink.Kind.PAGE, "a page with charts and endpoints"), (SharedLink.Kind.BADGE, "a badge for a README"))
FIELDS = ("name", "kind", "metric", "days", "lasts", "everything")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """A new link is shown on the answer to its form, and never again."""
    project = project_for(request, slug, Right.EDIT)
    now = timezone.now()
    given = request.POST if request.method == "POST" else request.GET
    filters = Address.of(given).filters
    context: dict[str, Any] = {"given": _given(given)}
    if request.method == "POST":
        try:
            link, token = sharing.create(project, _wanted(given, filters), now, by=user_of(request), request=request)
            context |= {"made": link, "given": _given(QueryDict()), "link": _address(request, link, token)}
            filters = ()
        except ValidationError as error:
            context |= {"problem": said(error)}
    elif filters:
        context["given"] |= {"name": _called(project, filters)}
    context |= _form(project, filters) | {"links": _links(project, now), "closed": project.closed}
    return settings_page(request, project, "sharing", context, status=422 if "problem" in context else 200)


@login_required
@require_POST
def revoke(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    link = _link(request, slug, id)
    if sharing.revoke(link, timezone.now(), by=user_of(request), request=request):
        done = f"{link.name} is revoked: its link shows nothing more. Within an hour you can undo that."
        messages.success(request, done)
    else:
        messages.info(request, f"{link.name} was revoked before.")
    return redirect("sharing", slug=slug)


@login_required
@require_POST
def restore(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    link = _link(request, slug, id)
    if sharing.restore(link, timezone.now(), by=user_of(request), request=request):
        messages.success(request, f"{link.name} works again, at the same address.")
    else:
        messages.error(request, f"{link.name} was revoked too long ago. Make a new link.")
    return redirect("sharing", slug=slug)


def _link(request: HttpRequest, slug: str, id: UUID) -> SharedLink:
    """Raises Http404 for one of another project as for a missing one."""
    project = project_for(request, slug, Right.EDIT)
    link = project.shared_links.select_related("project").filter(pk=id).first()
    if link is None:
        raise Http404
    return link


def _given(given: QueryDict) -> dict[str, Any]:
    """What stands in the form; numbers are -1, which is refused, where none were given."""
    fields: dict[str, Any] = {"kind": SharedLink.Kind.PAGE, "days": "30", "lasts": "30"}
    fields |= {name: str(given[name]) for name in FIELDS if name in given}
    return fields | {name: _number(fields[name]) for name in ("days", "lasts")}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else -1


def _wanted(given: QueryDict, filters: sharing.Filters) -> sharing.Wanted:
    fields = _given(given)
    return sharing.Wanted(
        fields.get("name", ""),
        fields["kind"],
        filters,
        fields.get("metric", ""),
        fields["days"],
        fields["lasts"],
        bool(fields.get("everything")),
    )


def _called(project: Project, filters: sharing.Filters) -> str:
    """A name for what a page's filters leave, to begin with."""
    names = shown(filters, endpoint_names(project.pk, dict(filters).get("endpoint", ())))
    return ", ".join(value for _, value in names)[:100]


def _form(project: Project, filters: sharing.Filters) -> dict[str, Any]:
    """Fields of filters with the project's own names; what no field can hold stands below them, to be taken out."""
    address = Address({}, filters)
    fields = fields_of(address, choices(project.pk), ASKED["overview"])
    asked = {name for name, *_ in fields}
    names = endpoint_names(project.pk, dict(filters).get("endpoint", ()))
    return {
        "fields": [dict(zip(("name", "title", "value", "offered"), field, strict=True)) for field in fields],
        "fixed": [
            (name, value, TITLES.get(name.removeprefix("filter."), name), names.get(value, value))
            for name, value in address.pairs()
            if name not in asked and name != "filter.traffic"
        ],
        "without_bots": PEOPLE_ONLY in filters,
        "kinds": KINDS,
        "metrics": [(name, METRICS[name].title) for name in sharing.BADGE_METRICS],
        "days": DAYS,
        "lasts": LASTS,
    }


def _address(request: HttpRequest, link: SharedLink, token: str) -> dict[str, str]:
    """The link as it is given away; of a badge the Markdown too."""
    name = "badge" if link.kind == SharedLink.Kind.BADGE else "shared"
    address = request.build_absolute_uri(reverse(name, args=[token]))
    plain = "".join(f"\\{one}" if one in "\\[]`*_<>!&#" else one for one in link.name)
    return {"address": address, "markdown": f"![{plain}]({address})" if name == "badge" else ""}


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list. ``over``: why it works no more; "" while it does."""

    link: SharedLink
    shows: list[tuple[str, str]]
    without_bots: bool
    metric: str
    over: str
    undo: bool


def _links(project: Project, now: datetime) -> list[Listed]:
    links = list(project.shared_links.select_related("project", "created_by").order_by("-created")[:LISTED])
    ids = [value for link in links for name, values in link.filters if name == "endpoint" for value in values]
    names = endpoint_names(project.pk, ids)
    members = project.memberships.filter(user__is_active=True).values_list("user_id", "role")
    sharers = {user for user, role in members if Right.EDIT in RIGHTS[role]}
    return [
        Listed(
            link,
            shown(sharing.locked(link), names),
            PEOPLE_ONLY in sharing.locked(link),
            METRICS[link.metric].title if link.metric else "",
            _over(link, sharers, now),
            link.revoked is not None and link.revoked > now - sharing.UNDO,
        )
        for link in links
    ]


def _over(link: SharedLink, sharers: set[int], now: datetime) -> str:
    if link.revoked is not None:
        return "revoked"
    if link.expires <= now:
        return "ended"
    if link.created_by_id not in sharers:
        return "not answered: who made it may no longer share"
    return "not answered while the project is closed" if link.project.closed else ""
