"""Import of a log: read, recognise, fold in processes, commit piece by piece in the order of the stream."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver, get_context, resource_tracker
from typing import Protocol
from uuid import UUID

from django.conf import settings as django_settings
from django.db import connections

from accounts.models import Project
from endpoint_stats.models import Batch, Place
from endpoint_stats.store.append import Counted, Stopped, append, consolidate, count_only
from endpoint_stats.store.compact import compact, compact_when_due
from endpoint_stats.store.names import ProjectNames

from . import interrupt, ledger
from .piece import FoldedPiece, Folder, Work, fold_piece, start_process
from .places import GRID, Chain, Known, Mark, digest_marks, pack_marks, short
from .settings import route_rules, settings_of
from .sources.base import Source
from .sources.known import spec
from .streams import PIECE, Piece, Stream

AHEAD = timedelta(minutes=10)  # how far ahead of the clock a hit may lie
CONSOLIDATE_EVERY = 100  # commits of a followed log
NO_BATCH = UUID(int=0)  # of the places of a dry run, which are never saved
Progress = Callable[[int, int | None, Counted], None]


class AlreadyStored(Exception):
    """Another import stored exactly this piece in the meantime."""


class Folds(Protocol):
    def submit(self, piece: Piece, lead: bytes) -> "Future[FoldedPiece]": ...


class _Here:
    """Folds in this process: for small files, tails and worker tasks, which may not have children."""

    def __init__(self, work: Work) -> None:
        self.folder = Folder(work)

    def submit(self, piece: Piece, lead: bytes) -> "Future[FoldedPiece]":
        future: Future[FoldedPiece] = Future()
        future.set_result(self.folder.fold(piece, lead))
        return future


class _Pool:
    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self.executor = executor

    def submit(self, piece: Piece, lead: bytes) -> "Future[FoldedPiece]":
        return self.executor.submit(fold_piece, piece, lead)


@contextmanager
def folding(work: Work, processes: int) -> Iterator[Folds]:
    """Something that folds pieces, in ``processes`` processes."""
    if processes <= 1:
        yield _Here(work)
        return
    # A fork server, preloaded: children start in milliseconds and inherit no thread and no connection of ours.
    context = get_context("forkserver")
    context.set_forkserver_preload(["endpoint_stats.ingest.piece"])
    resource_tracker.ensure_running()  # first: starting it lets signals through again
    with interrupt.held_back():
        forkserver.ensure_running()
    executor = ProcessPoolExecutor(processes, context, start_process, (work,))
    try:
        yield _Pool(executor)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Item:
    """A piece on its way: counted before (its marks are known already), or being folded."""

    piece: Piece
    future: "Future[FoldedPiece] | None" = None
    lines: int = 0
    marks: list[Mark] = field(default_factory=list)
    lead: bytes = b""


class Importer:
    """One import of one stream. ``take`` pieces in order, then ``drain``; or ``run`` does it all."""

    def __init__(
        self, project: Project, stream: Stream, source: Source, service: str, *, now: datetime, store: bool
    ) -> None:
        """``store`` False: a dry run, which reads and counts and writes nothing."""
        self.project, self.service, self.store = project, service, store
        self.settings = settings_of(project)
        self.work = Work(spec(source), route_rules(project, self.settings), service, int((now + AHEAD).timestamp()))
        self.names = ProjectNames(self.settings)
        self.batch: Batch | None = None
        self.counted = Counted()
        self.endpoints: set[int] = set()
        self.small_commits = 0
        self.queue: deque[_Item] = deque()
        self._start(stream)

    def _start(self, stream: Stream) -> None:
        """Stand at the beginning of a stream, knowing what was committed of it."""
        self.stream = stream
        self.stream_id = ledger.stream_id(stream.head())
        places = ledger.places(self.project, self.service, self.stream_id)
        self.seen = {place.id: place.end for place in places}
        self.known = Known([ledger.stretch(place) for place in places])
        self.scanned = Chain()  # where reading stands, as long as something may have been counted before
        self.committed = Chain()  # where committing stands
        self.offset = 0
        self.lead: bytes | None = b""  # the stream's bytes between the last mark and offset; None: ask committed

    def begin(self, name: str, format_name: str) -> None:
        if self.store:
            self.batch = ledger.begin(self.project, self.service, name, format_name)

    def next_stream(self, stream: Stream, name: str) -> None:
        """Close the batch and go on with the next file of a log that was rotated."""
        if self.batch is not None:
            ledger.end(self.batch)
            self.batch = ledger.begin(self.project, self.service, name, self.batch.format)
        self._start(stream)

    def beat(self) -> None:
        """Nothing to commit, still alive."""
        if self.batch is not None:
            ledger.beat(self.batch)

    def consolidate(self) -> None:
        """Keep the rows of a batch that runs for days few."""
        self.small_commits += 1
        if self.batch is not None and self.small_commits >= CONSOLIDATE_EVERY:
            consolidate(self.batch)
            self.small_commits = 0

    def run(self, processes: int, progress: Progress) -> None:
        """Read to the end. Raises StreamError, Stopped, a database error or KeyboardInterrupt; what was
        committed until then stays right, and the ledger says so."""
        if self.stream.total is not None and self.stream.total <= 2 * PIECE and self.stream.name != "-":
            processes = 1
        if processes > 1:
            connections.close_all()
        with folding(self.work, processes) as folds:
            while self.read_piece(folds):
                while len(self.queue) > 2 * processes:
                    self.commit_next()
                    progress(self.stream.position(), self.stream.total, self.counted)
                if processes <= 1:
                    self.drain()
                    progress(self.stream.position(), self.stream.total, self.counted)
            while self.queue:
                self.commit_next()
                progress(self.stream.position(), self.stream.total, self.counted)
        if self.store:
            compact(self.project.pk)

    def read_piece(self, folds: Folds) -> bool:
        """Read the next piece and queue it. False at the end of the stream."""
        target = (self.offset // PIECE + 1) * PIECE
        familiar = self.offset < self.known.limit
        if familiar:
            target = self.known.next_cut(self.offset, target)
        piece = self.stream.piece(self.offset, target)
        if piece is None:
            return False
        if familiar:
            piece = self._recognise(piece, folds)
            self.lead = self.scanned.lead
        else:
            if self.lead is None:
                self.drain()
                self.lead = self.committed.lead
            self.queue.append(_Item(piece, folds.submit(piece, self.lead)))
            # A piece that reached a multiple of the grid ends at a mark: nothing before it matters to the next.
            self.lead = b"" if piece.end >= target and target % GRID == 0 else None
        self.offset = piece.end
        return True

    def _recognise(self, piece: Piece, folds: Folds) -> Piece:
        """Split a piece into what was counted before and what was not; returns it, longer where it read on."""
        data = piece.load()
        verdict = self.known.counted_until(data, piece.start, self.scanned, piece.rest, piece.end)
        # A piece that was cut short for its long last line ends at a mark: there is nothing to read on for.
        whole = len(data) == piece.end - piece.start
        while whole and verdict.read_on and (more := self.stream.piece(piece.end, verdict.read_on)) is not None:
            data += more.load()
            piece = Piece(piece.start, more.end, len(data), data=data, rest=more.rest)
            verdict = self.known.counted_until(data, piece.start, self.scanned, piece.rest, piece.end)
        until = verdict.until - piece.start
        for start, part in ((0, data[:until]), (until, data[until:])):
            if not part:
                continue
            end = piece.end if start + len(part) == len(data) else piece.start + start + len(part)
            marks, lead = digest_marks(part, piece.start + start, end, self.scanned.lead)
            if start < until:
                lines = part.count(b"\n") + (not part.endswith(b"\n"))
                self.queue.append(_Item(piece, None, lines, marks, lead))
            else:
                new = Piece(piece.start + start, end, len(part), data=part, rest=piece.rest)
                self.queue.append(_Item(new, folds.submit(new, self.scanned.lead)))
            self.scanned.advance(marks, lead)
        return piece

    def drain(self) -> None:
        while self.queue:
            self.commit_next()

    def commit_next(self) -> None:
        """Commit the oldest piece in the queue, waiting for it if it is still being folded."""
        item = self.queue.popleft()
        if item.future is None:
            self.committed.advance(item.marks, item.lead)
            self._count(Counted(item.lines, duplicate=item.lines))
            return
        folded = item.future.result()
        start_node = short(self.committed.node_after())
        nodes = self.committed.advance(folded.marks, folded.lead)
        if not folded.stored:
            self._count(_counted(folded, self.counted.read))
            return
        place = Place(
            project_id=self.project.pk,
            batch=self.batch.id if self.batch else NO_BATCH,
            service=self.service,
            stream=self.stream_id,
            start=folded.start,
            end=folded.end,
            end_node=short(self.committed.node_after()),
            lines=folded.lines,
            marks=pack_marks(folded.start, start_node, folded.first_line, nodes),
        )
        self._append(place, folded)

    def _append(self, place: Place, folded: FoldedPiece) -> None:
        resolved = self.names.resolve(folded.delta)
        counted = _counted(folded, self.counted.read)
        if self.batch is None:
            self.names.remember(resolved.new)
        else:
            try:
                append(
                    self.batch, place, resolved, counted, self.names, lambda rivals: self._check_rivals(place, rivals)
                )
            except AlreadyStored:
                self._count(Counted(folded.lines, duplicate=folded.lines))
                return
            compact_when_due(self.project.pk)
        self.endpoints.update(resolved.hits.keys[1].tolist())
        self.counted.add(counted)

    def _check_rivals(self, place: Place, rivals: list[Place]) -> None:
        """Of the places in the same byte range, those that came since this import looked."""
        check_rivals(place, [rival for rival in rivals if self.seen.get(rival.id) != rival.end])

    def _count(self, counted: Counted) -> None:
        if self.batch is not None:
            count_only(self.batch, counted)
        self.counted.add(counted)


def _counted(folded: FoldedPiece, lines_before: int) -> Counted:
    samples = [{**sample, "line": sample["line"] + lines_before + 1} for sample in folded.samples]
    first, last = folded.seconds or (None, None)
    return Counted(
        folded.lines,
        folded.stored,
        0,
        Counter(folded.rejected),
        samples,
        None if first is None else datetime.fromtimestamp(first, UTC),
        None if last is None else datetime.fromtimestamp(last, UTC),
    )


def check_rivals(place: Place, rivals: list[Place]) -> None:
    """Raise where one of ``rivals`` holds lines of ``place``: the same stream, read by another import just now."""
    own = ledger.stretch(place)
    for rival in rivals:
        if (rival.start, rival.end, rival.end_node) == (place.start, place.end, place.end_node):
            raise AlreadyStored
        theirs = ledger.stretch(rival).nodes()
        inside = {at: node for at, node in own.nodes().items() if at > rival.start and at <= rival.end}
        if any(theirs.get(at) == node for at, node in inside.items()):
            raise Stopped(
                "Another import of the same file is running. What this one stored is kept and counted once; "
                "run it again when the other has ended."
            )


def processes_wanted() -> int:
    """How many processes fold: a process a core, unless a setting says otherwise."""
    return django_settings.IMPORT_PROCESSES or len(os.sched_getaffinity(0))
