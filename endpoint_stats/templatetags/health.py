"""The admin's first page asks how the installation does."""

from typing import Any

from django import template
from django.utils import timezone

from endpoint_stats.workers.health import Health, health

register = template.Library()


@register.simple_tag(takes_context=True)
def installation_health(context: dict[str, Any]) -> Health | None:
    """None for staff who may not see signs of life: slugs of projects are among the findings."""
    if not context["request"].user.has_perm("endpoint_stats.view_beat"):
        return None
    return health(timezone.now())
