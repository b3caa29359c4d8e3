"""What higher apps add to the user area; filled by their ``AppConfig.ready()``.

A part of what a user downloads of themselves, what else must go when a project is deleted, and pages of a project's
settings. Names are unique; the same one twice is an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .models import Project, User
from .roles import Right

# Returns what is known of the user, as JSON takes it.
Export = Callable[[User], Any]
# Deletes what it has of the project, in steps that are committed; may be called again after it was killed.
Purge = Callable[[Project], None]


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """A tab of a project's settings. ``route`` takes the slug."""

    title: str
    route: str
    right: Right


exports: dict[str, Export] = {}
purges: dict[str, Purge] = {}
settings_pages: dict[str, SettingsPage] = {}


def register_export(name: str, export: Export) -> None:
    _add(exports, name, export)


def register_purge(name: str, purge: Purge) -> None:
    _add(purges, name, purge)


def register_settings_page(page: SettingsPage) -> None:
    _add(settings_pages, page.route, page)


def _add(table: dict[str, Any], name: str, value: Any) -> None:
    if table.setdefault(name, value) != value:
        raise ValueError(f"{name!r} is registered twice.")
