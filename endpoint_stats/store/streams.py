"""Points of OpenTelemetry metrics: what they add depends on where their streams stood, so that the streams are locked
and moved on in the transaction that counts."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from endpoint_stats.models import Stream

from .live import Acknowledged, Added, Points, Sent, Verdict, entry_of, identify, insert_names, write
from .names import ProjectNames, Resolved
from .points import reached

UNSEEN = b"?"  # the state of a stream between its insertion and its first count
CHUNK = 500


def append_points(project_id: int, sent: Sent, points: Points, names: ProjectNames, now: datetime) -> Acknowledged:
    """Commit what is new of one request of metrics."""
    added = Added.of(names.resolve(points.fold({})[0]))  # its names are found before the transaction begins
    with transaction.atomic():
        reached("live.begun")
        (found,) = identify(project_id, [sent], now)
        reached("live.identity_written")
        if found.verdict is Verdict.STORED:
            delta, states = points.fold(_locked(project_id, points.wanted(), now))
            added = Added.of(names.resolve(delta))
            insert_names(added.new)
            _move_on(project_id, states, now)
        entry = entry_of(sent, found)
        if entry is not None:
            write(project_id, added if found.verdict is Verdict.STORED else Added.of(Resolved.empty()), [entry])
        reached("live.before_commit")
    reached("live.after_commit")
    if found.verdict is Verdict.STORED:
        names.remember(added.new)
    return found


def _locked(project_id: int, ids: set[UUID], now: datetime) -> dict[UUID, bytes | None]:
    """States by id, None for what was never seen; all of them held until the transaction ends, in one order."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        Stream.objects.bulk_create(
            [Stream(project_id=project_id, id=id, state=UNSEEN, seen=now) for id in ordered[start : start + CHUNK]],
            ignore_conflicts=True,
        )
    found: dict[UUID, bytes | None] = {}
    for start in range(0, len(ordered), CHUNK):
        rows = Stream.objects.filter(project_id=project_id, id__in=ordered[start : start + CHUNK]).order_by("id")
        if connection.features.has_select_for_update:
            rows = rows.select_for_update()
        for id, state in rows.values_list("id", "state"):
            found[id] = None if bytes(state) == UNSEEN else bytes(state)
    return found


def _move_on(project_id: int, states: Mapping[UUID, bytes], now: datetime) -> None:
    rows = [Stream(project_id=project_id, id=id, state=state, seen=now) for id, state in sorted(states.items())]
    for start in range(0, len(rows), CHUNK):
        Stream.objects.bulk_create(
            rows[start : start + CHUNK],
            update_conflicts=True,
            unique_fields=["project_id", "id"],
            update_fields=["state", "seen"],
        )
