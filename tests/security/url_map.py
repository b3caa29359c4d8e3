"""The URL map as it is: every route that Django would answer, and addresses made of them."""

import re
from collections.abc import Iterator, Mapping

from django.urls import URLPattern, URLResolver, get_resolver

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


def routes() -> list[str]:
    """All routes in the order in which they are tried, as ``resolver_match.route`` says them."""
    return list(dict.fromkeys(_walk(get_resolver(), "")))


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        route = before + str(one.pattern).removeprefix("^" if before else "")
        if isinstance(one, URLPattern):
            yield route
        else:
            yield from _walk(one, route)


def parameters(route: str) -> list[str]:
    return [first or second for first, second in re.findall(rf"{_GROUP.pattern}|{_CONVERTER.pattern}", route)]


def address(route: str, values: Mapping[str, str]) -> str:
    """The route with its parameters filled in."""
    regular = "(?P<" in route
    text = _GROUP.sub(lambda found: values[found[1]], route)
    if regular:
        return "/" + text.removesuffix("$")
    return "/" + _CONVERTER.sub(lambda found: values[found[1]], text)
