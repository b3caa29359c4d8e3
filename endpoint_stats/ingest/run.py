"""``import_path``: one file from its name to its line in the ledger, whatever happens in between."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from django.db import DatabaseError
from django.db.models import QuerySet

from accounts.models import Project
from endpoint_stats.models import Batch
from endpoint_stats.store.append import Counted, Stopped

from . import ledger
from .follow import first_lines, follow
from .importer import Importer, Progress, processes_wanted
from .sources.base import Source
from .sources.known import recognise, resolve
from .streams import PIECE, FileStream, Stream, StreamError, open_stream


@dataclass(frozen=True, slots=True)
class Options:
    """How to import. ``now`` decides what lies too far ahead; ``processes`` 0 means a process a core; ``name`` is what
    the ledger calls it in the place of its path; ``max_bytes``: most that may come out of a compressed file (0: any
    number)."""

    now: datetime
    service: str = ""
    format: str = "auto"
    consumer_field: str = ""
    dry_run: bool = False
    follow: bool = False
    processes: int = 0
    name: str = ""
    max_bytes: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of one file; ``error`` says why it was not imported to its end."""

    file: str
    format: str = ""
    read: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    samples: list[dict[str, object]] = field(default_factory=list)
    endpoints: int = 0
    seconds: float = 0.0
    batch: UUID | None = None
    overlaps: list[Batch] = field(default_factory=list)
    also_live: str = ""
    error: str = ""
    note: str = ""

    def contract(self) -> dict[str, object]:
        """The object that ``import_log --json`` prints."""
        names = ("file", "format", "read", "stored", "duplicate", "rejected", "endpoints")
        batch = str(self.batch) if self.batch else None
        return {name: getattr(self, name) for name in names} | {"seconds": round(self.seconds, 3), "batch": batch}


def _ignore(*_: object) -> None:
    pass


def choose_source(head: bytes, options: Options, name: str) -> Source:
    """The source that the options name, or the one that fits the first lines. Raises StreamError."""
    if b"\0" in head[:8192]:
        raise StreamError(f"{name} is binary, not a log. Give it the text, or a gzip, zstd or bzip2 file of it.")
    try:
        if options.format != "auto":
            return resolve(options.format, options.consumer_field)
        lines = head.split(b"\n")
        if len(lines) > 1:
            lines.pop()  # perhaps cut off
        source = recognise(lines)[0]
        return resolve(source.name, options.consumer_field) if options.consumer_field else source
    except ValueError as error:
        raise StreamError(f"{name}: {error}") from error


def import_path(
    project: Project,
    path: str,
    options: Options,
    stdin: BinaryIO,
    *,
    progress: Progress = _ignore,
    recognised: Callable[[str], None] = _ignore,
    begun: Callable[[UUID | None], None] = _ignore,
) -> Outcome:
    """Import one file. Errors of the input or the database come back in ``Outcome.error``; KeyboardInterrupt
    is raised again after the ledger was closed, and so is what ends a task. What was committed before stays, counted
    once. ``begun`` is told the id of the ledger's line, before anything is stored."""
    name = options.name or path
    outcome = Outcome(name)
    started = time.monotonic()
    stream: FileStream | Stream | None = None
    importer: Importer | None = None
    try:
        stream = _followed(path) if options.follow else open_stream(path, stdin, options.name, options.max_bytes)
        head = stream.head()
        if not head:
            outcome.note = "empty: there is nothing to import"
            return outcome
        source = choose_source(head, options, name)
        outcome.format = source.name
        recognised(source.name)
        importer = Importer(project, stream, source, options.service, now=options.now, store=not options.dry_run)
        importer.begin(name, source.name)
        begun(importer.batch.id if importer.batch else None)
        if isinstance(stream, FileStream) and options.follow:
            follow(importer, stream, path, progress)
        else:
            importer.run(options.processes or processes_wanted(), progress)
        _nothing_stored(importer, outcome)
    except (StreamError, Stopped, OSError) as error:
        outcome.error = str(error)
    except BrokenProcessPool:
        outcome.error = "A process that parses was killed, perhaps for want of memory. Import again with --processes 1."
    except DatabaseError as error:
        outcome.error = (
            f"The database refused: {' '.join(str(error).split())}. What was stored before is kept; import again."
        )
    except Exception as error:
        outcome.error = f"Stopped by a defect ({error!r}). What was stored is kept."
        raise
    except KeyboardInterrupt:
        outcome.error = "Stopped by Ctrl-C. What was stored is kept; import it again to go on."
        raise
    except SystemExit:  # a task that took longer than it may
        outcome.error = "Stopped. What was stored is kept; import it again to go on."
        raise
    finally:
        if stream is not None:
            stream.close()
        _close(importer, outcome)
        outcome.seconds = time.monotonic() - started
    return outcome


def _followed(path: str) -> FileStream:
    """A plain file to follow. Raises StreamError for everything else."""
    stream = open_stream(path, sys.stdin.buffer)
    stream.close()
    if not isinstance(stream, FileStream):
        raise StreamError(f"{path} is not a plain file; only those can be followed.")
    return first_lines(path)


def _nothing_stored(importer: Importer, outcome: Outcome) -> None:
    counted = importer.counted
    if counted.read and not counted.stored and not counted.duplicate:
        outcome.error = (
            f"None of {counted.read:,} lines could be stored: they do not have the format {outcome.format!r}. "
            "Name the right one with --format; manage.py import_log --help lists them."
        )


def _close(importer: Importer | None, outcome: Outcome) -> None:
    if importer is None:
        return
    counted: Counted = importer.counted
    outcome.read, outcome.stored, outcome.duplicate = counted.read, counted.stored, counted.duplicate
    outcome.rejected, outcome.samples = dict(sorted(Counter(counted.rejected).items())), counted.samples
    outcome.endpoints = len(importer.endpoints)
    if importer.batch is None:
        return
    outcome.batch = importer.batch.id
    try:
        ledger.end(importer.batch, failed=outcome.error)
        outcome.overlaps = ledger.overlapping(importer.batch)
        outcome.also_live = ledger.also_live(importer.batch)
    except DatabaseError as error:
        # The batch stays "running" without a heartbeat, which the ledger shows as ended.
        outcome.error = outcome.error or f"The database went away at the end: {error}"


def batches(project: Project) -> QuerySet[Batch]:
    """The ledger of a project, newest first."""
    return Batch.objects.filter(project=project).order_by("-started")


__all__ = ["PIECE", "Options", "Outcome", "batches", "choose_source", "import_path"]
