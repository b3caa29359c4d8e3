"""What the views of a project share: who may ask, which parameters there are, and answers that are still true."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag
from rest_framework import status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from accounts.models import Project
from accounts.roles import Right
from accounts.services import find_project, may
from endpoint_stats.query.spec import FILTER, QueryError

NEEDED = {
    Right.EDIT: "This takes an owner or editor of the project, or a key of scope write.",
    Right.MANAGE: "This takes an owner of the project, signed in. No key may do it.",
}


class ProjectView(APIView):
    """A view below ``/api/v1/projects/{slug}/``. A foreign project answers exactly as a missing one."""

    parameters: Sequence[str] = ()
    filters = False  # whether filter.NAME is a parameter too

    def project(self, request: Request, slug: str, right: Right = Right.SEE) -> Project:
        """Raises Http404, PermissionDenied for a member or key that may not do this, and QueryError for a parameter
        that does not exist: a misspelt one must not be ignored."""
        found = find_project(request.user, slug)
        if found is None:
            raise Http404
        if right is not Right.SEE and not may(request.user, right, found):
            raise PermissionDenied(NEEDED[right], "not_allowed")
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


def fields_of(form: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the body says, as ``form`` takes it. Raises QueryError (a 422), naming each field that is wrong."""
    if not isinstance(request.data, dict):
        raise QueryError("invalid", "Send a JSON object.")
    unknown = sorted(map(str, request.data.keys() - form().fields.keys()))
    if unknown:
        raise QueryError("invalid", f"There is no field {unknown[0][:60]!r}. There are: {', '.join(form().fields)}.")
    given = form(data=request.data)
    if not given.is_valid():
        said = [f"{name}: {' '.join(map(str, errors))}" for name, errors in given.errors.items()]
        raise QueryError("invalid", " ".join(said))
    return dict(given.validated_data)


def invalid(error: ValidationError) -> QueryError:
    """What a service refused, as the API says it."""
    return QueryError("invalid", " ".join(error.messages))


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
