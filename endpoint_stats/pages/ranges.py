"""Which range of time a page shows: what the address says, or one that fits the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from endpoint_stats.aggregate.buckets import ceiling, moment_of
from endpoint_stats.query.spec import QueryError, parse_time

PRESETS = (("1 h", 60), ("6 h", 360), ("24 h", 1440), ("7 d", 10_080), ("30 d", 43_200))
FIRST = 10_080  # minutes: the first look shows the last week that has data


@dataclass(frozen=True, slots=True)
class Range:
    start: datetime
    end: datetime
    live: bool  # ends now, so that a reload shows newer data

    @property
    def minutes(self) -> int:
        return int((self.end - self.start).total_seconds()) // 60


@dataclass(frozen=True, slots=True)
class Preset:
    label: str
    query: str
    current: bool


def chosen(given: Mapping[str, str], span: tuple[int, int] | None, now: datetime) -> Range:
    """Raises QueryError for times that cannot be read."""
    if "from" in given or "to" in given:
        end_text = given.get("to") or "now"
        start, end = parse_time(given.get("from") or "-24h", now), parse_time(end_text, now, up=True)
        if start >= end:
            raise QueryError("bad_range", "The end of the range must lie after its start.")
        return Range(start, end, end_text == "now")
    end = _end(span, now)
    length = FIRST
    if span is not None:
        needed = int((end - moment_of(span[0])).total_seconds()) // 60
        length = next((minutes for _, minutes in PRESETS if minutes >= needed), FIRST)
        length = min(length, FIRST)
    return Range(end - timedelta(minutes=length), end, span is None or end > now)


def _end(span: tuple[int, int] | None, now: datetime) -> datetime:
    """The next full hour after the newest hit: now for live data, the log's end for an old one."""
    newest = int(now.timestamp()) // 60 if span is None else span[1]
    return moment_of(ceiling(newest + 1, 60))


def presets(current: Range, span: tuple[int, int] | None, now: datetime, kept: Mapping[str, str]) -> list[Preset]:
    """Ranges that end where the data ends, as addresses that keep the rest of the page's state."""
    end = _end(span, now)
    made = []
    for label, minutes in PRESETS:
        start = end - timedelta(minutes=minutes)
        made.append(_preset(label, start, end, current, kept))
    if span is not None:
        start = moment_of(span[0] - span[0] % 1440)
        if end - start > timedelta(minutes=PRESETS[-1][1]):
            made.append(_preset("All", start, end, current, kept))
    return made


def _preset(label: str, start: datetime, end: datetime, current: Range, kept: Mapping[str, str]) -> Preset:
    times = {"from": _text(start), "to": _text(end)}
    return Preset(label, urlencode({**times, **kept}), (current.start, current.end) == (start, end))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")
