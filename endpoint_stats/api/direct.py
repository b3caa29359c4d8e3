"""Ingest past all that pages need: thousands of requests a second have a key each, and no session, form or language.

``Direct`` stands before Django's own WSGI application and answers the addresses of ingest itself. What holds for every
request holds here too: names of hosts, TLS, the headers that middleware adds, and what settings name in
``DIRECT_MIDDLEWARE``. Whatever is unusual in these is left to Django, which knows the same views.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.wsgi import LimitedStream
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.csp import ContentSecurityPolicyMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.functional import cached_property
from django.utils.module_loading import import_string

from accounts.headers import ALWAYS

from .ingest import hits, logs
from .otlp import metrics, traces
from .problems import problem

VIEWS: dict[str, Callable[[Any], HttpResponse]] = {
    "/api/v1/ingest/hits": hits,
    "/api/v1/ingest/logs": logs,
    "/otlp/v1/traces": traces,
    "/otlp/v1/metrics": metrics,
}
MAX_HOSTS = 1_000  # names that are remembered as good ones

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class DirectRequest:
    """What ingest's views and ``DIRECT_MIDDLEWARE`` see of a request: a part of Django's HttpRequest."""

    resolver_match = None

    def __init__(self, environ: Environ) -> None:
        self.META = environ
        self.method = str(environ["REQUEST_METHOD"]).upper()
        self.path = self.path_info = str(environ["PATH_INFO"])
        self.content_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip()

    @cached_property
    def GET(self) -> dict[str, str]:
        return dict(parse_qsl(self.META.get("QUERY_STRING", ""), keep_blank_values=True))

    @cached_property
    def read(self) -> Callable[[int], bytes]:
        length = self.META.get("CONTENT_LENGTH") or ""
        announced = int(length) if length.isascii() and length.isdecimal() else 0
        return LimitedStream(self.META["wsgi.input"], announced).read


class Direct:
    """A WSGI application around Django's."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.hosts: set[str] = set()
        self.headers = {secure: _security_headers(secure) for secure in (False, True)}
        self.handle: Callable[[Any], Any] = _answer
        for name in reversed(settings.DIRECT_MIDDLEWARE):
            try:
                self.handle = import_string(name)(self.handle)
            except MiddlewareNotUsed:
                continue

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        secure = _is_secure(environ)
        if environ.get("PATH_INFO") not in VIEWS or not self._is_usual(environ, secure):
            return self.application(environ, start_response)
        response = self.handle(DirectRequest(environ))
        content = response.content
        headers = [*response.items(), *self.headers[secure], ("Content-Length", str(len(content)))]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        return [content]

    def _is_usual(self, environ: Environ, secure: bool) -> bool:
        """Whether the request comes under a name that is known to be good, and by TLS where that is wanted."""
        if settings.USE_X_FORWARDED_HOST or (settings.SECURE_SSL_REDIRECT and not secure):
            return False
        host = environ.get("HTTP_HOST", "")
        if host in self.hosts:
            return True
        domain, _ = split_domain_port(host)
        if settings.DEBUG or not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
            return False
        if len(self.hosts) >= MAX_HOSTS:  # with a wildcard a client could name any number
            self.hosts.clear()
        self.hosts.add(host)
        return True


def _is_secure(environ: Environ) -> bool:
    """As HttpRequest.scheme says it."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        told = environ.get(name)
        if told is not None:
            return bool(told.split(",", 1)[0].strip() == value)
    return bool(environ.get("wsgi.url_scheme") == "https")


class _Probe(HttpRequest):
    """A request that is secure or not."""

    def __init__(self, secure: bool) -> None:
        super().__init__()
        self.secure = secure

    def is_secure(self) -> bool:
        return self.secure


def _security_headers(secure: bool) -> list[tuple[str, str]]:
    """What middleware adds to every response."""
    found: Any = HttpResponse(headers=ALWAYS)
    for middleware in (SecurityMiddleware, XFrameOptionsMiddleware, ContentSecurityPolicyMiddleware):
        found = middleware(lambda request: HttpResponse()).process_response(_Probe(secure), found)
    return [(name, value) for name, value in found.items() if name != "Content-Type"]


def _answer(request: DirectRequest) -> HttpResponse:
    # What Django does at the start and the end of a request, for the one database that ingest uses.
    database = connections[DEFAULT_DB_ALIAS]
    database.close_if_unusable_or_obsolete()
    try:
        return VIEWS[request.path](request)
    except Exception:
        logger.exception("ingest failed: %s", request.path)
        return problem(500, "internal_error", "This is a defect of Endpoint Stats; its log says more.")
    finally:
        database.close_if_unusable_or_obsolete()
