"""The work on one piece of a stream, done in a worker process. Knows no database and no Django."""

import gc
import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

from endpoint_stats.aggregate.fold import Delta, Hits, fold
from endpoint_stats.routes.rules import RouteRules

from .encode import Encoder
from .places import Mark, digest_marks, line_crc
from .sources.known import resolve
from .streams import Piece


@dataclass(frozen=True, slots=True)
class Work:
    """What a process must know to work on pieces of one import; plain data.

    source: a format's name or string, and the consumer field; latest: epoch seconds past which a hit is refused.
    """

    source: tuple[str, str]
    rules: RouteRules
    service: str
    latest: int


@dataclass(slots=True)
class FoldedPiece:
    """A piece, folded: what it adds, what was refused, and the marks by which it will be known again."""

    start: int
    end: int
    lines: int = 0
    stored: int = 0
    delta: Delta = field(default_factory=Delta)
    rejected: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)
    seconds: tuple[int, int] | None = None  # first and last hit, epoch seconds
    first_line: int = 0
    marks: list[Mark] = field(default_factory=list)
    lead: bytes = b""


class Folder:
    """Folds pieces of one import, one after another."""

    def __init__(self, work: Work) -> None:
        self.encoder = Encoder(resolve(*work.source), work.rules, work.service, work.latest)

    def fold(self, piece: Piece, lead: bytes) -> FoldedPiece:
        """``lead``: the stream's bytes between the last mark and the piece (places.Chain)."""
        data = piece.load()
        marks, rest = digest_marks(data, piece.start, piece.end, lead)
        encoded = self.encoder.encode(data)
        hits = encoded.hits
        return FoldedPiece(
            piece.start,
            piece.end,
            encoded.lines,
            len(hits),
            self._delta(hits),
            encoded.rejected,
            encoded.samples,
            (int(hits.seconds.min()), int(hits.seconds.max())) if len(hits) else None,
            line_crc(data, 0),
            marks,
            rest,
        )

    def _delta(self, hits: Hits) -> Delta:
        names = self.encoder.names
        return fold(hits, names.endpoints.listed, names.releases.listed, names.consumers.listed)


_folder: Folder | None = None


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def start_process(work: Work) -> None:
    """Initialise a worker process: it ends with its parent, leaves Ctrl-C to it, and folds without the collector.

    The collector would walk millions of live strings again and again and free nothing: nothing here is cyclic.
    """
    global _folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        # The fork server is no help: it lives as long as a worker holds its pipe, and a worker as long as it.
        Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.nice(5)  # the one process that commits in order goes first, or nobody could go on
    gc.disable()
    _folder = Folder(work)


def fold_piece(piece: Piece, lead: bytes) -> FoldedPiece:
    if _folder is None:
        raise RuntimeError("start_process was not called in this process.")
    return _folder.fold(piece, lead)
