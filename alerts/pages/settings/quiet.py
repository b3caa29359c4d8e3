"""The page on which silences, maintenance windows and inhibitions are made and ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Project, time_zones
from accounts.pages.base import project_for, user_of
from accounts.pages.base import said as one_line
from accounts.roles import Right
from alerts.dispatch.matchers import Matcher
from alerts.dispatch.suppress import ends
from alerts.models import Incident, Inhibition, Maintenance, Silence
from alerts.services import quiet, schedules

from .base import page, remember, take_undo
from .conditions import NAMES, WORDS, given, rows, said

HERE = "silences"
UNTIL = "until"
LENGTHS = (("30", "for 30 minutes"), ("60", "for an hour"), ("120", "for 2 hours"), ("240", "for 4 hours"),
           ("480", "for 8 hours"), ("1440", "for a day"), ("4320", "for 3 days"), ("10080", "for a week"),
           (UNTIL, "until a time"))  # fmt: skip
SILENCES, WINDOWS, INHIBITIONS = "silence", "window", "inhibition"


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a list. state: in words. coming: when a window opens next. held: open incidents that it holds back."""

    row: Any
    conditions: Sequence[Matcher]
    open: bool
    held: int = 0
    when: str = ""
    until: datetime | None = None
    coming: Sequence[datetime] = ()
    target: Sequence[Matcher] = ()


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    """``?incident=``: one of the project's, whose labels stand in the form. POST: ``make`` says what is made."""
    project = project_for(request, slug, Right.EDIT)
    now = timezone.now()
    context: dict[str, Any] = {}
    if request.method == "POST":
        make = request.POST.get("make", "")
        try:
            messages.success(request, _made(request, project, make, now))
            return redirect("silences", slug=slug)
        except ValidationError as error:
            context |= {"problem": one_line(error), "wrong": make}
    context |= _lists(project, now) | _forms(request, project, context.get("wrong", ""))
    return page(request, project, "quiet", context, here=HERE, status=422 if "problem" in context else 200)


def _made(request: HttpRequest, project: Project, make: str, now: datetime) -> str:
    """What the next page says. Raises ValidationError."""
    data, by = request.POST, user_of(request)
    if make == SILENCES:
        wanted = quiet.WantedSilence(
            given(data), _expires(data, project, now), data.get("comment", ""), bool(data.get("everything"))
        )
        quiet.silence(project, wanted, now, by=by, request=request)
        return "Silenced: it is watched as before, and nobody is told. What still is wrong at the end is told then."
    if make == WINDOWS:
        window = quiet.add_window(project, _window(data), now, by=by, request=request)
        return f"{window.name} is kept quiet: {schedules.words(window.schedule)} ({window.zone})."
    if make == INHIBITIONS:
        equal = data.get("equal", "").split(",")
        wanted_one = quiet.WantedInhibition(
            data.get("called", ""), given(data, "source-"), given(data, "target-"), equal
        )
        return f"{quiet.add_inhibition(project, wanted_one, by=by, request=request).name} holds from now on."
    raise ValidationError("The form did not say what to make. Reload the page, then fill it in again.")


def _expires(data: QueryDict, project: Project, now: datetime) -> datetime:
    length = data.get("length", "")
    if length != UNTIL:
        if length not in dict(LENGTHS):
            raise ValidationError("Choose how long it lasts.")
        return now + timedelta(minutes=int(length))
    try:
        local = datetime.fromisoformat(data.get("expires", ""))
    except ValueError:
        raise ValidationError("Say until when, as a date and a time.") from None
    if local.tzinfo is not None:
        raise ValidationError(f"Say until when without a zone: it is a time in {project.time_zone}.")
    if not 2000 <= local.year <= 9000:
        raise ValidationError("Say until when, as a date and a time that will come.")
    return local.replace(tzinfo=ZoneInfo(project.time_zone))


def _window(data: QueryDict) -> quiet.WantedWindow:
    schedule = data.get("schedule", "").strip() or schedules.weekly(data.getlist("days"), data.get("at", ""))
    minutes = data.get("minutes", "")
    number = int(minutes) if minutes.isascii() and minutes.isdecimal() and len(minutes) < 8 else 0
    return quiet.WantedWindow(data.get("called", ""), given(data), schedule, number, data.get("zone", ""))


def _lists(project: Project, now: datetime) -> dict[str, Any]:
    silences = Silence.objects.filter(project=project).select_related("created_by").order_by("-expires", "-pk")
    lasting = list(silences.filter(expires__gt=now)[: quiet.MOST])
    windows = list(Maintenance.objects.filter(project=project).select_related("created_by").order_by("name", "pk"))
    held = quiet.held(project, [*lasting, *windows])
    over = silences.filter(expires__lte=now, expires__gt=now - quiet.LISTED)[: quiet.MOST]
    inhibitions = Inhibition.objects.filter(project=project).order_by("name", "pk")
    return {
        "silences": [Listed(one, said(one.matchers), one.starts <= now, held[one.pk]) for one in lasting],
        "over": [Listed(one, said(one.matchers), False) for one in over],
        "windows": [_listed_window(one, held[one.pk], now) for one in windows],
        "inhibitions": [
            Listed(one, said(one.source), one.enabled, target=said(one.target)) for one in inhibitions
        ],
    }  # fmt: skip


def _listed_window(one: Maintenance, held: int, now: datetime) -> Listed:
    until = ends(one, now) if one.enabled else None
    return Listed(
        one, said(one.matchers), until is not None, held if until is not None else 0, schedules.words(one.schedule),
        until, schedules.coming(one.schedule, one.zone, now) if one.enabled else (),
    )  # fmt: skip


def _forms(request: HttpRequest, project: Project, wrong: str) -> dict[str, Any]:
    """What stands in the three forms: what was refused, else the labels of an incident, else nothing."""
    incident = None if request.method == "POST" else _incident(project, request.GET.get("incident", ""))
    data = request.POST
    mine = given(data) if wrong in (SILENCES, WINDOWS) else []
    return {
        "incident": incident,
        "rows": rows(mine if wrong == SILENCES else quiet.like(incident) if incident is not None else []),
        "window_rows": rows(mine if wrong == WINDOWS else []),
        "source_rows": rows(given(data, "source-"))[: None if wrong == INHIBITIONS else 2],
        "target_rows": rows(given(data, "target-"))[: None if wrong == INHIBITIONS else 2],
        "given": data if wrong else {"length": "60", "minutes": "60", "zone": project.time_zone},
        "given_days": data.getlist("days") if wrong else [],
        "names": NAMES,
        "operators": WORDS,
        "lengths": LENGTHS,
        "days": schedules.DAYS,
        "zones": time_zones(),
    }


def _incident(project: Project, id: str) -> Incident | None:
    """None for one of another project as for what is none."""
    try:
        wanted = UUID(id)
    except ValueError:
        return None
    return Incident.objects.filter(project=project, pk=wanted).select_related("rule").first()


@login_required
@require_POST
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    """What was ended or deleted last, by who did it."""
    project = project_for(request, slug, Right.EDIT)
    try:
        kept = take_undo(request, project, HERE)["row"]
        row = quiet.restore(project, kept, by=user_of(request), request=request)
        messages.success(request, f"“{row}” is back, as it was.")
    except ValidationError as error:
        messages.error(request, one_line(error))
    return redirect("silences", slug=slug)


@login_required
@require_POST
def end(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    row = Silence.objects.select_related("project").filter(project=project, pk=id).first()
    if row is None:
        raise Http404
    if kept := quiet.end(row, timezone.now(), by=user_of(request), request=request):
        remember(request, project, HERE, f"The silence “{row}” is ended: what still is wrong is told.", row=kept)
    else:
        messages.info(request, f"The silence “{row}” was over before.")
    return redirect("silences", slug=slug)


@login_required
@require_POST
def do_window(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    return _do(request, project, Maintenance.objects.select_related("project").filter(project=project, pk=id).first())


@login_required
@require_POST
def do_inhibition(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    return _do(request, project, Inhibition.objects.select_related("project").filter(project=project, pk=id).first())


def _do(request: HttpRequest, project: Project, row: Maintenance | Inhibition | None) -> HttpResponse:
    """``do``: on, off or delete."""
    do = request.POST.get("do", "")
    if row is None or do not in ("on", "off", "delete"):
        raise Http404
    if do == "delete":
        kept = quiet.delete(row, by=user_of(request), request=request)
        remember(request, project, HERE, f"“{row}” is deleted.", row=kept)
    else:
        quiet.switch(row, do == "on", by=user_of(request), request=request)
        messages.success(request, f"“{row}” is {do}.")
    return redirect("silences", slug=project.slug)
