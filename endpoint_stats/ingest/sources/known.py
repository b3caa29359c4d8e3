"""The named formats of config/log_formats.yaml: find one by name, make one of a format string, recognise one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from .base import Reject, Rows, Source
from .hits import HitsSource
from .json_lines import JsonSource
from .lines import Lines
from .text import TextSource

CONFIG = Path(__file__).resolve().parents[3] / "config" / "log_formats.yaml"
SAMPLE_LINES = 200
ADDRESSES = ("$remote_addr", "%h", "%a")  # of format strings


@cache
def definitions() -> Mapping[str, Mapping[str, Any]]:
    """The formats as configured, in the file's order. The file is read once."""
    with CONFIG.open(encoding="utf-8") as file:
        found: dict[str, dict[str, Any]] = yaml.safe_load(file)
    return found


def names() -> list[str]:
    """The names of all known formats."""
    return list(definitions())


def resolve(name_or_format_string: str, consumer_field: str = "") -> Source:
    """The source of a named format, or of an nginx or Apache format string.

    consumer_field: the variable, header or key path that holds the consumer, in place of the format's own.
    Raises ValueError, in one sentence, when there is none such.
    """
    text = name_or_format_string
    name = text.strip()
    if name in definitions():
        return _known(name, consumer_field) if consumer_field else _as_configured(name)
    if "$" in text or "%" in text:
        return TextSource(text, text, consumer_field)
    raise ValueError(f"There is no log format {text!r}; known are {', '.join(names())}, or give a format string.")


@cache
def _as_configured(name: str) -> Source:
    """Made once: raw lines that name no format are tried by all of them, request after request."""
    return _known(name, "")


def _known(name: str, consumer_field: str) -> Source:
    definition = definitions()[name]
    kind = definition["kind"]
    if kind == "text":
        return TextSource(name, definition["format"], consumer_field, definition.get("open_ended", False))
    if kind == "json":
        return JsonSource(name, definition, consumer_field)
    if consumer_field:
        raise ValueError("Hits have a consumer of their own; leave the consumer field empty.")
    return HitsSource()


@lru_cache(100)
def address_source(name_or_format_string: str) -> Source | None:
    """What reads the client's address of such lines, in the place of the consumer; None where they hold none."""
    definition = definitions().get(name_or_format_string, {})
    for field in [definition["client_address"]] if "client_address" in definition else ADDRESSES:
        try:
            return resolve(name_or_format_string, field)
        except ValueError:
            continue
    return None


def spec(source: Source) -> tuple[str, str]:
    """What makes an equal source in another process: resolve(*spec(source))."""
    return source.name, source.consumer_field


def recognise(lines: list[bytes]) -> tuple[Source, int, int]:
    """The known format that reads most of the first 200 lines that are not empty.

    Returns (source, lines read, lines tried). Between equals, the one that fills more slots wins, then the one
    that has more. Raises ValueError when no format reads at least half of the lines.
    """
    sample = [line for line in lines if line.strip()][:SAMPLE_LINES]
    if not sample:
        raise ValueError("There are no lines to recognise a log format by; pass --format.")
    best: tuple[tuple[int, int, int], Source] | None = None
    for name in names():
        source = resolve(name)
        score = _score(source, sample)
        if best is None or score > best[0]:
            best = score, source
    assert best is not None
    matched = best[0][0]
    if matched * 2 < len(sample):
        raise ValueError(
            f"No known log format reads these lines (the nearest, {best[1].name}, reads {matched} of "
            f"{len(sample)}); pass --format with a name or with the server's log format string."
        )
    return best[1], matched, len(sample)


def _score(source: Source, lines: list[bytes]) -> tuple[int, int, int]:
    """(lines that are read in every slot, slots that hold something in any line, slots)."""
    matched = 0
    filled: set[str] = set()
    rows, _ = source.read(Lines.of(lines))
    for row in range(len(rows.index)):
        values = _decoded(source, rows, row)
        if values is not None:
            matched += 1
            filled.update(slot for slot, value in values.items() if value)
    return matched, len(filled), len(source.slots)


def _decoded(source: Source, rows: Rows, row: int) -> dict[str, Any] | None:
    try:
        return {slot: decode(rows.columns[slot][row]) for slot, decode in source.slots.items()}
    except Reject:
        return None
