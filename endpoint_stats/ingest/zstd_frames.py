"""Zstandard frames, one after another. Unlike the library's own reader this one notices a frame that is cut off."""

from typing import Protocol

import zstandard


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class ZstdFrames:
    """A file that is decompressed as it is read.

    step: compressed bytes that are decompressed at once. A kilobyte can stand for 32 MiB at most: 128 KiB for each
        block of 4 bytes.
    window: bytes that a frame may want to look back; ZstdError for one that wants more
    """

    def __init__(self, file: Readable, step: int = 1024, window: int = 1 << 27) -> None:
        self.file, self.step, self.window = file, step, window
        self.frame: zstandard.ZstdDecompressionObj | None = None
        self.rest = b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at least one unless the end is reached; ``size`` is not kept to. EOFError where the last
        frame is not complete."""
        while True:
            chunk = self.rest[: self.step] or self.file.read(self.step)
            self.rest = self.rest[self.step :]
            if not chunk:
                if self.frame is not None:
                    raise EOFError("the last zstd frame is not complete")
                return b""
            if self.frame is None:
                self.frame = zstandard.ZstdDecompressor(max_window_size=self.window).decompressobj()
            data = self.frame.decompress(chunk)
            if self.frame.eof:
                self.rest, self.frame = self.frame.unused_data + self.rest, None
            if data:
                return data

    def close(self) -> None:
        close = getattr(self.file, "close", None)
        if close is not None:
            close()
