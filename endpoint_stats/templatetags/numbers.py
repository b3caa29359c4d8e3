"""Numbers and times as pages show them; the words are those of query/render.py."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template

from endpoint_stats.pages import ranges
from endpoint_stats.query.render import cell, duration

register = template.Library()


@register.simple_tag
def metric(row: dict[str, Any], name: str) -> str:
    """A row's metric as text, a dash where it is missing."""
    return cell(name, row.get(name))


@register.filter
def local(moment: datetime, zone: str) -> str:
    """A time in the project's time zone, to the minute."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%d %b %Y %H:%M")


@register.filter
def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@register.filter
def address(moment: datetime) -> str:
    """A time as the page's address has it."""
    return ranges.text(moment)


@register.simple_tag
def share(value: float) -> str:
    """0.01 as ``1 %``, 0.9978 as ``99.8 %``."""
    return cell("error_rate", value).replace(".0%", "%").replace("%", " %")


@register.filter
def took(seconds: float) -> str:
    return duration(seconds)


@register.filter
def integer(value: int) -> str:
    return f"{value:,}"
