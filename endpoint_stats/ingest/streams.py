"""Where lines come from: files, compressed files and pipes, read as a stream of decompressed bytes.

Both readers cut the stream at the same places, whatever the machine and the number of processes: a piece ends
with the first line that ends at or after the asked offset. A last line without a newline is a piece of its own,
since it may not have been written to its end (ingest/places.py). Nothing longer than a piece and one line's
limit is held in memory, however long a line is.
"""

import bz2
import gzip
import os
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from . import interrupt
from .places import DIGEST_LIMIT, GRID
from .zstd_frames import ZstdFrames

PIECE = 512 * GRID  # 8 MiB
BLOCK = 1 << 18


class StreamError(Exception):
    """The input cannot be read (further). The message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes ``[start, end)`` of a stream: whole lines, or the last one without its newline.

    ``data`` holds them, or ``path`` where to read them. Where the last line is very long they are cut short
    after ``size`` bytes; the line is refused for its length anyhow. ``rest``: bytes of the stream behind it where no
    whole line follows, else None.
    """

    start: int
    end: int
    size: int
    path: str = ""
    name: str = ""
    data: bytes | None = None
    rest: int | None = None

    def load(self) -> bytes:
        if self.data is not None:
            return self.data
        with open(self.path, "rb", buffering=0) as file:
            data = _read_at(file.fileno(), self.start, self.size)
        if len(data) != self.size:
            raise StreamError(
                f"{self.name} became shorter while it was read. Import it again: what was stored is kept."
            )
        return data


class Stream(Protocol):
    name: str

    @property
    def total(self) -> int | None:
        """Bytes to come, as ``position`` counts them; None when unknown."""
        ...

    def head(self) -> bytes:
        """The first bytes (some hundred kilobytes), not consumed."""
        ...

    def piece(self, start: int, target: int) -> Piece | None:
        """The piece that begins at ``start`` and ends with the first line that ends at or after ``target``."""
        ...

    def position(self) -> int:
        """How far the source was read, in the unit of ``size``: for a progress bar."""
        ...

    def close(self) -> None: ...


def _read_at(fd: int, offset: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.pread(fd, min(size, 1 << 24), offset)
        if not part:
            break
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)


class FileStream:
    """A plain file. Pieces name byte ranges, so that worker processes read them themselves."""

    def __init__(self, path: str, whole_lines: bool = False, name: str = "") -> None:
        """``whole_lines``: leave a last line without its newline for later, as in a log that is being written."""
        self.name = name or path
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115 (closed by close)
        self.fd = self.file.fileno()
        # Worker processes read the very file that is open here, also when a rotation gives its name to another.
        open_file = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.path = open_file if os.path.exists(open_file) else path
        self.whole_lines = whole_lines
        self.reached = 0
        self.refresh()

    def refresh(self) -> None:
        """See what was written since."""
        self.size: int = os.fstat(self.fd).st_size
        self.tail = self._tail_start()
        if self.whole_lines:
            self.size = self.tail
        self.total: int | None = self.size

    def _tail_start(self) -> int:
        """Where the last line begins if it lacks its newline, else the size."""
        end = self.size
        while end:
            start = max(end - BLOCK, 0)
            found = _read_at(self.fd, start, end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def head(self) -> bytes:
        return _read_at(self.fd, 0, BLOCK)

    def piece(self, start: int, target: int) -> Piece | None:
        if start >= self.size:
            return None
        end = self.size if start >= self.tail else self._line_end(min(target, self.tail))
        self.reached = end
        size = min(end, target + DIGEST_LIMIT) - start
        rest = self.size - end if end >= self.tail else None
        return Piece(start, end, size, path=self.path, name=self.name, rest=rest)

    def _line_end(self, target: int) -> int:
        offset = max(target - 1, 0)
        while offset < self.tail:
            block = _read_at(self.fd, offset, min(BLOCK, self.tail - offset))
            found = block.find(b"\n")
            if found >= 0:
                return offset + found + 1
            offset += len(block)
        return self.tail

    def position(self) -> int:
        return self.reached

    def close(self) -> None:
        self.file.close()


class PipeStream:
    """A stream that can only be read once, forwards: standard input or a decompressor."""

    def __init__(self, name: str, source: BinaryIO, counted: BinaryIO | None = None, limit: int = 0) -> None:
        """``counted``: the compressed file beneath, whose position is progress; ``limit``: most bytes that may come
        out (0: as many as there are)."""
        self.name, self.source, self.counted = name, source, counted
        self.limit, self.came = limit, 0
        self.total = os.fstat(counted.fileno()).st_size if counted is not None else None
        # What is there, rather than a full block: a slow pipe is read as it comes, and damage is met late.
        self.read_some: Callable[[int], bytes] = getattr(source, "read1", source.read)
        self.buffer = b""
        self.dropped = 0  # bytes of a last line that were counted but not kept
        self.start = 0
        self.ended = False
        self.failure: StreamError | None = None

    def _more(self) -> bytes:
        """The next bytes, b"" at the end. Damage ends the stream: what came before it is given out first."""
        try:
            data = self.read_some(4 * BLOCK)
        except (EOFError, zlib.error, zstandard.ZstdError, OSError, ValueError) as error:
            self.failure = StreamError(
                f"{self.name} is damaged or cut off ({error}). The whole lines before that were imported and are kept; "
                "import it again when it is whole."
            )
            data = b""
        before, self.came = self.came, self.came + len(data)
        if self.limit and self.came > self.limit:
            data = data[: max(self.limit - before, 0)]
            self.failure = StreamError(
                f"{self.name} unpacks to more than {self.limit:,} bytes. The lines before that were imported and are "
                "kept; import larger logs with manage.py import_log."
            )
        self.ended = not data
        return data

    def head(self) -> bytes:
        while len(self.buffer) < BLOCK and not self.ended:
            self.buffer += self._more()
        if self.failure is not None and not self.buffer:
            raise self.failure
        return self.buffer

    def piece(self, start: int, target: int) -> Piece | None:
        if start != self.start:
            raise ValueError("A pipe is read forwards only.")
        parts, have = [self.buffer], len(self.buffer)
        while have < target - start and not self.ended:
            parts.append(self._more())
            have += len(parts[-1])
        data = b"".join(parts)
        if self.dropped:
            self.buffer, dropped, self.dropped = b"", self.dropped, 0
            return self._made(data, dropped)
        if self.failure is not None:
            data = data[: data.rfind(b"\n") + 1]  # the line that was cut off is not whole
        if data:
            return self._cut(data, target - start)
        if self.failure is not None:
            raise self.failure
        return None

    def _cut(self, data: bytes, wanted: int) -> Piece:
        found = data.find(b"\n", max(wanted - 1, 0))
        dropped = 0
        while found < 0 and not self.ended:
            more = self._more()
            at = more.find(b"\n")
            # Past the limit of a line its bytes are only counted.
            keep = max(wanted + DIGEST_LIMIT - len(data), 0)
            if at >= 0:
                kept = min(at + 1, keep)
                self.buffer = more[at + 1 :]
                return self._made(data + more[:kept], dropped + at + 1 - kept)
            data, dropped = data + more[:keep], dropped + len(more) - min(keep, len(more))
        if found >= 0:
            self.buffer = data[found + 1 :]
            return self._made(data[: found + 1], 0)
        tail = data.rfind(b"\n") + 1
        if tail:
            # A last line without its newline: a piece of its own, the next one.
            self.buffer, self.dropped = data[tail:], dropped
            return self._made(data[:tail], 0)
        self.buffer = b""
        return self._made(data, dropped)

    def _made(self, data: bytes, dropped: int) -> Piece:
        start, self.start = self.start, self.start + len(data) + dropped
        rest = len(self.buffer) + self.dropped if self.ended and b"\n" not in self.buffer else None
        return Piece(start, self.start, len(data), data=data, rest=rest)

    def position(self) -> int:
        return self.counted.tell() if self.counted is not None else self.start

    def close(self) -> None:
        self.source.close()
        if self.counted is not None:
            self.counted.close()


_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2"}


def _decompressor(kind: str, file: BinaryIO) -> BinaryIO:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=file, mode="rb")  # type: ignore[return-value]
    if kind == "bzip2":
        return bz2.BZ2File(file, "rb")  # type: ignore[return-value]
    return ZstdFrames(file)  # type: ignore[return-value]


def open_stream(path: str, stdin: BinaryIO, name: str = "", limit: int = 0) -> Stream:
    """The stream of a path, ``-`` for standard input; compression is seen by its first bytes, not its name.

    ``name``: what it is called where that is not its path; ``limit``: most bytes that may come out of a compressed one
    (0: any number). Raises StreamError where there is nothing to read.
    """
    if path == "-":
        return _from_pipe("-", stdin, None)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise StreamError(f"{path} is a directory. Name the files in it, as in {path.rstrip('/')}/*.log.")
        if not stat.S_ISREG(mode):
            with interrupt.waiting():  # for whoever writes
                pipe = open(path, "rb")  # noqa: SIM115 (closed by the stream)
            return _from_pipe(path, pipe, None)
        with open(path, "rb") as file:
            compressed = compression(file.read(4))
        if compressed:
            file = open(path, "rb")  # noqa: SIM115 (closed by the stream)
            return PipeStream(name or path, _decompressor(compressed, file), file, limit)
        return FileStream(str(Path(path)), name=name)
    except FileNotFoundError as error:
        raise StreamError(f"{path} does not exist.") from error
    except PermissionError as error:
        raise StreamError(
            f"{path} may not be read by this user. Change its permissions or run as one who may."
        ) from error
    except OSError as error:
        raise StreamError(f"{path} cannot be read: {error.strerror}.") from error


def compression(first: bytes) -> str:
    """gzip, zstd or bzip2, by the first four bytes; "" for what is neither."""
    return next((kind for magic, kind in _MAGIC.items() if first.startswith(magic)), "")


def stream_of(name: str, file: BinaryIO) -> Stream:
    """Of a file that is open and may lie anywhere, such as in an object storage."""
    return _from_pipe(name, file, None)


def _from_pipe(name: str, pipe: BinaryIO, counted: BinaryIO | None) -> Stream:
    """A pipe may be compressed as well; its first bytes are put back in front of it."""
    first = b""
    with interrupt.waiting():
        while len(first) < 4 and (more := pipe.read(4 - len(first))):
            first += more
    rejoined = _Rejoined(first, pipe)
    kind = compression(first)
    return PipeStream(name, _decompressor(kind, rejoined) if kind else rejoined, counted)  # type: ignore[arg-type]


class _Rejoined:
    """A file-like object that gives ``first`` and then ``rest``."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self.first, self.rest = first, rest
        self.more = getattr(rest, "read1", rest.read)

    def read(self, size: int = -1) -> bytes:
        if self.first:
            data, self.first = self.first[:size] if size >= 0 else self.first, b"" if size < 0 else self.first[size:]
            return data
        with interrupt.waiting():
            return self.more(size)

    def close(self) -> None:
        self.rest.close()
