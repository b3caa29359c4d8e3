"""The pages of policies: who is told first, who when nobody acknowledges, and how often again."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Project
from accounts.pages.base import project_for, said, user_of
from accounts.roles import Right
from alerts.models import Channel, Policy
from alerts.services import channels, policies

from .base import page, remember, take_undo

HERE = "policies"


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def listed(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    return _answer(request, project, None, "policies")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    return _answer(request, project, _policy(project, id), "policy")


def _policy(project: Project, id: UUID) -> Policy:
    """Raises Http404 for one of another project as for a missing one."""
    policy = Policy.objects.select_related("project").filter(project=project, pk=id).first()
    if policy is None:
        raise Http404
    return policy


def _answer(request: HttpRequest, project: Project, policy: Policy | None, name: str) -> HttpResponse:
    """A page with the form of a policy; it is saved where the form was sent."""
    context: dict[str, Any] = {"policy": policy}
    if request.method == "POST":
        try:
            wanted = _wanted(request.POST)
            saved = policies.save(project, wanted, policy, by=user_of(request), request=request)
            messages.success(request, f"{saved.name} is saved. It holds for what is raised from now on.")
            return redirect("policies", slug=project.slug)
        except ValidationError as error:
            context |= {"problem": said(error)}
            policy = _policy(project, policy.pk) if policy is not None else None
    mine = list(channels.of(project))
    context |= {"channels": mine, "form": _form(policy, mine, request.POST if "problem" in context else None)}
    if name == "policies":
        context["policies"] = _listed(project)
    return page(request, project, name, context, here=HERE, status=422 if "problem" in context else 200)


def _wanted(data: QueryDict) -> policies.Wanted:
    levels = []
    for number in range(policies.MOST_LEVELS):
        ids = tuple(_ids(data.getlist(f"channels-{number}")))
        levels.append(policies.Level(_number(data.get(f"after-{number}", "")) if number else 0, ids))
    repeat = _number(data.get("repeat", "")) if data.get("repeat", "").strip() else 0
    return policies.Wanted(data.get("name", ""), levels, repeat, bool(data.get("default")))


def _ids(given: list[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in given[: channels.MOST_CHANNELS]]
    except ValueError:
        raise ValidationError("One of the channels is none. Choose among those that are listed.") from None


def _number(text: str) -> int:
    """-1, which is refused, for what is no number."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else -1


def _form(policy: Policy | None, mine: list[Channel], data: QueryDict | None) -> dict[str, Any]:
    """What stands in the form: as it was sent, else as it is stored; and a level more than it has."""
    if data is not None:
        levels = [
            (data.get(f"after-{number}", ""), data.getlist(f"channels-{number}"))
            for number in range(policies.MOST_LEVELS)
        ]
        held = {"name": data.get("name", ""), "repeat": data.get("repeat", ""), "default": bool(data.get("default"))}
    elif policy is not None:
        levels = [(str(level["after"]), level["channels"]) for level in policy.levels]
        held = {"name": policy.name, "repeat": str(policy.repeat_minutes or ""), "default": policy.default}
    else:
        levels, held = [], {"name": "", "repeat": "", "default": False}
    while len(levels) < min(policies.MOST_LEVELS, max(2, sum(bool(ids) for _, ids in levels) + 1)):
        levels.append(("", []))
    rows = [(number, after, [(one, str(one.pk) in ids) for one in mine]) for number, (after, ids) in enumerate(levels)]
    return held | {"levels": rows}


def _listed(project: Project) -> list[dict[str, Any]]:
    names = {str(one.pk): one for one in channels.of(project)}
    rows = Policy.objects.filter(project=project).annotate(used=Count("rules")).order_by("-default", "name")
    return [
        {
            "policy": row,
            "used": row.used,
            "levels": [
                (level["after"], [names[id] for id in level["channels"] if id in names]) for level in row.levels
            ],
        }
        for row in rows
    ]


@login_required
@require_POST
def delete(request: HttpRequest, slug: str, id: UUID) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    policy = _policy(project, id)
    name = policy.name
    try:
        kept = policies.delete(policy, by=user_of(request), request=request)
    except ValidationError as error:
        messages.error(request, said(error))
    else:
        fallen = f" The default one tells of its rules now: {len(kept.rules)}." if kept.rules else ""
        remember(request, project, HERE, f"{name} is deleted.{fallen}", kept=asdict(kept))
    return redirect("policies", slug=slug)


@login_required
@require_POST
def undo(request: HttpRequest, slug: str) -> HttpResponse:
    project = project_for(request, slug, Right.EDIT)
    try:
        kept = policies.Deleted(**take_undo(request, project, HERE)["kept"])
        policy = policies.restore(project, kept, by=user_of(request), request=request)
        messages.success(request, f"{policy.name} is back, with the rules that used it.")
    except ValidationError as error:
        messages.error(request, said(error))
    return redirect("policies", slug=slug)
