"""Django middleware that records each request. Put it first in MIDDLEWARE, so that it measures all the others.

It adds one short entry to a queue; a thread sends them (sender.py). Nothing that goes wrong here reaches the
application: it is logged once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.utils.module_loading import import_string

from . import config, hits
from .sender import Sender
from .transport import HttpTransport, Transport

logger = logging.getLogger("endpoint_stats_sender")

# nginx's status of a client that went away before the answer.
CLIENT_GONE = 499
NOT_RECORDED = "a request could not be recorded"
CONSUMER_FAILED = "CONSUMER failed; such requests count without a consumer"
_senders: dict[config.Config, Sender] = {}
_lock = threading.Lock()


def sender_for(wanted: config.Config) -> Sender:
    """The sender of this configuration: one a process, however often the middleware is loaded."""
    with _lock:
        if wanted not in _senders:
            transport: Transport
            if wanted.transport:
                transport = import_string(wanted.transport)()
            else:
                transport = HttpTransport(wanted.url, wanted.key, timeout=wanted.timeout)
            _senders[wanted] = Sender(
                transport,
                max_queue=wanted.max_queue,
                max_batch=wanted.max_batch,
                interval=wanted.interval,
                flush_seconds=wanted.flush_seconds,
            )
        return _senders[wanted]


class EndpointStatsMiddleware:
    """Records requests, sync and async. Of a streamed response the duration ends where its first byte can leave."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Raises MiddlewareNotUsed, and says why in the log, where ENDPOINT_STATS cannot be used."""
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        given = getattr(settings, "ENDPOINT_STATS", {})
        if isinstance(given, Mapping) and not given.get("ENABLED", True):
            raise MiddlewareNotUsed("Endpoint Stats: ENABLED is false")
        try:
            wanted = config.read(given, os.environ)
            self._consumer = self._consumer_of(wanted.consumer)
            self._sender = sender_for(wanted)
        except Exception as error:
            # Not only ConfigError: whatever a named module raises, the application must start.
            logger.warning("Endpoint Stats counts nothing: ENDPOINT_STATS: %s", error)
            raise MiddlewareNotUsed(f"Endpoint Stats: {error}") from error
        self._ignored = re.compile("|".join(f"(?:{one})" for one in wanted.ignore)) if wanted.ignore else None
        self._always = {"service": wanted.service or None, "version": wanted.version or None}
        self._waits = self._consumer is not None and iscoroutinefunction(self._consumer)
        self._faults: set[str] = set()

    def _consumer_of(self, path: str) -> Callable[[HttpRequest], Any] | None:
        found = import_string(path) if path else None
        if found is not None and iscoroutinefunction(found) and not self._is_async:
            raise config.ConfigError("CONSUMER is a coroutine function, and this application is not async")
        return found

    def __call__(self, request: HttpRequest) -> Any:
        """The application's response, untouched."""
        if self._is_async:
            return self._async_call(request)
        now, begin = time.time(), time.perf_counter()
        try:
            response = self._get_response(request)
        except BaseException as error:
            self._note(request, now, begin, _status_of(error))
            raise
        self._note(request, now, begin, 0, response)
        return response

    async def _async_call(self, request: HttpRequest) -> Any:
        now, begin = time.time(), time.perf_counter()
        try:
            response = await self._get_response(request)
        except BaseException as error:
            self._note(request, now, begin, _status_of(error))
            raise
        hit = self._note(request, now, begin, 0, response)
        if hit is not None:
            await self._note_consumer(request, hit)
        return response

    def _note(
        self, request: HttpRequest, now: float, begin: float, status: int, response: Any = None
    ) -> dict[str, Any] | None:
        """Record a request. A hit that is returned still waits for its consumer, whom a coroutine finds.

        now: epoch seconds of the start. begin: perf_counter then. status: where there is no response.
        """
        duration = time.perf_counter() - begin
        try:
            if self._ignored is not None and self._ignored.search(request.path):
                return None
            hit = {**self._always, "time": now, "duration": duration, **_of_request(request)}
            if response is None:
                hit["status"] = status
            else:
                hit["status"] = response.status_code
                hit["response_size"] = 0 if request.method == "HEAD" else _response_size(response)
                if self._waits:
                    return hit
            if self._consumer is not None and not self._waits:
                hit["consumer"] = self._name(self._consumer, request)
            self._sender.record(hit)
        except Exception:
            self._fault(NOT_RECORDED)
        return None

    def _name(self, consumer: Callable[[HttpRequest], Any], request: HttpRequest) -> str | None:
        try:
            found = consumer(request)
            return None if found is None else str(found)
        except Exception:
            self._fault(CONSUMER_FAILED)
            return None

    async def _note_consumer(self, request: HttpRequest, hit: dict[str, Any]) -> None:
        try:
            found = await self._consumer(request) if self._consumer is not None else None
            hit["consumer"] = None if found is None else str(found)
        except Exception:
            self._fault(CONSUMER_FAILED)
        finally:
            # Also of a client that went away meanwhile: the request was answered.
            self._record(hit)

    def _record(self, hit: dict[str, Any]) -> None:
        try:
            self._sender.record(hit)
        except Exception:
            self._fault(NOT_RECORDED)

    def _fault(self, what: str) -> None:
        """Log the exception that is being handled, once of its kind."""
        if what not in self._faults:
            self._faults.add(what)
            logger.warning("Endpoint Stats: %s", what, exc_info=True)


def _status_of(error: BaseException) -> int:
    """What an escaping exception counts as; a server cancels the task of a client that is gone."""
    return CLIENT_GONE if isinstance(error, (asyncio.CancelledError, GeneratorExit)) else 500


def _of_request(request: HttpRequest) -> dict[str, Any]:
    meta, found = request.META, request.resolver_match
    return {
        "method": request.method,
        "path": hits.path_of(request.path),
        "route": _route(found.route) if found is not None else None,
        "request_size": hits.size_of(meta.get("CONTENT_LENGTH")),
        "user_agent": meta.get("HTTP_USER_AGENT"),
        "trace_id": hits.trace_id(meta.get("HTTP_TRACEPARENT")),
    }


def _route(pattern: str) -> str:
    """A resolver's route from the slash on, as Django itself joins routes: without the `^` of a re_path."""
    return pattern if pattern.startswith("/") else "/" + pattern.removeprefix("^")


def _response_size(response: Any) -> int | None:
    """Bytes, where they are known without reading a stream."""
    named = hits.size_of(response.headers.get("Content-Length"))
    return len(response.content) if named is None and not response.streaming else named
