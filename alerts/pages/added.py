"""What alerts add to the core's pages: where trouble stands, how much there is, and what must be seen now."""

from typing import Any
from weakref import WeakKeyDictionary

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Project, User
from alerts.data import EventKind, RuleKind
from alerts.evaluate.rule import SpecError
from alerts.models import Incident, Rule
from alerts.pages.incidents import said
from alerts.services.marks import passes
from alerts.services.summary import Summary, summary
from alerts.watch.watched import watched
from endpoint_stats.models import Endpoint
from endpoint_stats.pages.registry import Banner, Panel
from endpoint_stats.query.render import number

RECENT = 5  # incidents of an endpoint
# By request, as its page asks for several parts of it.
_known: WeakKeyDictionary[HttpRequest, dict[int, Summary]] = WeakKeyDictionary()


def of(request: HttpRequest, project: Project) -> Summary:
    """Nothing for who is nobody."""
    if not isinstance(request.user, User):
        return Summary(0, None)
    known = _known.setdefault(request, {})
    if project.pk not in known:
        known[project.pk] = summary(project)
    return known[project.pk]


def open_ones(request: HttpRequest, project: Project) -> int:
    return of(request, project).open


def banner(request: HttpRequest, project: Project) -> Banner | None:
    """While an incident is open that somebody must look at now."""
    paging = of(request, project).paging
    if paging is None:
        return None
    since = said.clock(paging.started, timezone.now(), paging.zone)
    since += " (acknowledged)" if paging.acknowledged else ""
    if paging.others:
        text = f"{paging.title}, and {number(paging.others)} more"
        return Banner(text, since, reverse("incidents", args=[project.slug]))
    return Banner(paging.title, since, reverse("incident", args=[project.slug, paging.id]))


def panel(request: HttpRequest, project: Project, endpoint: Endpoint) -> Panel | None:
    """Incidents that the endpoint was part of, and rules that watch it."""
    incidents = incidents_of(project, endpoint)
    rules = rules_of(project, endpoint)
    if not incidents and not rules:
        return None
    now = timezone.now()
    context: dict[str, Any] = {
        "project": project,
        "incidents": [{"incident": one, "lasted": said.lasted(one, now)} for one in incidents],
        "rules": rules,
    }
    return Panel("Alerts", "alerts/incidents/_panel.html", context)


def incidents_of(project: Project, endpoint: Endpoint) -> list[Incident]:
    """The open ones first, then the newest."""
    part = Incident.objects.filter(
        project=project, events__kind__in=(EventKind.RAISED, EventKind.JOINED),
        events__data__labels__endpoint_id=str(endpoint.pk),
    )  # fmt: skip
    newest = list(Incident.objects.filter(pk__in=part.values("pk")).order_by("-started", "-id")[:RECENT])
    still = list(Incident.objects.filter(pk__in=part.values("pk"), ended=None).order_by("started"))
    return list(dict.fromkeys([*still, *newest]))[:RECENT]


def rules_of(project: Project, endpoint: Endpoint) -> list[dict[str, Any]]:
    """Enabled rules whose filters let it through, with their conditions."""
    labels = {
        "endpoint": str(endpoint), "endpoint_id": str(endpoint.pk), "service": endpoint.service,
        "method": endpoint.method, "route": endpoint.route,
    }  # fmt: skip
    found = []
    for rule in Rule.objects.filter(project=project, enabled=True).order_by("name", "id"):
        if rule.kind == RuleKind.BAD_RELEASE or not passes(labels, {}, tuple(_filters(rule))):
            continue
        try:
            found.append({"name": rule.name, "condition": said.condition(watched(rule).spec)})
        except SpecError:
            continue
    return found


def _filters(rule: Rule) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, (values,) if isinstance(values, str) else tuple(values)) for name, values in rule.filters]
