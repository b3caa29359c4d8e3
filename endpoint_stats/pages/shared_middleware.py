"""Answers what links show before any session is looked up: it is the same for everybody, whatever cookies they send."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

ROUTES = ("shared", "badge")


class SharedMiddleware:
    """So nobody's cookie is renewed by what caches keep, and nobody is sent to sign in, or to add a factor, first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Most requests are for other pages, and are not looked at any further.
        if request.path_info.startswith("/shared/"):
            response = self._shown(request)
            if response is not None:
                return response
        return self.get_response(request)

    def _shown(self, request: HttpRequest) -> HttpResponseBase | None:
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return None
        if match.url_name not in ROUTES:
            return None
        request.get_host()  # as CommonMiddleware does: a name that is not ours is refused
        request.resolver_match = match  # by which the request is counted
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response
