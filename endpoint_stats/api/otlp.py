"""POST /otlp/v1/traces and /otlp/v1/metrics: OTLP/HTTP, protobuf and JSON.

https://opentelemetry.io/docs/specs/otlp/#otlphttp: answers and errors have the form of the request; 429 and 503 say
when to send again, and other errors that there is no use in it.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.keys import note_use
from accounts.models import ApiKey
from endpoint_stats.ingest.live import otlp, quota, take
from endpoint_stats.ingest.live.bodies import BodyError
from endpoint_stats.ingest.live.door import Door, door_of
from endpoint_stats.ingest.live.group import Abandoned
from endpoint_stats.ingest.live.take import Refused
from endpoint_stats.ingest.otlp import answer as form
from endpoint_stats.ingest.otlp.errors import OtlpError

from .ingest import AWAY, drain, read_body, sender

_CODES = {
    400: form.INVALID_ARGUMENT,
    401: form.UNAUTHENTICATED,
    403: form.PERMISSION_DENIED,
    405: form.UNIMPLEMENTED,
    411: form.INVALID_ARGUMENT,
    413: form.RESOURCE_EXHAUSTED,
    415: form.INVALID_ARGUMENT,
    429: form.RESOURCE_EXHAUSTED,
    503: form.UNAVAILABLE,
}


def _is_json(request: HttpRequest) -> bool:
    return (request.content_type or "").lower() == form.JSON


def _problem(request: HttpRequest, status: int, text: str, **headers: str) -> HttpResponse:
    json = _is_json(request)
    body = form.error_answer(_CODES.get(status, form.INTERNAL), text, json=json)
    response = HttpResponse(body, status=status, content_type=form.JSON if json else form.PROTOBUF)
    for name, value in headers.items():
        response[name.replace("_", "-")] = value
    return response


Take = Callable[..., take.Answer]
Say = Callable[..., bytes]


def _view(takes: Take, says: Say) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return _problem(request, 405, "Send this with POST.", Allow="POST")
        if not _is_json(request) and request.content_type != form.PROTOBUF:
            return _problem(request, 415, f"Content-Type may be {form.PROTOBUF} or {form.JSON}.")
        try:
            return _answer(request, takes, says)
        except OtlpError as error:
            return _problem(request, 400, str(error))
        except Refused as error:
            headers = {"WWW_Authenticate": 'Bearer realm="ingest"'} if error.status == 401 else {}
            return _problem(request, error.status, str(error), **headers)
        except BodyError as error:
            drain(request)
            return _problem(request, error.status, str(error))
        except quota.OverQuota as error:
            return _problem(request, 429, str(error), Retry_After=str(error.seconds))
        except DataError:
            raise  # as in ingest.py
        except (DatabaseError, InterfaceError, Abandoned):
            text = "The database does not answer. Send the same again in a moment."
            return _problem(request, 503, text, Retry_After=AWAY)

    return view


def _answer(request: HttpRequest, takes: Take, says: Say) -> HttpResponse:
    now: datetime = timezone.now()
    key: ApiKey = sender(request, now)
    door: Door = door_of(key.project)
    json = _is_json(request)
    answer = takes(door, key, read_body(request), now, json=json)
    note_use(key, now)
    body = says(*otlp.said(answer), json=json)
    return HttpResponse(body, content_type=form.JSON if json else form.PROTOBUF)


traces = _view(otlp.take_traces, form.traces_answer)
metrics = _view(otlp.take_metrics, form.metrics_answer)
