"""Which range of time a page shows, what the address says of it, and how finely it is cut."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from endpoint_stats.aggregate.buckets import ceiling, floor, minute_of, moment_of
from endpoint_stats.query.render import number
from endpoint_stats.query.spec import QueryError, parse_time

if TYPE_CHECKING:
    from .address import Address

PRESETS = (("1 h", 60), ("6 h", 360), ("24 h", 1440), ("7 d", 10_080), ("30 d", 43_200))
FIRST = 10_080  # minutes: the first look shows the last week that has data
# A range of so many minutes at most is cut into buckets of so many: of charts, and of a row's trend.
CHARTS = ((180, 1), (720, 5), (2160, 15), (10_080, 60), (43_200, 360), (600_000, 1440))
TRENDS = ((60, 5), (360, 15), (2160, 60), (10_080, 360), (43_200, 1440))
COARSEST = 10_080


@dataclass(frozen=True, slots=True)
class Range:
    start: datetime
    end: datetime
    live: bool  # ends now, so that a reload shows newer data

    @property
    def minutes(self) -> int:
        return int((self.end - self.start).total_seconds()) // 60

    def intervals(self, steps: tuple[tuple[int, int], ...]) -> list[int]:
        """Minutes a bucket: the one that fits the range, then coarser ones for when it is no longer kept."""
        fitting = [minutes for reach, minutes in steps if reach >= self.minutes]
        return [*fitting, COARSEST]

    @property
    def plural(self) -> bool:
        return self.length().endswith("s")

    def length(self) -> str:
        """``7 days``, for "against the 7 days before"."""
        # "-24h" to now is a day, though it ends with the minute that has begun.
        whole = self.minutes - (self.live and self.minutes % 60 == 1)
        for minutes, word in ((1440, "day"), (60, "hour"), (1, "minute")):
            if whole % minutes == 0 and whole >= minutes:
                count = whole // minutes
                return word if count == 1 else f"{number(count)} {word}s"
        raise AssertionError("every range is whole minutes")


@dataclass(frozen=True, slots=True)
class Preset:
    label: str
    query: str
    current: bool


def chosen(given: Mapping[str, str], span: tuple[int, int] | None, now: datetime, zone: str, finest: int = 1) -> Range:
    """Raises QueryError for times that cannot be read. Times without a zone, as forms send them, are the project's.
    ``finest``: whole buckets of so many minutes, widened where they are not."""
    if "from" in given or "to" in given:
        end_text = given.get("to") or "now"
        start = parse_time(given.get("from") or "-24h", now, zone=zone)
        end = parse_time(end_text, now, up=True, zone=zone)
        if start >= end:
            raise QueryError("bad_range", "The end of the range must lie after its start.")
        start, end = moment_of(floor(minute_of(start), finest)), moment_of(ceiling(minute_of(end), finest))
        return Range(start, end, end_text == "now")
    end = last(span, now)
    length = FIRST
    if span is not None:
        needed = int((end - moment_of(span[0])).total_seconds()) // 60
        length = next((minutes for _, minutes in PRESETS if minutes >= needed), FIRST)
        length = min(length, FIRST)
    return Range(end - timedelta(minutes=length), end, span is None or end > now)


def within(shown: Range, span: tuple[int, int] | None, now: datetime, days: int) -> Range:
    """As much of the range as lies in the last ``days`` of the data, or in what is still to come today. Raises
    QueryError where none of it does."""
    until = last(span, now)
    start, end = max(shown.start, until - timedelta(days=days)), min(shown.end, max(until, last(None, now)))
    if start >= end:
        raise QueryError("bad_range", f"This shows {last_days(days)}, and nothing before.")
    return Range(start, end, shown.live)


def last_days(days: int) -> str:
    return "the last day" if days == 1 else f"the last {days} days"


def last(span: tuple[int, int] | None, now: datetime) -> datetime:
    """The next full hour after the newest hit: now for live data, the log's end for an old one."""
    newest = int(now.timestamp()) // 60 if span is None else span[1]
    return moment_of(ceiling(newest + 1, 60))


def presets(
    current: Range, span: tuple[int, int] | None, now: datetime, address: "Address", days: int = 0
) -> list[Preset]:
    """Ranges that end where the data ends, as addresses that keep the rest of the page's state. ``days``: how far back
    they may go, with one that goes as far; 0 where nothing limits it."""
    end = last(span, now)
    made = []
    steps = dict(PRESETS)
    if days:
        steps = {label: minutes for label, minutes in PRESETS if minutes < days * 1440} | {f"{days} d": days * 1440}
    for label, minutes in steps.items():
        start = end - timedelta(minutes=minutes)
        made.append(_preset(label, start, end, current, address))
    if span is not None and not days:
        start = moment_of(span[0] - span[0] % 1440)
        if end - start > timedelta(minutes=PRESETS[-1][1]):
            made.append(_preset("All", start, end, current, address))
    return made


def _preset(label: str, start: datetime, end: datetime, current: Range, address: "Address") -> Preset:
    query = address.query(from_=text(start), to=text(end))
    return Preset(label, query, (current.start, current.end) == (start, end))


def text(moment: datetime) -> str:
    """A time as addresses have it."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def form_value(moment: datetime, zone: str) -> str:
    """A time as an ``<input type="datetime-local">`` holds it."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")
