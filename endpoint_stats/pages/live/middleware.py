"""Answers the live page's polls before any session is looked up, where they bring a pass (passes.py)."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from . import passes
from .views import answer, people_only

ROUTE = "live-now"


class LiveMiddleware:
    """Whatever is unusual goes on to the view, which looks at session and membership."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Most requests bring no pass, and are not looked at any further.
        if request.method == "GET" and passes.HEADER in request.headers:
            response = self._by_pass(request)
            if response is not None:
                return response
        return self.get_response(request)

    def _by_pass(self, request: HttpRequest) -> HttpResponseBase | None:
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return None
        if match.url_name != ROUTE:
            return None
        found = passes.check(request, match.kwargs["slug"])
        if found is None:
            return None
        request.get_host()  # as CommonMiddleware does: a name that is not ours is refused
        request.resolver_match = match  # by which the request is counted
        return answer(found.project_id, hidden=people_only(request))
