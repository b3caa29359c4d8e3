"""Retention: what is too old leaves, level by level. A level's floor only rises, in prune's own transaction."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from endpoint_stats.aggregate.buckets import LEVELS as SIZES
from endpoint_stats.aggregate.buckets import floor
from endpoint_stats.models import Folded, ProjectSettings, Receipt, Sample, StoreState, Stream

from . import rollups, state
from .points import reached
from .rollback import KEPT_DAYS

ROWS_A_ROUND = 20_000
MAX_SAMPLES = 200_000  # of a project
STREAMS_KEPT = timedelta(days=30)  # since a cumulative series was last seen


def wanted_floors(settings: ProjectSettings, newest: int) -> dict[str, int]:
    """First minute that each level keeps, counted back from the newest hit so that an old log keeps its detail."""
    days = {"minute": settings.minute_days, "hour": settings.hour_days, "day": settings.day_days}
    return {
        level: 0 if kept is None else max(floor(newest - kept * 1440, SIZES[level]), 0) for level, kept in days.items()
    }


def prune(project_id: int, now: datetime) -> int:
    """Delete what lies below the floors, in short transactions. Returns the number of rows deleted."""
    settings = ProjectSettings.objects.get_or_create(project_id=project_id)[0]
    deleted = 0
    for name in SIZES:
        floor_minute = _raise_floor(project_id, settings, name)
        tables = [levels[name] for levels in rollups.LEVELS.values() if name in levels]
        for level in tables:
            deleted += _delete_below(project_id, level, floor_minute)
    deleted += _prune_arrivals(settings, now)
    old = Folded.objects.filter(project_id=project_id, created__lt=now - timedelta(days=KEPT_DAYS))
    deleted += old.delete()[0]
    return deleted


def _prune_arrivals(settings: ProjectSettings, now: datetime) -> int:
    """Receipts and streams whose time is over; samples that are too old, or more than a project may have."""
    project_id = settings.project_id
    deleted = Receipt.objects.filter(project_id=project_id, expires__lt=now).delete()[0]
    streams = Stream.objects.filter(project_id=project_id)
    forgotten = streams.filter(seen__lt=now - STREAMS_KEPT).delete()[0]
    if forgotten:
        # Who writes is forgotten with any of its streams, or what that stream had counted would count again.
        forgotten += streams.filter(state=b"").delete()[0]
    deleted += forgotten
    samples = Sample.objects.filter(project_id=project_id)
    oldest = int(now.timestamp()) // 60 - settings.sample_days * 1440
    newest_first = samples.order_by("-time", "-endpoint", "-id").values_list("time", flat=True)
    beyond = newest_first[MAX_SAMPLES : MAX_SAMPLES + 1].first()
    return deleted + samples.filter(time__lt=max(oldest, -1 if beyond is None else beyond + 1)).delete()[0]


def _raise_floor(project_id: int, settings: ProjectSettings, level: str) -> int:
    with transaction.atomic():
        held: StoreState = state.lock(project_id)
        current: int = getattr(held, f"{level}_floor")
        if held.newest is None:
            return current
        wanted = wanted_floors(settings, held.newest)[level]
        if wanted > current:
            setattr(held, f"{level}_floor", wanted)
            held.revision += 1
            held.save()
            reached("prune.floor_raised")
        return max(wanted, current)


def _delete_below(project_id: int, level: rollups.Level, floor_minute: int) -> int:
    """No reader looks below a floor, so the rows may leave in as many transactions as it takes."""
    keys = ", ".join(level.keys)
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            state.lock(project_id)
            cursor.execute(
                f"SELECT time FROM {level.table} WHERE project_id = %s AND time < %s ORDER BY {keys} LIMIT 1 OFFSET %s",
                [project_id, floor_minute, ROWS_A_ROUND],
            )
            last = cursor.fetchone()
            until = last[0] + 1 if last else floor_minute
            cursor.execute(
                f"DELETE FROM {level.table} WHERE project_id = %s AND time < %s", [project_id, min(until, floor_minute)]
            )
            deleted += cursor.rowcount
            reached("prune.before_commit")
        reached("prune.after_commit")
        if last is None or until >= floor_minute:
            return deleted
