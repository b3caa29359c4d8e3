"""Headers of responses that none of Django's middleware sets."""

import re
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers, patch_cache_control

# No other site may embed what is answered here, be it JSON that a signed-in browser would be given.
ALWAYS = {"Cross-Origin-Resource-Policy": "same-origin"}
# Pages with secrets, or with what concerns one person: no copy of them stays on a disk.
UNSTORED = re.compile(r"/(?:account|invitation)/|/projects/[^/]+/settings/")


class HeadersMiddleware:
    """The outermost but for the one that measures: it sees static files, redirects and refusals too."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.answer(request)
        for name, value in ALWAYS.items():
            response.headers.setdefault(name, value)
        said = response.headers.get("Cache-Control", "")
        if "no-store" in said:
            return response
        everybodys = "public" in said  # so it says of itself
        if everybodys and not response.cookies:
            return response
        if UNSTORED.match(request.path_info):
            add_never_cache_headers(response)
        elif everybodys or _is_personal(request):  # a cookie is one browser's: no cache gives it to another
            patch_cache_control(response, private=True, **({} if said else {"no_cache": True}))
        return response


def _is_personal(request: HttpRequest) -> bool:
    """Whether it was made for somebody. Static files know no users."""
    user = getattr(request, "user", None)
    return bool(user is not None and user.is_authenticated)
