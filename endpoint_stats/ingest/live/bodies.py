"""From the bytes of a body to its hits: decompressed within a bound, then a JSON array, one object, or NDJSON."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import zstandard

from endpoint_stats.ingest.sources.base import Rejected
from endpoint_stats.ingest.sources.hits import Hit
from endpoint_stats.ingest.sources.json_lines import decode_lines
from endpoint_stats.ingest.sources.lines import Ints
from endpoint_stats.ingest.zstd_frames import ZstdFrames

CHUNK = 1 << 16
MAX_ENCODINGS = 2
MAX_WINDOW = 8 << 20  # of a zstd frame: what decoding it may hold in memory
STEP = 128  # compressed bytes of zstd decompressed at once: they stand for 4 MiB at most


class BodyError(Exception):
    """A body that cannot be taken, with the problem's status and code; the text says what to do."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


def too_large(limit: int) -> BodyError:
    return BodyError(
        413, "too_large", f"The body is larger than {limit:,} bytes when decompressed. Send it in smaller batches."
    )


def _names(encoding: str) -> list[str]:
    return [name for name in encoding.lower().replace(" ", "").split(",") if name not in ("", "identity")]


def says_where_it_ends(encoding: str) -> bool:
    """Whether a body of this Content-Encoding shows by itself that it is whole."""
    return bool(_names(encoding))


def read(chunks: Iterator[bytes], encoding: str, limit: int) -> bytes:
    """The whole body, decompressed: at most ``limit`` bytes of it and of what was sent. Raises BodyError."""
    names = _names(encoding)
    unknown = [name for name in names if name not in _DECODERS]
    if unknown or len(names) > MAX_ENCODINGS:
        raise BodyError(
            415, "encoding_unknown", "Content-Encoding may be gzip, deflate or zstd. Send it as one of these."
        )
    for name in reversed(names):
        chunks = _DECODERS[name](chunks)
    parts, size = [], 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise too_large(limit)
            parts.append(chunk)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise BodyError(
            400, "encoding_invalid", f"The body is not {encoding.strip()[:40]}, or is cut off. Send it again whole."
        ) from error
    return b"".join(parts)


def _zlib(window: int) -> Callable[[Iterator[bytes]], Iterator[bytes]]:
    def decompressed(chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Members one after another, at most CHUNK bytes at a time however much a chunk expands to."""
        engine, begun = zlib.decompressobj(window), False
        for chunk in chunks:
            while chunk:
                if engine.eof:
                    engine, begun = zlib.decompressobj(window), False
                begun = True
                yield engine.decompress(chunk, CHUNK)
                chunk = engine.unused_data if engine.eof else engine.unconsumed_tail
        # A multiple of CHUNK may still wait inside.
        while begun and not engine.eof:
            rest = engine.decompress(engine.unconsumed_tail, CHUNK)
            if not rest:
                raise EOFError
            yield rest

    return decompressed


class _Reader:
    """Chunks as a file, which the decompressor reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.rest = chunks, b""

    def read(self, size: int = -1) -> bytes:
        while not self.rest:
            following = next(self.chunks, None)
            if following is None:
                return b""
            self.rest = following
        part, self.rest = self.rest[:size], self.rest[size:]
        return part


def _zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    frames = ZstdFrames(_Reader(chunks), STEP, MAX_WINDOW)
    while part := frames.read():
        yield part


_DECODERS = {"gzip": _zlib(31), "x-gzip": _zlib(31), "deflate": _zlib(15), "zstd": _zstd}


_one = msgspec.json.Decoder(Hit).decode
_many = msgspec.json.Decoder(list[Hit]).decode
_pieces = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(slots=True)
class Batch:
    """Hits of a body with their places in it (int64), and the places and reasons of what is none."""

    hits: list[Hit]
    index: Ints
    rejected: list[Rejected]
    texts: Callable[[int], bytes]

    @property
    def received(self) -> int:
        return len(self.hits) + len(self.rejected)


def decode_hits(body: bytes) -> Batch:
    """The hits of a JSON array, of one object, or of NDJSON. One that is bad is none of the others' business.

    Raises BodyError for an array that is no JSON, since nobody knows where its hits end.
    """
    start = body.lstrip()[:1]
    if start == b"[":
        return _array(body)
    if start == b"{":
        try:
            return _whole([_one(body)], body)  # also one that is printed over several lines
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    lines = body.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    hits, index, rejected = decode_lines(_one, lines)
    return Batch(hits, index, rejected, lines.__getitem__)


def _whole(hits: list[Hit], body: bytes) -> Batch:
    body.decode()  # wrong UTF-8 is an error even where the decoder skips it
    return Batch(hits, np.arange(len(hits)), [], lambda place: msgspec.json.encode(hits[place]))


def _array(body: bytes) -> Batch:
    try:
        return _whole(_many(body), body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # one by one, then
    try:
        pieces = [bytes(piece) for piece in _pieces(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BodyError(
            400, "json_invalid", f"The body is not a JSON array of hits ({error}). Send an array, or one hit a line."
        ) from error
    hits, index, rejected = decode_lines(_one, pieces)
    return Batch(hits, index, rejected, pieces.__getitem__)
