"""Numbers as the reader's browser asks for them; dates are written by the browser itself (static/js/times.js)."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from endpoint_stats.query.notation import Notation, current, preferred, written


class NotationMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        header = request.headers.get("Accept-Language", "")
        if not header:
            return self.get_response(request)
        with written(preferred(header)):
            response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["Accept-Language"])
        return response


def notation(request: HttpRequest) -> dict[str, Notation]:
    """For base.html, which tells the charts."""
    return {"notation": current()}
