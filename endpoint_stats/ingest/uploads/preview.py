"""What a log looks like before anything of it is stored: its format, its first lines, and how much there is of it."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

from endpoint_stats.aggregate.fold import NO_DURATION
from endpoint_stats.ingest.encode import Encoder
from endpoint_stats.ingest.importer import AHEAD
from endpoint_stats.ingest.places import MAX_LINE
from endpoint_stats.ingest.redact import sample
from endpoint_stats.ingest.run import Options, choose_source
from endpoint_stats.ingest.sources.base import Source
from endpoint_stats.ingest.sources.lines import Lines
from endpoint_stats.ingest.streams import BLOCK, PipeStream, StreamError, compression, stream_of
from endpoint_stats.routes.rules import RouteRules

SHOWN = 10  # lines
MOST = 4 * BLOCK  # bytes of the beginning that are read as lines: decompressed, there may be far more at once
TAIL = 1 << 16  # bytes from the end, which the time of the last hit is looked for in


class Unreadable(Exception):
    """Nothing of it could ever be imported; the text says why and what to send instead."""


@dataclass(slots=True)
class Preview:
    """``rows``: of the first lines each what it becomes, or ``reason`` and ``text`` where it is refused or no format is
    known. ``fit`` of ``tried`` lines are read. ``lines`` of the whole file: counted, or guessed where not ``exact``, or
    None. ``first`` and ``last``: times of hits, ISO 8601, "" where they are not known yet."""

    format: str = ""
    problem: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    fit: int = 0
    tried: int = 0
    lines: int | None = None
    exact: bool = False
    first: str = ""
    last: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Wish:
    """How it is to be read: ``format`` is "auto", a name or a format string."""

    format: str
    service: str
    rules: RouteRules
    now: datetime


def look(file: BinaryIO, size: int, name: str, wish: Wish) -> Preview:
    """Reads some hundred kilobytes at the beginning, and where it can the end. Raises Unreadable."""
    file.seek(0)
    compressed = compression(file.read(4))
    file.seek(0)
    stream = stream_of(name, file)
    try:
        head = stream.head()
    except StreamError as error:
        raise Unreadable(f"{name} is damaged or cut off. Nothing was kept; send it when it is whole.") from error
    if not head.strip():
        raise Unreadable(f"{name} is empty: there is nothing to import.")
    if b"\0" in head[:8192]:
        raise Unreadable(
            f"{name} is binary, not a log. Send the text itself, or a gzip, zstd or bzip2 file of it; nothing was kept."
        )
    whole = isinstance(stream, PipeStream) and stream.ended and len(head) <= MOST
    text = head if whole else head[: head.rfind(b"\n", 0, MOST) + 1] or head[:MOST]
    try:
        source = choose_source(head, Options(wish.now, format=wish.format), name)
    except StreamError as error:
        problem = "No known format reads these lines." if wish.format == "auto" else _said(error, name)
        return Preview(problem=problem, rows=_raw(text), tried=min(len(Lines(text)), SHOWN))
    made = _read(text, source, wish)
    if whole:
        made.lines, made.exact = made.tried, True
    elif not compressed:
        made.lines = round(size / max(len(text), 1) * made.tried)
        made.last = _last(file, size, source, wish)
    return made


def _said(error: StreamError, name: str) -> str:
    return str(error).removeprefix(f"{name}: ")


def _raw(text: bytes) -> list[dict[str, Any]]:
    lines = Lines(text)
    return [{"line": at + 1, "text": sample(lines[at])} for at in range(min(len(lines), SHOWN))]


def _read(text: bytes, source: Source, wish: Wish) -> Preview:
    lines = Lines(text)
    latest = int((wish.now + AHEAD).timestamp())
    encoder = Encoder(source, wish.rules, wish.service, latest)
    whole = encoder.encode(text)
    made = Preview(source.name, fit=len(whole.hits), tried=len(lines))
    if len(whole.hits):
        made.first = _iso(int(whole.hits.seconds.min()))
        made.last = _iso(int(whole.hits.seconds.max()))
    shown = Lines.of(lines[at] for at in range(min(len(lines), SHOWN)))
    made.rows = _rows(shown, source, encoder)
    if not made.fit:
        made.problem = f"None of the first {made.tried:,} lines is read by this format."
    return made


def _rows(lines: Lines, source: Source, encoder: Encoder) -> list[dict[str, Any]]:
    read, rejected = source.read(lines)
    hits, index, refused = encoder.encode_rows(read)
    reasons = dict([*rejected, *refused]) | {
        at: "line_too_long" for at in range(len(lines)) if lines.lengths[at] > MAX_LINE
    }
    found: dict[int, dict[str, Any]] = {
        at: {"line": at + 1, "reason": reason, "text": sample(lines[at])} for at, reason in reasons.items()
    }
    row_of = {line: row for row, line in enumerate(read.index.tolist())}
    for hit, line in enumerate(index.tolist()):
        if line in found:
            continue
        target = source.slots["target"](read.columns["target"][row_of[line]])
        endpoint = encoder.names.endpoints.listed[int(hits.endpoint[hit])]
        duration = int(hits.duration[hit])
        found[line] = {
            "line": line + 1,
            "time": _iso(int(hits.seconds[hit])),
            "method": endpoint.method,
            "path": sample(target[1].encode("utf-8", "replace")) or "",
            "route": endpoint.route,
            "service": endpoint.service,
            "status": int(hits.status[hit]),
            "duration": None if duration == NO_DURATION else duration / 1e9,
        }
    return [found[line] for line in sorted(found)]


def _last(file: BinaryIO, size: int, source: Source, wish: Wish) -> str:
    """The latest time in the last lines of a file that is not compressed."""
    file.seek(max(size - TAIL, 0))
    tail = file.read(TAIL)
    tail = tail[tail.find(b"\n") + 1 : tail.rfind(b"\n") + 1]
    if not tail:
        return ""
    encoder = Encoder(source, wish.rules, wish.service, int((wish.now + AHEAD).timestamp()))
    hits = encoder.encode(tail).hits
    return _iso(int(hits.seconds.max())) if len(hits) else ""


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
