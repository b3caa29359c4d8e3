"""What an application says in ``ENDPOINT_STATS``, read and checked. Knows no Django."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ConfigError(Exception):
    """The settings cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class Config:
    """The settings under their own names, in small letters.

    url: where Endpoint Stats lives. key: an API key of scope ingest. service, version: of the application.
    consumer: dotted path of a callable(request) that says who asks. ignore: regular expressions searched for in the
    path. transport: dotted path of a callable() that makes a Transport, instead of HTTP. Times in seconds.
    """

    url: str = ""
    key: str = field(default="", repr=False)
    service: str = ""
    version: str = ""
    consumer: str = ""
    ignore: tuple[str, ...] = ()
    transport: str = ""
    timeout: float = 5.0
    max_queue: int = 10_000
    max_batch: int = 1_000
    interval: float = 1.0
    flush_seconds: float = 2.0


_WORDS = ("url", "key", "service", "version", "consumer", "transport")
_WHOLE = ("max_queue", "max_batch")
_SECONDS = ("timeout", "interval", "flush_seconds")
NAMES = frozenset(name.upper() for name in (*_WORDS, *_WHOLE, *_SECONDS, "ignore", "enabled"))


def read(given: Any, environ: Mapping[str, str]) -> Config:
    """The configuration. URL and KEY may stand in the environment, as ENDPOINT_STATS_URL and ENDPOINT_STATS_KEY.

    Raises ConfigError.
    """
    if not isinstance(given, Mapping):
        raise ConfigError("it must be a dictionary")
    unknown = set(given) - NAMES
    if unknown:
        raise ConfigError(
            f"{', '.join(sorted(map(str, unknown)))}: there is no such name; known: {', '.join(sorted(NAMES))}"
        )
    found: dict[str, Any] = {name: _word(given, name) for name in _WORDS}
    found["url"] = found["url"] or environ.get("ENDPOINT_STATS_URL", "")
    found["key"] = found["key"] or environ.get("ENDPOINT_STATS_KEY", "")
    found["ignore"] = _patterns(given.get("IGNORE", ()))
    for name in (*_WHOLE, *_SECONDS):
        if name.upper() in given:
            found[name] = _positive(given[name.upper()], name.upper(), whole=name in _WHOLE)
    if not found["transport"]:
        missing = [name.upper() for name in ("url", "key") if not found[name]]
        if missing:
            raise ConfigError(f"{' and '.join(missing)} missing")
    return Config(**found)


def _word(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name.upper())
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConfigError(f"{name.upper()} must be a string")
    return value


def _patterns(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise ConfigError("IGNORE must be a list of regular expressions")
    for one in value:
        try:
            re.compile(one)
        except re.error as error:
            raise ConfigError(f"IGNORE: {one!r} is no regular expression: {error}") from None
    return tuple(value)


def _positive(value: Any, name: str, whole: bool) -> float:
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < 10**9:
        raise ConfigError(f"{name} must be a positive {'whole ' if whole else ''}number")
    return value
