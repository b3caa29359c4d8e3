"""Compaction: journal rows into minute, hour and day rollups. Any number of workers; one project a transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from endpoint_stats.aggregate.buckets import LEVELS as SIZES
from endpoint_stats.aggregate.keyed import fold_hits, holds_hits, unpack_hits
from endpoint_stats.aggregate.table import Table, coarser, combine, empty, negate, take, unpack
from endpoint_stats.models import CALLERS, CONSUMERS, FAMILIES, HITS, TOTALS, StoreState

from . import arrivals, journal, rollups, seen, state
from .arrivals import Arrivals
from .points import reached
from .rebuild import DERIVED, derive, rebuild_within
from .seen import Seen

logger = logging.getLogger(__name__)

# Keys added in one transaction: under 100 ms on SQLite, so that a request can wait for it.
KEYS_A_ROUND = 30_000


@dataclass(slots=True)
class _Round:
    """Journal rows read and added up, outside any transaction."""

    ids: list[UUID]
    span: tuple[int, int] | None  # first and last minute that has hits
    tables: list[tuple[str, str, Table]]  # family, level and what it adds there
    arrivals: Arrivals = field(default_factory=Arrivals)
    seen: list[Seen] = field(default_factory=list)
    takes_away: bool = False
    is_last: bool = False  # nothing else was in the journal


def compact(project_id: int) -> int:
    """Move the whole journal of a project into its rollups. Returns the number of journal rows moved.

    What comes meanwhile is left for the next time: where hits never cease, this would not either.
    """
    moved, is_last = 0, False
    while not is_last:
        prepared = _prepare(project_id)
        if prepared is None:
            break
        done = _commit(project_id, prepared)
        moved, is_last = moved + done, prepared.is_last and done > 0
    return moved


def compact_when_due(project_id: int) -> None:
    """Compact here and now if the journal has grown past its bound, so that nothing depends on a worker."""
    rows, keys = journal.length(project_id)
    if rows > settings.JOURNAL_MAX_ROWS or keys > settings.JOURNAL_MAX_KEYS:
        compact(project_id)


def compact_live(project_id: int) -> None:
    """One round, if the journal has waited for longer than a living worker would let it."""
    if journal.waiting([project_id], timezone.now() - timedelta(seconds=settings.JOURNAL_MAX_SECONDS)):
        compact_round(project_id)


def compact_round(project_id: int) -> int | None:
    """One transaction's worth. None when the journal is empty, 0 when another worker took the same rows."""
    prepared = _prepare(project_id)
    return None if prepared is None else _commit(project_id, prepared)


def _commit(project_id: int, prepared: _Round) -> int:
    with transaction.atomic():
        held = state.lock(project_id)
        if journal.delete(project_id, prepared.ids) != len(prepared.ids):
            transaction.set_rollback(True)
            return 0
        _add(project_id, prepared, held)
        reached("compact.rollups_written")
        _note(held, prepared)
        reached("compact.before_commit")
    reached("compact.after_commit")
    return len(prepared.ids)


def _prepare(project_id: int) -> _Round | None:
    chosen, rows = journal.oldest(project_id, KEYS_A_ROUND)
    if not chosen:
        return None
    while True:
        hits, by_consumer, found = _added(chosen)
        if len(chosen) == 1 or len(hits) + len(by_consumer) <= 2 * KEYS_A_ROUND:
            break
        del chosen[len(chosen) // 2 :]  # what live hits come to is known only now
    span = (int(hits.keys[0].min()), int(hits.keys[0].max())) if len(hits) else None
    takes_away = any(row.sign < 0 for row in chosen)
    return _Round(
        [row.id for row in chosen],
        span,
        _by_level(hits, by_consumer),
        found,
        seen.seen(hits, by_consumer),
        takes_away,
        len(chosen) == rows,
    )


def _added(rows: Sequence[journal.Row]) -> tuple[Table, Table, Arrivals]:
    """What journal rows come to."""
    hits, by_consumer, found = [empty(4)], [empty(3)], Arrivals()
    live = []
    for row_id, sign, payload, receipts in rows:
        if receipts is not None:
            found.add(row_id, receipts)
        if holds_hits(payload):
            live.append(payload)
            continue
        tables = unpack(payload)
        if receipts is not None:
            found.heard(tables[0].keys[0])
        if sign < 0:
            tables = [negate(table) for table in tables]
        hits.append(tables[0])
        by_consumer.append(tables[1])
    by_endpoint, others = fold_hits(unpack_hits(live))
    found.heard(by_endpoint.keys[0])
    return combine(*hits, by_endpoint), combine(*by_consumer, others), found


def _by_level(hits: Table, by_consumer: Table) -> list[tuple[str, str, Table]]:
    totals, callers = derive(TOTALS, hits), derive(CALLERS, by_consumer)
    tables = []
    # Those that are sums of others after them.
    for family, table in ((HITS, hits), (TOTALS, totals), (CONSUMERS, by_consumer), (CALLERS, callers)):
        for level in rollups.LEVELS[family]:
            table = combine(coarser(table, SIZES[level])) if SIZES[level] > 1 else table
            tables.append((family, level, table))
    return tables


def _add(project_id: int, prepared: _Round, held: StoreState) -> None:
    """Each level takes what lies at or above its floor; what is below was pruned and stays pruned."""
    floors = {"minute": held.minute_floor, "hour": held.hour_floor, "day": held.day_floor}
    for family, level, table in prepared.tables:
        kept = take(table, table.keys[0] >= floors[level])
        try:
            rollups.add(project_id, rollups.LEVELS[family][level], kept)
        except rollups.NeverAddedError:
            if family not in DERIVED:
                raise
            # A release that did not know the family has compacted beside this one.
            first, last = int(kept.keys[0].min()), int(kept.keys[0].max())
            logger.warning("%s of project %s are made anew: an old release left them out.", family, project_id)
            rebuild_within(project_id, family, level, first, last + 1)
    arrivals.write(project_id, prepared.arrivals, held.minute_floor)
    seen.widen(project_id, prepared.seen)


def _note(held: StoreState, prepared: _Round) -> None:
    """Raise the revision, and keep the span of time that has hits."""
    spans = [(held.oldest, held.newest)]
    if prepared.takes_away:
        spans = [_span(held.project_id)]
    elif prepared.span is not None:
        spans.append(prepared.span)
    known = [span for span in spans if span[0] is not None]
    held.oldest = min((first for first, _ in known if first is not None), default=None)
    held.newest = max((last for _, last in known if last is not None), default=None)
    held.revision += 1
    if prepared.takes_away and prepared.span is not None:
        first, last = prepared.span
        held.taken_from = first if held.taken_from is None else min(held.taken_from, first)
        held.taken_to = last if held.taken_to is None else max(held.taken_to, last)
    if held.taken_from is not None and prepared.is_last:
        seen.look_again(held)
        held.taken_from = held.taken_to = None
    held.save()


def _span(project_id: int) -> tuple[int | None, int | None]:
    """First and last minute that any level holds, as finely as it is known."""
    spans = [
        model._default_manager.filter(project_id=project_id).aggregate(first=Min("time"), last=Max("time"))
        for model in reversed(FAMILIES[HITS].levels.values())
    ]
    firsts = [span["first"] for span in spans if span["first"] is not None]
    lasts = [span["last"] for span in spans if span["last"] is not None]
    # Days reach back furthest; minutes say best how far the data goes.
    return (firsts[-1] if len(firsts) == len(spans) and firsts[-1] - firsts[0] < 1440 else min(firsts, default=None)), (
        max(lasts, default=None)
    )
