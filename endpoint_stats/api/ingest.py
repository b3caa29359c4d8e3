"""POST /api/v1/ingest/hits and /api/v1/ingest/logs: parse, one call, render.

Plain views, not the REST framework's: they take thousands of requests a second, each with a key and none with a
session. A 200 means: committed, and counted once.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps

import msgspec
from django.conf import settings
from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.keys import known_keys, note_use
from accounts.models import ApiKey, Scope
from endpoint_stats.ingest.live import bodies, quota, take
from endpoint_stats.ingest.live.bodies import BodyError
from endpoint_stats.ingest.live.door import Door, door_of
from endpoint_stats.ingest.live.group import Abandoned
from endpoint_stats.ingest.live.take import Refused

from .problems import problem

DRAINED = 1 << 20  # bytes
AWAY = "1"  # Retry-After, seconds, while the database is away

Take = Callable[[HttpRequest, Door, ApiKey, bytes, datetime], take.Answer]


def ingest(takes: Take) -> Callable[[HttpRequest], HttpResponse]:
    """A view around what takes a body: who sends, how much, and what is said when it cannot be taken."""

    @csrf_exempt
    @wraps(takes)
    def view(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            response: HttpResponse = problem(405, "method_not_allowed", "Send this with POST.")
            response["Allow"] = "POST"
            return response
        try:
            return _answer(request, takes)
        except Refused as error:
            return _refused(error)
        except BodyError as error:
            drain(request)
            return _refused(error)
        except quota.OverQuota as error:
            response = problem(429, "over_quota", str(error))
            response["Retry-After"] = str(error.seconds)
            return response
        except DataError:
            raise  # a value that the database cannot hold: a defect, and to send it again would not help
        except (DatabaseError, InterfaceError, Abandoned):
            # Nothing of it is stored, or the same Idempotency-Key will find that it is.
            response = problem(503, "database_away", "The database does not answer. Send the same again in a moment.")
            response["Retry-After"] = AWAY
            return response

    return view


def _answer(request: HttpRequest, takes: Take) -> HttpResponse:
    now = timezone.now()
    key = sender(request, now)
    door = door_of(key.project)
    answer = takes(request, door, key, read_body(request), now)
    note_use(key, now)
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


def _refused(error: Refused | BodyError) -> HttpResponse:
    response = problem(error.status, error.code, str(error))
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="ingest"'
    return response


def sender(request: HttpRequest, now: datetime) -> ApiKey:
    """The key that sends. Raises Refused."""
    kind, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise Refused(401, "key_missing", "Send the header Authorization: Bearer KEY, with a key of scope ingest.")
    key = known_keys.find(secret.strip(), now)
    if key is None:
        raise Refused(
            401, "key_invalid", "This API key is not known, revoked or expired. Create one: manage.py create_api_key."
        )
    if key.project.closed:
        raise Refused(
            403, "project_archived", "This project is archived: nothing is taken in. An owner can restore it."
        )
    if not key.may(Scope.INGEST):
        raise Refused(403, "wrong_scope", "This key may not send hits. Create one with the scope ingest.")
    return key


def read_body(request: HttpRequest) -> bytes:
    """The body, decompressed, within INGEST_MAX_BYTES. Raises BodyError."""
    limit = settings.INGEST_MAX_BYTES
    announced = _announced(request)
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "")
    if announced is None and not bodies.says_where_it_ends(encoding):
        # Where such a body was cut off, nobody could tell; a part of it would be stored, and the whole come again.
        raise BodyError(411, "length_required", "Send a Content-Length, or compress the body (gzip, zstd).")
    if announced is not None and announced > limit:
        raise bodies.too_large(limit)
    return bodies.read(_chunks(request, announced), encoding, limit)


def _announced(request: HttpRequest) -> int | None:
    """The Content-Length; None for a body that comes in chunks."""
    text = request.META.get("CONTENT_LENGTH") or ""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower() and not text:
        return None
    return int(text) if text.isascii() and text.isdecimal() else 0


def _chunks(request: HttpRequest, announced: int | None) -> Iterator[bytes]:
    """The body as it comes. Raises BodyError where its sender stopped in the middle: a part of it must not be stored,
    since the whole will come again."""
    if announced is None:
        # Django reads as much as was announced, which is nothing here; the server ends the stream where the body ends.
        while chunk := request.META["wsgi.input"].read(bodies.CHUNK):
            yield chunk
        return
    held = 0
    while chunk := request.read(bodies.CHUNK):
        held += len(chunk)
        yield chunk
    if held < announced:
        raise BodyError(400, "body_incomplete", f"{held:,} of {announced:,} bytes came. Send the whole body again.")


def drain(request: HttpRequest) -> None:
    """Read the rest of a body that is refused, within a bound: else its sender may find the connection closed while he
    still sends, and never see why. Only for who has a key: anybody else could hold a thread by sending slowly."""
    held = 0
    read = request.META["wsgi.input"].read if _announced(request) is None else request.read
    with contextlib.suppress(OSError):  # he is gone himself
        while held < DRAINED and (chunk := read(bodies.CHUNK)):
            held += len(chunk)


def idempotency_key(request: HttpRequest) -> str:
    return request.META.get("HTTP_IDEMPOTENCY_KEY", "")


@ingest
def hits(request: HttpRequest, door: Door, key: ApiKey, body: bytes, now: datetime) -> take.Answer:
    return take.take_hits(door, key, body, idempotency_key(request), now)


@ingest
def logs(request: HttpRequest, door: Door, key: ApiKey, body: bytes, now: datetime) -> take.Answer:
    service, form = request.GET.get("service", ""), request.GET.get("format", "auto")
    return take.take_logs(door, key, body, idempotency_key(request), now, service=service, format=form)
