"""From a path to the route that it is counted under. The order of the steps is the order of trust:

the source's own ``http.route``; the project's patterns; static assets; lexical rules. (A 404 that no step
before the lexical rules knows, and that never answered anything else, is ``{unmatched}``: aggregate/fold.py
marks it and store/names.py decides, since that needs what the project has seen before.)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .lexical import lexical_route, shape, without_secrets

STATIC = "{static}"
UNMATCHED = "{unmatched}"
OTHER = "{other}"

_STATIC_EXTENSIONS = frozenset(
    (
        *("js", "mjs", "css", "map", "wasm", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "webm"),
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp"),
    )
)
_PARAMETER = re.compile(r"\{(?P<name>[A-Za-z_][\w.-]*)(?P<rest>\*)?\}")


class Pattern(NamedTuple):
    """A route that a project names itself; empty ``service`` or ``method`` means any."""

    route: str
    service: str = ""
    method: str = ""


def check_pattern(route: str) -> None:
    """Raise ValueError with one sentence where ``route`` is not a pattern such as ``/orders/{id}``."""
    if not route.startswith("/"):
        raise ValueError("A route pattern begins with a slash, as in /orders/{id}.")
    segments = route.split("/")[1:]
    for place, segment in enumerate(segments):
        parameter = _PARAMETER.fullmatch(segment)
        if parameter is None and ("{" in segment or "}" in segment):
            raise ValueError(
                f"{segment!r}: a parameter fills a whole segment, as in /orders/{{id}} or /files/{{path*}}."
            )
        if parameter is not None and parameter["rest"] and place != len(segments) - 1:
            raise ValueError(f"{segment!r} takes the rest of the path, so nothing can follow it.")


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    ends: dict[tuple[str, str], str] = field(default_factory=dict)  # (service, method) -> route
    rests: dict[tuple[str, str], str] = field(default_factory=dict)


class PatternTree:
    """Patterns by segment. Where several match, literals win over parameters and those over ``{rest*}``."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self.root = _Node()
        self.empty = True
        self.values = False  # whether a literal segment is one that the lexical rules would take for a value
        for pattern in patterns:
            self.add(pattern)

    def add(self, pattern: Pattern) -> None:
        check_pattern(pattern.route)
        self.empty = False
        node = self.root
        key = (pattern.service, pattern.method.upper())
        for segment in pattern.route.split("/")[1:]:
            parameter = _PARAMETER.fullmatch(segment)
            if parameter is None:
                self.values = self.values or shape(f"/{segment}") != f"/{segment}"
                node = node.literals.setdefault(segment, _Node())
            elif parameter["rest"]:
                node.rests.setdefault(key, pattern.route)
                return
            else:
                node.parameter = node.parameter or _Node()
                node = node.parameter
        node.ends.setdefault(key, pattern.route)

    def match(self, service: str, method: str, path: str) -> str | None:
        """The route of the best pattern, or None."""
        keys = ((service, method), (service, ""), ("", method), ("", ""))
        segments = path.split("/")[1:]
        # Depth first with the more specific branch on top of the stack: each (node, depth) is seen once.
        stack: list[tuple[_Node, int, bool]] = [(self.root, 0, False)]
        while stack:
            node, depth, rest = stack.pop()
            at_end = depth == len(segments)
            found = node.rests if rest else node.ends if at_end else {}
            for key in keys:
                if key in found:
                    return found[key]
            if rest or at_end:
                continue
            if node.rests:
                stack.append((node, depth, True))
            segment = segments[depth]
            if node.parameter is not None and segment:
                stack.append((node.parameter, depth + 1, False))
            if segment in node.literals:
                stack.append((node.literals[segment], depth + 1, False))
        return None


@dataclass(frozen=True, slots=True)
class RouteRules:
    """What a project says about its routes; plain data, so that it travels to worker processes.

    bots: parts of user agents, in lower case, that the project knows its own bots by
    """

    patterns: tuple[Pattern, ...] = ()
    lexical: bool = True
    static: bool = True
    bots: tuple[str, ...] = ()


def is_static(path: str) -> bool:
    """Whether the path ends like an image, script, style, font or film."""
    return "." in path and path.rpartition(".")[2].lower() in _STATIC_EXTENSIONS


class Router:
    """Applies ``RouteRules``; one for each process."""

    def __init__(self, rules: RouteRules) -> None:
        self.rules = rules
        self.tree = PatternTree(rules.patterns)
        # Whether paths that differ in integers and UUIDs only have the same route.
        self.by_shape = rules.lexical and not self.tree.values

    def shape(self, path: str) -> str:
        """A path that has the same route under these rules; the same one for as many paths as is found quickly."""
        return shape(path) if self.by_shape else path

    def route(self, service: str, method: str, path: str, own_route: str = "") -> tuple[str, bool]:
        """The route of a hit, and whether it was named explicitly (so that its 404s are its own)."""
        if own_route:
            return own_route, True
        if not self.tree.empty:
            named = self.tree.match(service, method, path)
            if named is not None:
                return named, True
        if self.rules.static and is_static(path):
            return STATIC, True
        return (lexical_route(path) if self.rules.lexical else without_secrets(path)), False
