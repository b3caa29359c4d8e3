"""Ingest past all that pages need: thousands of requests a second have a key each, and no session, form or language."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from .ingest import hits, logs
from .otlp import metrics, traces

VIEWS: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
    "/api/v1/ingest/hits": hits,
    "/api/v1/ingest/logs": logs,
    "/otlp/v1/traces": traces,
    "/otlp/v1/metrics": metrics,
}


class DirectIngest:
    """Middleware: answers ingest itself. It comes right behind what holds for every request (TLS, host)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        view = VIEWS.get(request.path_info)
        if view is None:
            return self.get_response(request)
        request.get_host()  # refuses names that this installation does not answer to
        return view(request)
