"""Buckets of time. A bucket is known by its first minute, counted from 1970-01-01 UTC, at every level."""

from datetime import UTC, datetime, timedelta

LEVELS = {"minute": 1, "hour": 60, "day": 1440}  # minutes a bucket, finest first
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minute_of(moment: datetime) -> int:
    """The minute that ``moment`` (aware) lies in."""
    return (moment - EPOCH) // timedelta(minutes=1)


def moment_of(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)


def floor(minute: int, size: int) -> int:
    return minute - minute % size


def ceiling(minute: int, size: int) -> int:
    return -(-minute // size) * size
