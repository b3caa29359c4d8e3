"""What higher apps add to every page of a project: pages of their own, and what must be seen."""

from typing import Any

from django import template

from endpoint_stats.pages import registry

register = template.Library()


@register.inclusion_tag("endpoint_stats/_more_pages.html", takes_context=True)
def more_pages(context: dict[str, Any]) -> dict[str, Any]:
    request, project = context["request"], context["project"]
    listed = [
        {"page": page, "address": address, "count": page.count(request, project) if page.count else 0}
        for page, address in registry.pages(project)
    ]
    return {"listed": listed, "current": context.get("page")}


@register.inclusion_tag("endpoint_stats/_banners.html", takes_context=True)
def banners(context: dict[str, Any]) -> dict[str, Any]:
    """Without what the page itself is of."""
    request = context["request"]
    found = registry.banners(request, context["project"])
    return {"banners": [banner for banner in found if banner.link != request.path]}
