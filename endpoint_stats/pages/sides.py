"""The two sides of a comparison, as the address names them: two ranges, two versions or two consumers."""

from dataclasses import dataclass
from datetime import datetime

from endpoint_stats.aggregate.buckets import ceiling, floor, minute_of, moment_of
from endpoint_stats.query.seen import Name, Seen, label, seen
from endpoint_stats.query.spec import Filters, Query, QueryError, parse_time

from .address import Address
from .frame import Frame

BY = {"range": "Two ranges", "release": "Two versions", "consumer": "Two consumers"}
BEFORE = {"previous": "the range before", "day": "the day before", "week": "the week before"}
OFFERED = 200  # names in a form


@dataclass(frozen=True, slots=True)
class Side:
    """``[start, end)`` with filters, and what the page calls it."""

    label: str
    start: datetime
    end: datetime
    filters: Filters


def by_of(address: Address) -> str:
    """What is compared. Raises QueryError for what cannot be."""
    by = address.get("by") or "range"
    if by not in BY:
        raise QueryError("unknown_group", f"What can be compared: {', '.join(BY)}. {by[:40]!r} cannot.")
    return by


def ranges(frame: Frame) -> tuple[Side, Side]:
    """Raises QueryError for times that cannot be read."""
    address, shown, zone = frame.address, frame.shown, frame.project.time_zone
    after = Side("this range", shown.start, shown.end, address.filters)
    if address.get("a_from"):
        start = parse_time(address.get("a_from"), frame.now, zone=zone)
        end = parse_time(address.get("a_to") or "now", frame.now, up=True, zone=zone)
        if start >= end:
            raise QueryError("bad_range", "The end of the first range must lie after its start.")
        start, end = moment_of(floor(minute_of(start), frame.finest)), moment_of(ceiling(minute_of(end), frame.finest))
        return Side("the other range", start, end, address.filters), after
    name = address.get("a") or "previous"
    if name not in BEFORE:
        raise QueryError("unknown_compare", f"A range is compared with: {', '.join(BEFORE)}, or a_from and a_to.")
    before = Query(frame.project.pk, shown.start, shown.end, ("requests",), compare=name, zone=zone).previous()
    return Side(BEFORE[name], before.start, before.end, address.filters), after


def names(frame: Frame, by: str) -> tuple[list[str], tuple[Side, Side] | None]:
    """What can be chosen, the newest first, and the two that are; None where there are no two. Raises QueryError for a
    name that there is not."""
    known = seen(frame.project.pk, by)
    ordered = _in_order(known, frame, by)
    chosen = [frame.address.get(side) for side in ("a", "b")]
    by_label = {label(name): name for name in ordered}
    for wanted in filter(None, chosen):
        if wanted not in by_label:
            raise QueryError("unknown_value", f"{wanted[:80]!r} was never seen. Choose one of those offered.")
    if not any(chosen):
        chosen = _first_two(ordered, known, by)
    offered = list(by_label)[:OFFERED]
    if not all(chosen):
        return offered, None
    first, second = (_side(by_label[one], frame, by) for one in chosen)
    return offered, (first, second)


def _in_order(known: dict[Name, Seen], frame: Frame, by: str) -> list[Name]:
    """Those that were seen in the range first; of them the newest."""
    shown = frame.shown

    def key(name: Name) -> tuple[bool, float, Name]:
        one = known[name]
        inside = one.first < shown.end and one.last >= shown.start
        newest = one.first if by == "release" else one.last
        return not inside, -newest.timestamp(), name

    return sorted(known, key=key)


def _first_two(ordered: list[Name], known: dict[Name, Seen], by: str) -> list[str]:
    """The newest version and the one of its service before it; of consumers the two that were seen last."""
    if by == "release" and ordered:
        newest = ordered[0]
        older = [name for name in ordered[1:] if name[0] == newest[0] and known[name].first <= known[newest].first]
        return [label(older[0]), label(newest)] if older else ["", ""]
    return [label(name) for name in ordered[1::-1]] if len(ordered) > 1 else ["", ""]


def _side(name: Name, frame: Frame, by: str) -> Side:
    filtered = frame.address.filtered(by, name[-1])
    if len(name) > 1 and name[0]:
        filtered = filtered.filtered("service", name[0])
    return Side(label(name), frame.shown.start, frame.shown.end, filtered.filters)
