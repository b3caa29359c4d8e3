"""What the decoders of live bodies promise for any bytes: hits as JSON, lines of logs, and compressed bodies."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import zstandard

from bench.fuzz_otlp import expect
from endpoint_stats.aggregate.fold import Coded
from endpoint_stats.ingest.coders import NameLists
from endpoint_stats.ingest.encode import Encoder
from endpoint_stats.ingest.live import bodies
from endpoint_stats.ingest.live.bodies import Batch, BodyError, decode_hits
from endpoint_stats.ingest.sources.base import REASONS, Rejected, Source
from endpoint_stats.ingest.sources.hits import HitsSource, rows_of
from endpoint_stats.ingest.sources.known import names, recognise, resolve
from endpoint_stats.ingest.sources.lines import Lines
from endpoint_stats.routes.rules import RouteRules

LOGS = Path(__file__).resolve().parents[1] / "tests" / "testdata" / "logs"
NOON = 1_763_035_200  # 2025-11-13T12:00:00Z
PLAIN = ("seconds", "status", "duration", "request_size", "response_size", "traffic", "explicit")
LATEST, EARLIEST = NOON + 86_400 * 365, NOON - 86_400 * 365
RECOGNISED = 8  # one case of so many is read by the format that is recognised, too: all of them are tried for that
_HITS = HitsSource()
_RULES = RouteRules()


def _one_hit(rng: random.Random) -> dict[str, Any]:
    hit: dict[str, Any] = {
        "time": rng.choice((NOON, NOON + 0.5, NOON * 2, "2025-11-13T12:00:00Z", "2025-11-13T12:00:00.25+01:00")),
        "method": rng.choice(("GET", "POST", "BREW", "get", "")),
        "status": rng.choice((200, 200.0, 404, 500, 99, "200")),
    }
    others = {
        "path": ("/orders/7?a=b", "/health", "/a/%41", "*", "x", ""),
        "route": ("/orders/{id}", "", "/é"),
        "service": ("shop", "", "s" * 300),
        "duration": (0.25, 1, 0, -1, 1e300, None),
        "request_size": (5, 2**53, 2**53 + 1, -1, 1.5),
        "response_size": (0, 7.0, None),
        "consumer": ("ada", "-", "\u0000", "c" * 300),
        "version": ("1.2", "1.3", ""),
        "user_agent": ("curl/8.5.0", "Googlebot/2.1", "kube-probe/1.30"),
        "trace_id": ("ab" * 16, "x"),
        "unknown": ([1, {"a": None}],),
    }
    return hit | {name: rng.choice(values) for name, values in others.items() if rng.random() < 0.6}


def hits_body(rng: random.Random) -> bytes:
    """An array, one object (also over several lines), or one a line."""
    hits = [_one_hit(rng) for _ in range(rng.randrange(1, 12))]
    form = rng.randrange(4)
    if form == 0:
        return json.dumps(hits).encode()
    if form == 1:
        return json.dumps(hits[0], indent=rng.choice((None, 1)), ensure_ascii=False).encode()
    return "\n".join(json.dumps(hit, ensure_ascii=form == 2) for hit in hits).encode() + rng.choice(
        (b"", b"\n", b"\r\n")
    )


@cache
def _encoder(source: Source, use: str) -> Encoder:
    """One that remembers what all cases brought, as that of a process does; another one for each use."""
    return Encoder(source, _RULES, "", LATEST, EARLIEST, remember=20_000)


def check_hits(body: bytes) -> bool:
    try:
        batch = decode_hits(body)
    except BodyError as error:
        expect(error.status == 400 and error.code == "json_invalid", "what is no array of JSON is a 400")
        return False
    _check_all_once(batch.index.tolist(), batch.rejected, batch.received)
    _check_received(batch, body)
    rows, missing = rows_of(batch.hits, batch.index)
    by_columns, by_rows = _encoder(_HITS, "columns"), _encoder(_HITS, "rows")
    hits, places, refused = by_columns.encode_rows(rows)
    few, places_of_few, refused_of_few = by_rows.encode_few(rows)
    expect(places.tolist() == places_of_few, "few and many have the same places")
    expect(sorted(refused) == sorted(refused_of_few), "few and many refuse the same for the same reasons")
    columns = (getattr(hits, name).tolist() for name in Coded._fields)
    named = [_named(Coded(*values), by_columns.names) for values in zip(*columns, strict=True)]
    expect(named == [_named(one, by_rows.names) for one in few], "few and many have the same values")
    listed = batch.rejected + missing + refused
    _check_all_once(places_of_few, listed, batch.received)
    expect(all(isinstance(batch.texts(place), bytes) for place, _ in listed), "a text for each that was refused")
    return True


def _named(hit: Coded, names: NameLists) -> tuple[Any, ...]:
    """A hit with names in place of their codes, which every encoder counts for itself."""
    return hit._replace(endpoint=0, release=0, consumer=0), *(
        listed[code]
        for listed, code in (
            (names.endpoints.listed, hit.endpoint),
            (names.releases.listed, hit.release),
            (names.consumers.listed, hit.consumer),
        )
    )


def _check_all_once(places: list[int], refused: list[Rejected], received: int) -> None:
    expect(places == sorted(places), "places ascend")
    expect(sorted(places + [place for place, _ in refused]) == list(range(received)), "each place once")
    expect(all(reason in REASONS for _, reason in refused), "a reason of the registry")


def _check_received(batch: Batch, body: bytes) -> None:
    """Against Python's json, where that reads the body at all."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(whole, list):
        expect(batch.received == len(whole), "each of the array is a hit or rejected")
    elif b"\n" not in body.strip():
        expect(batch.received == 1, "one value is one hit or rejected")


@cache
def _samples(name: str) -> list[bytes]:
    return (LOGS / f"{name}.log").read_bytes().splitlines()


def logs_body(rng: random.Random) -> bytes:
    """A byte that names a format, then lines of it, and seldom of another one."""
    listed = names()
    place = rng.randrange(len(listed))
    lines = rng.choices(_samples(listed[place]), k=rng.randrange(1, 8))
    if rng.random() < 0.1:
        lines += rng.choices(_samples(rng.choice(listed)), k=2)
    return bytes((place,)) + b"\n".join(lines) + rng.choice((b"", b"\n", b"\r\n", b"\n\n"))


def check_logs(body: bytes) -> bool:
    listed = names()
    lines = body[1:]
    read = _check_lines(resolve(listed[body[0] % len(listed) if body else 0]), lines)
    if zlib.crc32(body) % RECOGNISED == 0:
        try:
            source, fitting, tried = recognise(lines[: 1 << 16].split(b"\n"))
        except ValueError:
            return read > 0
        expect(0 < fitting <= tried, "a format is recognised by lines that it reads")
        _check_lines(source, lines)
    return read > 0


def _check_lines(source: Source, body: bytes) -> int:
    encoder = _encoder(source, "body")
    encoded = encoder.encode(body)
    hits = encoded.index.tolist()
    expect(encoded.lines == len(hits) + encoded.rejected.total(), "lines = hits + rejected")
    expect(encoded.lines == body.count(b"\n") + (body[-1:] not in (b"", b"\n")), "each line is one")
    expect(hits == sorted(set(hits)) and set(hits) <= set(range(encoded.lines)), "each line once")
    expect(encoded.rejected.keys() <= REASONS.keys(), "a reason of the registry")
    expect(all(0 <= one["line"] < encoded.lines for one in encoded.samples), "samples of lines that there are")
    if not encoded.lines:
        return 0
    line = zlib.adler32(body) % encoded.lines
    text = body.split(b"\n")[line]
    alone = _encoder(source, "line").encode(text + b"\n")
    expect(alone.index.tolist() == [0] * (line in hits), "a line is none of the others' business")
    if line in hits:
        row = hits.index(line)
        for name in PLAIN:
            expect(getattr(encoded.hits, name)[row] == getattr(alone.hits, name)[0], f"alone the same {name}")
        expect(len(source.read(Lines(text))[0].index) == 1, "a hit's line can be read again, for its sample")
    return len(hits)


ENCODINGS = (
    *("gzip", "deflate", "zstd", "gzip, zstd", "zstd,gzip", "Deflate, GZIP", "x-gzip, identity", "zstd, zstd"),
    *("", "gzip, gzip, gzip", "br", "gzip; q=1"),
)
LIMITS = (0, 1, 1_000, 65_536, 65_537, 300_000)
CHUNKS = (1, 7, 1_000, 65_536)
HEADER = 3  # bytes in front of a body: its encoding, limit and chunks
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "x-gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor(level=1).compress,
}


def _inflated(data: bytes) -> bytes:
    """All streams, one after another, of which zlib.decompress reads the first one only."""
    engine = zlib.decompressobj()
    found = engine.decompress(data)
    if not engine.eof:
        raise EOFError
    return found + (_inflated(engine.unused_data) if engine.unused_data else b"")


_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": _inflated,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 22),
}


def compressed_body(rng: random.Random) -> bytes:
    """HEADER bytes, then what they say: one or two members of text, or of much that compresses to little."""
    encoding = rng.randrange(len(ENCODINGS))
    head = bytes((encoding, rng.randrange(len(LIMITS)), rng.randrange(len(CHUNKS))))
    text = rng.choice((b"", b"x", rng.randbytes(rng.randrange(300)), hits_body(rng), bytes(rng.randrange(400_000))))
    members = [text, hits_body(rng)] if rng.random() < 0.2 else [text]
    return head + b"".join(_compressed(member, ENCODINGS[encoding]) for member in members)


def _compressed(data: bytes, encoding: str) -> bytes:
    for name in encoding.lower().replace(" ", "").split(","):
        data = _COMPRESS.get(name, bytes)(data)
    return data


def check_compressed(body: bytes) -> bool:
    encoding, limit, size = (
        choices[code % len(choices)]
        for choices, code in zip((ENCODINGS, LIMITS, CHUNKS), body[:HEADER].ljust(HEADER, b"\0"), strict=True)
    )
    sent = body[HEADER:]
    try:
        data = bodies.read(_chunks(sent, size), encoding, limit)
    except BodyError as error:
        expect(error.status in (400, 413, 415), "a documented status")
        expect((error.status == 415) == (encoding in ENCODINGS[9:]), "415 for encodings that are not known")
        if error.status == 413:
            whole = _reference(sent, encoding)
            expect(whole is None or len(whole) > limit, "too large only where it is")
        return False
    expect(len(data) <= limit, "never more than the limit")
    whole = _reference(sent, encoding)
    expect(whole is None or whole == data, "what Python's own modules read")
    return True


def _chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def _reference(data: bytes, encoding: str) -> bytes | None:
    """None where the reference cannot say: nested encodings, damage, and zstd's later frames, which it leaves out."""
    if not encoding:
        return data
    if encoding not in _DECOMPRESS or (encoding == "zstd" and data.count(zstandard.FRAME_HEADER) != 1):
        return None
    try:
        return _DECOMPRESS[encoding](data)
    except (zlib.error, zstandard.ZstdError, EOFError, OSError):
        return None
