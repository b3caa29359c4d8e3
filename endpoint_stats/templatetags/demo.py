"""The demo on pages: what its own say of it, and the button where there is none yet."""

from typing import Any

from django import template

from accounts.roles import Right
from accounts.services import may
from endpoint_stats.pages import registry

register = template.Library()


@register.inclusion_tag("endpoint_stats/_demo_banner.html", takes_context=True)
def demo_banner(context: dict[str, Any]) -> dict[str, Any]:
    """On pages of a project; says nothing of one that is no demo."""
    request, project = context["request"], context["project"]
    mine = project.demo and may(request.user, Right.MANAGE, project)
    return {"request": request, "project": project, "mine": mine, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("endpoint_stats/_load_demo.html", takes_context=True)
def load_demo(context: dict[str, Any]) -> dict[str, Any]:
    """Nothing where no app has a demo to offer."""
    return {"offered": registry.demo(), "csrf_token": context.get("csrf_token")}
