"""Counts by key and bucket of time."""

from typing import NamedTuple

from django.db import models

from endpoint_stats.aggregate.table import CALLER_KEYS, CONSUMER_KEYS, HIT_KEYS, TOTAL_KEYS

from .common import project_field


class Sums(models.Model):
    """What every rollup row counts. ``words`` holds statuses and sketches (aggregate/words.py)."""

    requests = models.BigIntegerField()
    client_errors = models.BigIntegerField()
    errors = models.BigIntegerField()
    timed = models.BigIntegerField(help_text="Requests with a duration.")
    duration_us = models.BigIntegerField()
    request_bytes = models.BigIntegerField()
    response_bytes = models.BigIntegerField()
    error_extra = models.SmallIntegerField(help_text="Relative error beyond the sketch's own, in 1/10,000.")
    words = models.BinaryField()

    class Meta:
        abstract = True


class Rollup(Sums):
    pk = models.CompositePrimaryKey("project_id", "time", "endpoint", "release", "traffic")
    project = project_field()
    time = models.IntegerField()
    endpoint = models.BigIntegerField()
    release = models.BigIntegerField()
    traffic = models.SmallIntegerField()

    class Meta:
        abstract = True


class RollupMinute(Rollup):
    pass


class RollupHour(Rollup):
    pass


class RollupDay(Rollup):
    pass


class TotalRollup(Sums):
    """All endpoints together: what charts of a whole project read, however many endpoints it has."""

    pk = models.CompositePrimaryKey("project_id", "time", "release", "traffic")
    project = project_field()
    time = models.IntegerField()
    release = models.BigIntegerField()
    traffic = models.SmallIntegerField()

    class Meta:
        abstract = True


class TotalMinute(TotalRollup):
    pass


class TotalHour(TotalRollup):
    pass


class TotalDay(TotalRollup):
    pass


class ConsumerRollup(Sums):
    pk = models.CompositePrimaryKey("project_id", "time", "consumer", "endpoint")
    project = project_field()
    time = models.IntegerField()
    consumer = models.BigIntegerField()
    endpoint = models.BigIntegerField()

    class Meta:
        abstract = True


class ConsumerHour(ConsumerRollup):
    pass


class ConsumerDay(ConsumerRollup):
    pass


class CallerRollup(Sums):
    """All endpoints of a consumer together: who calls, without reading what each of them does."""

    pk = models.CompositePrimaryKey("project_id", "time", "consumer")
    project = project_field()
    time = models.IntegerField()
    consumer = models.BigIntegerField()

    class Meta:
        abstract = True


class CallerHour(CallerRollup):
    pass


class CallerDay(CallerRollup):
    pass


class Family(NamedTuple):
    """Rollups of one kind: their key columns after the project, and their tables by level, finest first."""

    keys: tuple[str, ...]
    levels: dict[str, type[models.Model]]


HITS, TOTALS, CONSUMERS, CALLERS = "hits", "totals", "consumers", "callers"


# By endpoint, of all endpoints together, by consumer, of all endpoints of a consumer together: the one place that says
# which table is of which kind.
FAMILIES = {
    HITS: Family(HIT_KEYS, {"minute": RollupMinute, "hour": RollupHour, "day": RollupDay}),
    TOTALS: Family(TOTAL_KEYS, {"minute": TotalMinute, "hour": TotalHour, "day": TotalDay}),
    CONSUMERS: Family(CONSUMER_KEYS, {"hour": ConsumerHour, "day": ConsumerDay}),
    CALLERS: Family(CALLER_KEYS, {"hour": CallerHour, "day": CallerDay}),
}
