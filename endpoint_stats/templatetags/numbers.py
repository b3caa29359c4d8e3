"""Numbers and times as pages show them; the words are those of query/render.py."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from endpoint_stats.pages import ranges
from endpoint_stats.query.notation import localized
from endpoint_stats.query.render import cell, duration, percent

register = template.Library()


@register.simple_tag
def metric(row: dict[str, Any], name: str) -> str:
    """A row's metric as text, a dash where it is missing."""
    return cell(name, row.get(name))


@register.filter
def local(moment: datetime, zone: str) -> str:
    """A time in the project's time zone, to the minute."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%d %b %Y %H:%M")


@register.simple_tag
def moment(value: datetime, zone: str) -> SafeString:
    """A time in the project's time zone; the browser writes it as its reader does (static/js/times.js)."""
    return format_html('<time datetime="{}" data-zone="{}">{}</time>', iso(value), zone, local(value, zone))


@register.filter
def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@register.filter
def address(moment: datetime) -> str:
    """A time as the page's address has it."""
    return ranges.text(moment)


@register.simple_tag
def share(value: float) -> str:
    """0.01 as ``1 %``, 0.9978 as ``99.8 %``; what is not nothing does not look like nothing."""
    return percent(value) if not 0 < value < 0.0005 and not 0.9995 <= value < 1 else cell("error_rate", value)


@register.filter
def took(seconds: float) -> str:
    return duration(seconds)


@register.filter
def integer(value: int) -> str:
    return localized(f"{value:,}")
