"""``run(query, now)``: the one way in which anything reads numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings

from endpoint_stats.aggregate.buckets import minute_of

from . import sql
from .answer import Answer, Result
from .coverage import Spans, runs, spans
from .journal import Waiting, waiting
from .names import NameTable
from .spec import Query

__all__ = ["Reading", "Result", "reading", "run"]


def run(query: Query, now: datetime) -> Result:
    """Answer ``query``. Raises QueryError (a 422 with its reason) where it cannot be answered exactly."""
    with reading(query.project_id) as open_reading:
        return open_reading.run([query], now)[0]


@contextmanager
def reading(project_id: int) -> Iterator["Reading"]:
    """One snapshot of a project, for all that a page shows: its numbers agree with each other."""
    with sql.snapshot(settings.QUERY_SECONDS):
        yield Reading(project_id)


class Reading:
    """Answers questions about one project from one state of the database."""

    def __init__(self, project_id: int) -> None:
        self.project_id = project_id
        self.names = NameTable(lambda kinds: sql.read(project_id, [], kinds).names)
        self.waiting: Waiting = waiting(project_id)
        self.spans: Spans = []

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last minute with hits, for a first range that fits the data."""
        available = self.waiting.available
        if available.oldest is None or available.newest is None:
            return None
        return available.oldest, available.newest

    def run(self, queries: Sequence[Query], now: datetime) -> list[Result]:
        """The results in the order of the questions, read in one go. ``spans`` is then what was observed of the
        time from the first start to the last end. Raises QueryError as ``run`` does, for all of them."""
        if any(query.project_id != self.project_id for query in queries):
            raise ValueError("A reading is of one project.")
        answers = [Answer(query, self.waiting, self.names) for query in queries]
        ranges = [answer.span() for answer in answers]
        span = minute_of(min(first for first, _ in ranges)), minute_of(max(last for _, last in ranges))
        kinds = sorted(set().union(*(answer.lacking() for answer in answers)))
        found = sql.read(self.project_id, [read for answer in answers for read in answer.reads()], kinds, span)
        self.names.add(found.names)
        self.spans = spans([*found.imports, *runs(found.heard), *self.waiting.heard], *span)
        rows = iter(found.rows)
        return [answer.result(rows, now, self.spans) for answer in answers]
