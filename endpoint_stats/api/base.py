"""What the views of a project share: who may ask, which parameters there are, and answers that are still true."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Project
from accounts.services import find_project
from endpoint_stats.query.spec import QueryError

FILTER = "filter."


class ProjectView(APIView):
    """A view below ``/api/v1/projects/{slug}/``. A foreign project answers exactly as a missing one."""

    parameters: Sequence[str] = ()
    filters = False  # whether filter.NAME is a parameter too

    def project(self, request: Request, slug: str) -> Project:
        """Raises Http404, and QueryError for a parameter that does not exist: a misspelt one must not be ignored."""
        found = find_project(request.user, slug)
        if found is None:
            raise Http404
        for name in request.query_params:
            if name not in self.parameters and not (self.filters and name.startswith(FILTER)):
                listed = [*self.parameters, *(["filter.NAME"] if self.filters else [])]
                raise QueryError(
                    "unknown_parameter",
                    f"There is no parameter {name[:60]!r}. There are: {', '.join(listed) or 'none'}.",
                )
        return found


def whole_number(name: str, text: str, most: int) -> int:
    """A number from 1 to ``most``. Raises QueryError."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise QueryError(f"bad_{name}", f"{name} takes a number from 1 to {most}.")
    return int(text)


def identifier(name: str, text: str) -> UUID:
    """Raises QueryError for what is no UUID."""
    try:
        return UUID(text)
    except ValueError as error:
        raise QueryError(f"bad_{name}", f"{name} takes an id, as other answers give it.") from error


def conditional(request: Request, key: Sequence[object], make: Callable[[], Any]) -> Response:
    """The answer with its ETag, or 304 where the asker has it: ``key`` is all that the answer depends on, so that an
    unchanged one is not computed."""
    parts = [*key, request.accepted_renderer.media_type]
    etag = quote_etag(hashlib.sha256(repr(parts).encode()).hexdigest()[:32])
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if etag in known or f"W/{etag}" in known or "*" in known:
        response = Response(status=status.HTTP_304_NOT_MODIFIED)
    else:
        response = Response(make())
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
    return response
