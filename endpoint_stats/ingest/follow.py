"""``--follow``: a log that is being written, read on through rotation."""

import os
from contextlib import suppress

from endpoint_stats.store.compact import compact

from . import interrupt
from .importer import Folds, Importer, Progress, folding
from .streams import FileStream

# New lines are committed this often: fresh enough to watch, and few rows in the ledger's tables.
EVERY = 2.0


def follow(importer: Importer, stream: FileStream, path: str, progress: Progress) -> None:
    """Read on until Ctrl-C. Each file that the path comes to name is a stream of its own, with its own batch."""
    with folding(importer.work, 1) as folds:
        while True:
            _read_on(importer, stream, folds, progress)
            if rotated(stream, path):
                _read_rest(importer, stream, folds, progress)
                stream.close()
                stream = first_lines(path)
                importer.next_stream(stream, path)
                continue
            interrupt.sleep(EVERY)


def first_lines(path: str) -> FileStream:
    """The file that the path names, once its first line is whole: that line names the stream."""
    while True:
        with suppress(FileNotFoundError):  # between rename and create
            stream = FileStream(path, whole_lines=True)
            if stream.size:
                return stream
            stream.close()
        interrupt.sleep(EVERY)


def _read_on(importer: Importer, stream: FileStream, folds: Folds, progress: Progress) -> None:
    before = importer.offset
    stream.refresh()
    while importer.read_piece(folds):
        importer.drain()
        progress(stream.position(), stream.total, importer.counted)
    if importer.offset != before:
        compact(importer.project.pk)
        importer.consolidate()
    else:
        importer.beat()


def _read_rest(importer: Importer, stream: FileStream, folds: Folds, progress: Progress) -> None:
    """The old file has its last lines, the very last perhaps without its newline."""
    stream.whole_lines = False
    _read_on(importer, stream, folds, progress)


def rotated(stream: FileStream, path: str) -> bool:
    """Whether ``path`` names another file now, or the same one was emptied (copytruncate)."""
    held = os.fstat(stream.fd)
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False  # between rename and create
    return (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino) or held.st_size < stream.reached
