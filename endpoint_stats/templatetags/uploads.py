"""Sizes of files as pages show them."""

from django import template

from endpoint_stats.query.render import size

register = template.Library()


@register.filter
def bytes_size(count: int) -> str:
    """12.3 MB."""
    return size(count)
