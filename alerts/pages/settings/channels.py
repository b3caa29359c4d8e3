"""The pages of channels: all of a project, a new one, and one with its form, its secrets and its log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Project
from accounts.pages.base import project_for, said, user_of
from accounts.roles import Right
from alerts.models import Attempt, Channel, Policy
from alerts.services import channels, rotating
from alerts.services.trying import send_a_test
from alerts.transports.base import Transport
from alerts.transports.registry import TRANSPORTS

from .base import page, refuse
from .forms import ChannelForm

HERE = "channels"
LOG = 50  # attempts that are listed
KINDS = [(kind, transport.title) for kind, transport in TRANSPORTS.items()]


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list. told: whether a policy names it."""

    channel: Channel
    kind: str
    last: Attempt | None
    told: bool


@login_required
@never_cache
@require_http_methods(["GET", "HEAD"])
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    context = {
        "channels": _listed(project),
        "deleted": channels.deleted(project, timezone.now()),
        "kinds": KINDS,
    }
    return page(request, project, "channels", context, here=HERE)


def _listed(project: Project) -> list[Listed]:
    newest = Attempt.objects.filter(channel=OuterRef("pk")).order_by("-at", "-pk").values("pk")[:1]
    rows = list(channels.of(project).select_related("next").annotate(last=Subquery(newest)))
    attempts = Attempt.objects.in_bulk([row.last for row in rows if row.last])
    policies = Policy.objects.filter(project=project).values_list("levels", flat=True)
    told = {id for levels in policies for level in levels for id in level["channels"]}
    return [Listed(row, _title(row), attempts.get(row.last), str(row.pk) in told) for row in rows]


def _title(channel: Channel) -> str:
    """What its kind is called; of a kind that was taken out of the product, its name in the database."""
    transport: Transport | None = TRANSPORTS.get(channel.kind)
    return transport.title if transport is not None else channel.kind


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """``kind``: of which kind; without one the page asks. The secret of a webhook is shown on the answer to its form,
    and never again."""
    project = project_for(request, slug, Right.EDIT)
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    if kind not in TRANSPORTS:
        wrong = {"problem": "There is no such kind of channel. Choose one of these."} if kind else {}
        context: dict[str, Any] = {"kinds": KINDS, "title": "which kind?"} | wrong
        return page(request, project, "new_channel", context, here=HERE, status=422 if wrong else 200)
    form = ChannelForm(kind, list(channels.of(project)), None, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = channels.create(
                project, kind, form.entered(), timezone.now(), by=user_of(request), request=request
            )
        except ValidationError as error:
            refuse(form, error)
        else:
            if secret:
                return _shown(request, made, {"secret": secret, "made": True})
            messages.success(request, f"{made.name} is added. Send a test: it shows whether it arrives.")
            return redirect("channel", slug=slug, id=made.pk)
    context = {"form": form, "kind": kind, "title": TRANSPORTS[kind].title}
    return page(request, project, "new_channel", context, here=HERE, status=422 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    channel = _channel(request, slug, id)
    if channels.DELETED in channel.config or channel.kind not in TRANSPORTS:
        raise Http404
    form = _form(channel, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            channels.change(channel, form.entered(), by=user_of(request), request=request)
        except ValidationError as error:
            channel = _channel(request, slug, id)
            refuse(form, error)
        else:
            messages.success(request, "Saved. Messages go there from now on.")
            return redirect("channel", slug=slug, id=id)
    return _shown(request, channel, {"form": form})


def _form(channel: Channel, data: Any = None) -> ChannelForm:
    return ChannelForm(channel.kind, list(channels.of(channel.project)), channel, data)


def _shown(request: HttpRequest, channel: Channel, context: dict[str, Any]) -> HttpResponse:
    form = context.setdefault("form", _form(channel))
    log = Attempt.objects.filter(channel=channel).select_related("delivery__event__incident", "by")
    context |= {
        "channel": channel,
        "title": _title(channel),
        "log": log.order_by("-at", "-pk")[:LOG],
        "secrets": rotating.count(channel),
        "most_secrets": rotating.MOST_SECRETS,
    }
    wrong = form.errors or "problem" in context
    return page(request, channel.project, "channel", context, here=HERE, status=422 if wrong else 200)


def _channel(request: HttpRequest, slug: str, id: UUID) -> Channel:
    """Raises Http404 for one of another project as for a missing one."""
    project = project_for(request, slug, Right.EDIT)
    found = Channel.objects.select_related("project", "next").filter(project=project, pk=id).first()
    if found is None:
        raise Http404
    return found


@login_required
@never_cache
@require_POST
def do(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    """One of DEEDS, as the button's ``do`` says; a new secret is shown on the answer, and never again."""
    channel = _channel(request, slug, id)
    deed = DEEDS.get(request.POST.get("do", ""))
    if deed is None or (channels.DELETED in channel.config) != (deed is _restore):
        raise Http404
    try:
        return deed(request, channel, timezone.now())
    except ValidationError as error:
        messages.error(request, said(error))
        if deed is _restore:
            return redirect("channels", slug=slug)
        return redirect("channel", slug=slug, id=id)


def _test(request: HttpRequest, channel: Channel, now: datetime) -> HttpResponse:
    attempt = send_a_test(channel, now, by=user_of(request))
    answer = f"{attempt.status or ''} {attempt.answer}".strip()
    if attempt.ok:
        messages.success(request, f"The test was taken in {attempt.seconds:.2f} s: {answer or 'without a word'}")
    else:
        messages.error(request, f"The test was not taken: {answer}")
    return redirect("channel", slug=channel.project.slug, id=channel.pk)


def _switch_on(request: HttpRequest, channel: Channel, now: datetime) -> HttpResponse:
    channels.switch(channel, True, now, by=user_of(request), request=request)
    messages.success(request, f"{channel.name} is on: what is raised from now on is sent.")
    return redirect("channels", slug=channel.project.slug)


def _switch_off(request: HttpRequest, channel: Channel, now: datetime) -> HttpResponse:
    waiting = channels.switch(channel, False, now, by=user_of(request), request=request)
    not_sent = f" What still waited is not sent: {waiting}." if waiting else ""
    messages.success(request, f"{channel.name} is off: nobody is told by it until you switch it on.{not_sent}")
    return redirect("channels", slug=channel.project.slug)


def _delete(request: HttpRequest, channel: Channel, now: datetime) -> HttpResponse:
    name = channel.name
    channels.delete(channel, now, by=user_of(request), request=request)
    messages.success(request, f"{name} is deleted: nobody is told by it. For a day you can bring it back, below.")
    return redirect("channels", slug=channel.project.slug)


def _restore(request: HttpRequest, channel: Channel, now: datetime) -> HttpResponse:
    channels.restore(channel, now, by=user_of(request), request=request)
    messages.success(request, f"{channel.name} is back, as it was.")
    return redirect("channels", slug=channel.project.slug)


def _add_secret(request: HttpRequest, channel: Channel, now: datetime) -> HttpResponse:
    secret = rotating.add_secret(channel, by=user_of(request), request=request)
    return _shown(request, channel, {"secret": secret})


def _remove_secret(request: HttpRequest, channel: Channel, now: datetime) -> HttpResponse:
    rotating.remove_secret(channel, by=user_of(request), request=request)
    messages.success(request, "The oldest secret is removed: messages are no longer signed with it.")
    return redirect("channel", slug=channel.project.slug, id=channel.pk)


DEEDS: dict[str, Callable[[HttpRequest, Channel, datetime], HttpResponse]] = {
    "test": _test,
    "on": _switch_on,
    "off": _switch_off,
    "delete": _delete,
    "restore": _restore,
    "add-secret": _add_secret,
    "remove-secret": _remove_secret,
}
