"""What templates find in every page of the account."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.services import visible_projects


def projects(request: HttpRequest) -> dict[str, Any]:
    """The way back to one's projects; asked for by whoever shows it. (Pages of projects have it of their views.)"""
    if not request.path.startswith("/account/") or not request.user.is_authenticated:
        return {}
    return {"projects": SimpleLazyObject(lambda: list(visible_projects(request.user)))}
