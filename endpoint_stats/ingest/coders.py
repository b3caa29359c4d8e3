"""What a raw value becomes in a column: a number, a name's position, or the code of a refusal."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from endpoint_stats.aggregate.fold import EndpointName
from endpoint_stats.routes.rules import Router

from .memo import Memo
from .sources.base import REASONS, Reject, TargetValues
from .sources.lines import Ints, Spans
from .sources.shapes import request_shapes
from .traffic import is_health_path, may_be_health_path

MAX_SHAPES = 65_536  # paths without their numbers that are remembered
MAX_ROUTE = 2_000  # characters
MAX_PLAIN = 1_900  # characters of a path that is taken as it stands

# Paths, a line each, in which there is nothing to decode, cut or replace but their queries.
_PLAIN_PATHS = re.compile(r"/[A-Za-z0-9/._~@:+,;=!$&'()*-]*(?:\n/[A-Za-z0-9/._~@:+,;=!$&'()*-]*)*")
_QUERIES = re.compile(r"\?[!-~]*")

_REASONS = tuple(REASONS)
# Codes below every value that a slot can have.
FIRST_CODE = -1000
CODES = {reason: FIRST_CODE - place for place, reason in enumerate(_REASONS)}


def reason_of(code: int) -> str:
    return _REASONS[FIRST_CODE - code]


def refusing(code: Callable[[Any], int]) -> Callable[[Any], int]:
    """The same coder, with a code for what it refuses."""

    def coder(raw: Any) -> int:
        try:
            return code(raw)
        except Reject as reject:
            return CODES[reject.reason]

    return coder


class Names[Name]:
    """Names met so far, by position."""

    def __init__(self, *first: Name) -> None:
        self.listed: list[Name] = list(first)
        self.place: dict[Name, int] = {name: place for place, name in enumerate(first)}

    def code(self, name: Name) -> int:
        place = self.place.setdefault(name, len(self.listed))
        if place == len(self.listed):
            self.listed.append(name)
        return place


@dataclass(slots=True)
class NameLists:
    """The names that codes of one encoder stand for. They only grow; an encoder that forgets takes new lists."""

    endpoints: Names[EndpointName] = field(default_factory=Names)
    versions: Names[str] = field(default_factory=lambda: Names(""))
    releases: Names[tuple[str, str]] = field(default_factory=lambda: Names(("", "")))
    consumers: Names[str] = field(default_factory=lambda: Names(""))
    services: Names[str] = field(default_factory=Names)
    number: int = field(default_factory=itertools.count().__next__)  # of these lists among all of the process
    _service_of: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def service_of(self) -> Ints:
        """The code of each endpoint's service."""
        known = len(self._service_of)
        if known < len(self.endpoints.listed):
            new = [self.services.code(endpoint.service) for endpoint in self.endpoints.listed[known:]]
            self._service_of = np.concatenate((self._service_of, np.array(new, np.int64)))
        return self._service_of


class TargetCoder:
    """Codes of targets: the endpoint's place times four; plus two where the route was named explicitly; plus one
    where the very path is one of health checks.

    Most new targets differ from one that is known in a number only: ``codes`` asks for their shapes first.
    """

    def __init__(
        self, decode: Callable[[Any], TargetValues], router: Router, service: str, endpoints: Names[EndpointName]
    ) -> None:
        self.decode, self.router, self.service, self.endpoints = decode, router, service, endpoints
        self.by_line: dict[bytes, int] = {}  # shape of a request line -> code
        self.by_path: dict[tuple[str, str], int] = {}  # method and shape of a path -> code; see _code_of_path
        self.code = refusing(self._code)

    def codes(self, requests: Spans) -> list[int]:
        """Codes of request lines, CODES of refusals among them."""
        if not self.router.by_shape:
            return [self.code(raw) for raw in requests]
        known = self.by_line
        shapes = request_shapes(requests)
        found = [known.get(shape) if shape else None for shape in shapes]
        for place, code in enumerate(found):
            if code is not None:
                continue
            shape, raw = shapes[place], requests[place]
            found[place] = code = self.code(raw)
            if shape and not may_be_health_path(raw.decode("latin-1")):
                if len(known) >= MAX_SHAPES:
                    known.clear()
                known[shape] = code
        return found  # type: ignore[return-value]  # every None was replaced

    def _code(self, raw: Any) -> int:
        method, path, own_route, service = self.decode(raw)
        if own_route or service:
            code = self._endpoint(service or self.service, method, path, own_route)
            return code + is_health_path(path or own_route)
        return self._code_of_path(method, path)

    def _code_of_path(self, method: str, path: str) -> int:
        """By shape, plus one there where a path of that shape may be one of health checks: then the path is asked."""
        key = method, self.router.shape(path)
        code = self.by_path.get(key)
        if code is None:
            if len(self.by_path) >= MAX_SHAPES:
                self.by_path.clear()
            code = self.by_path[key] = self._endpoint(self.service, method, path) + may_be_health_path(path)
        return code - 1 if code & 1 and not is_health_path(path) else code

    def _endpoint(self, service: str, method: str, path: str, own_route: str = "") -> int:
        route, explicit = self.router.route(service, method, path, own_route)
        if len(route) > MAX_ROUTE:  # placeholders may be longer than what they stand for
            route = route[: MAX_ROUTE - 1] + "…"
        return self.endpoints.code(EndpointName(service, method, route)) * 4 + explicit * 2


class ObservedTargets:
    """Codes of targets that came as (method, path, route, service), many at once: of a plain path its shape is what is
    remembered, so that a path is looked at by a few searches through all of them, and by no code of its own."""

    def __init__(self, coder: TargetCoder, limit: int | None = None) -> None:
        self.coder = coder
        self.others = Memo(coder.code, limit)
        self.known: dict[tuple[str | None, str, str | None, str], int] = {}

    def __len__(self) -> int:
        return len(self.others)

    def codes(self, raws: Sequence[Any]) -> Ints:
        """CODES of refusals among them."""
        return np.array(self.listed(raws), np.int64)

    def listed(self, raws: Sequence[Any]) -> list[int]:
        found = self._plain(raws) if all(type(raw) is tuple and len(raw) == 4 for raw in raws) else None
        return self.others.listed(raws) if found is None else found

    def _plain(self, raws: Sequence[tuple[str, str | None, str | None, str | None]]) -> list[int] | None:
        """None where one of the paths is not plain."""
        paths = [path or "" for _, path, _, _ in raws]
        joined = "\n".join(paths)
        if "?" in joined:
            joined = _QUERIES.sub("", joined)
        if not _PLAIN_PATHS.fullmatch(joined) or max(map(len, paths)) > MAX_PLAIN or joined.count("\n") >= len(paths):
            return self._one_by_one(raws)
        known, router = self.known, self.coder.router
        shapes = router.shape(joined).split("\n")
        codes = []
        for raw, form in zip(raws, shapes, strict=True):
            method, _, route, service = raw
            code = known.get((service, method, route, "" if route else form))
            codes.append(self._learn(raw, form) if code is None else code)
        if may_be_health_path(joined):
            healthy = map(is_health_path, joined.split("\n"))
            codes = [code + (code >= 0 and health) for code, health in zip(codes, healthy, strict=True)]
        return codes

    def _one_by_one(self, raws: Sequence[tuple[str, str | None, str | None, str | None]]) -> list[int] | None:
        """A single path that is not plain must not make all the others slow."""
        if len(raws) == 1:
            return None
        return [code for raw in raws for code in self.listed([raw])]

    def _learn(self, raw: tuple[str, str | None, str | None, str | None], form: str) -> int:
        """The code of a target, and of all that differ from it in nothing that matters; without its health."""
        if len(self.known) >= MAX_SHAPES:
            self.known.clear()
        method, _, route, service = raw
        code = self.coder.code(raw)
        code = self.known[service, method, route, "" if route else form] = code & ~1 if code >= 0 else code
        return code
