"""System checks: a wrong setting is found at the start, with what to do, and not at three in the morning."""

from datetime import timedelta
from socket import gethostname
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection
from django.utils import timezone


@register(Tags.database)
def one_host_for_sqlite(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """SQLite's locks do not hold across a network: two hosts on one file lose data."""
    from .models import Beat

    if connection.vendor != "sqlite" or not databases:
        return []
    try:
        beats = Beat.objects.filter(answered__gt=timezone.now() - timedelta(seconds=60)).exclude(host="")
        others = {beat.host for beat in beats} - {gethostname()}
    except DatabaseError:
        return []  # not migrated yet
    if not others:
        return []
    return [
        Error(
            f"This SQLite database is in use by another host ({', '.join(sorted(others))}).",
            hint="Stop the other one, or move to PostgreSQL: set DATABASE_URL (docs/operations.md).",
            id="endpoint_stats.E001",
        )
    ]


@register("endpoint_stats")
def sane_numbers(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name, least in (
        ("WORKERS", 1),
        ("IMPORT_PROCESSES", 0),
        ("INGEST_MAX_BYTES", 1),
        ("JOURNAL_MAX_ROWS", 1),
        ("JOURNAL_MAX_SECONDS", 1),
        ("JOURNAL_MAX_KEYS", 1),
    ):
        value = getattr(settings, name)
        if value < least:
            found.append(Error(f"{name} is {value}.", hint=f"Set {name} to {least} or more.", id="endpoint_stats.E002"))
    return found


BROWSER_FILES = ("vendor/uplot/uPlot.iife.min.js", "vendor/uplot/uPlot.min.css")


@register(Tags.staticfiles)
def browser_packages(**kwargs: Any) -> list[CheckMessage]:
    """Pages name these files; the repository does not hold them."""
    missing = [name for name in BROWSER_FILES if finders.find(name) is None]
    if not missing:
        return []
    return [
        Error(
            f"What charts are drawn with is not installed ({', '.join(missing)}).",
            hint="Run scripts/setup.sh dev (or npm ci), then manage.py prepare --static.",
            id="endpoint_stats.E003",
        )
    ]
