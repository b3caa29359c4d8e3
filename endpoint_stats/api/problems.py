"""RFC 9457 problem details: what happened, a stable ``code``, and one sentence that says what to do."""

from typing import Any

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from endpoint_stats.query.spec import QueryError

MEDIA_TYPE = "application/problem+json"
NOBODY = (
    "Send an API key that may read, as Authorization: Bearer KEY. An editor of the project makes one, in its settings."
)
NOTHING_HERE = "There is nothing here that you may see. Check the address and the account."


def document(status: int, code: str, detail: str, title: str = "") -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": title or code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
    }


def problem(status: int, code: str, detail: str) -> JsonResponse:
    """A problem as a plain Django response, for views outside of the REST framework."""
    return JsonResponse(document(status, code, detail), status=status, content_type=MEDIA_TYPE)


def _for_a_program(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400. What no API view has seen is a problem too where programs ask."""
    if not _for_a_program(request):
        return defaults.bad_request(request, exception)
    return problem(400, "bad_request", "The request cannot be read. Check its address, parameters and headers.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: an address that no view has."""
    if not _for_a_program(request):
        return defaults.page_not_found(request, exception)
    return problem(404, "not_found", NOTHING_HERE)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    if not _for_a_program(request):
        return defaults.server_error(request)
    return problem(500, "internal_error", "This is a defect of Endpoint Stats; its log says more.")


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error of an API view as a problem. None (a 500) for defects."""
    if isinstance(error, QueryError):
        return _response(422, error.code, str(error))
    if isinstance(error, OperationalError):
        away = _response(503, "database_away", "The database does not answer. Try again in a few seconds.")
        away["Retry-After"] = "2"
        return away
    response = exception_handler(error, context)
    if response is None:
        return None
    code, detail = _words(error)
    made = _response(response.status_code, code, detail)
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if name in response:
            made[name] = response[name]
    return made


def _words(error: Exception) -> tuple[str, str]:
    if isinstance(error, Http404 | exceptions.NotFound):
        return "not_found", NOTHING_HERE
    if isinstance(error, exceptions.APIException):
        if isinstance(error, exceptions.NotAuthenticated):
            return "not_authenticated", NOBODY
        codes = error.get_codes()
        return codes if isinstance(codes, str) else "invalid", str(error.detail)
    return "forbidden", "You may not do this."


def _response(status: int, code: str, detail: str) -> Response:
    return Response(document(status, code, detail), status=status, content_type=MEDIA_TYPE)
