"""How things are right now, in one sentence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from endpoint_stats.aggregate.buckets import moment_of
from endpoint_stats.query.render import cell, isolated, number

from .numbers import BEFORE, RECENT, Numbers

FEW_ERRORS = 5  # fewer are a failure only where they are most of an endpoint's requests
MOST = 0.5
NOTABLE = 0.01  # a smaller share of server errors is no failure, however many they are
EXPECTED = 20  # requests that should have come by now: by chance none come once in e^20 times
DROP = 0.5  # of as many as before


@dataclass(frozen=True, slots=True)
class Sentence:
    """``substance`` is the same for sentences that only differ in their numbers: who listens is not told again.
    ``empty``: there is nothing of the last half an hour to show."""

    text: str
    substance: str
    failing: bool = False
    empty: bool = False


def sentence(numbers: Numbers, *, people_only: bool) -> Sentence:
    """``people_only``: bots and health checks are left out."""
    if not any(numbers.by_minute):
        return _nothing(numbers, people_only)
    found = _failing(numbers) or _stopped(numbers) or _slow(numbers) or _few(numbers)
    return found or _quiet(numbers)


def _nothing(numbers: Numbers, people_only: bool) -> Sentence:
    if numbers.newest is None:
        return Sentence("Nothing ever came in.", "never", empty=True)
    if people_only and numbers.newest >= numbers.window.start:
        return Sentence("Only bots and health checks came in during the last 30 minutes.", "bots", empty=True)
    when = _local(numbers, numbers.newest).strftime("%d %b %Y at %H:%M")
    last = "The last request of any kind" if people_only else "The last request"
    return Sentence(f"Nothing came in during the last 30 minutes. {last} was on {when}.", "nothing", empty=True)


def _failing(numbers: Numbers) -> Sentence | None:
    """The first row has most errors, but a small share of very many is no failure where another fails altogether."""
    rows = [row for row in numbers.endpoints if _fails(row)]
    if not rows:
        return None
    worst = rows[0]
    name = name_of(numbers, worst)
    others = f", and {len(rows) - 1} more endpoint{'s' if len(rows) > 2 else ''} fail{'s' if len(rows) == 2 else ''}"
    return Sentence(
        f"{name} fails: {number(worst['errors'])} of {number(worst['requests'])} in the last {RECENT} minutes,"
        f" {_before(worst['before'])}{others if len(rows) > 1 else ''}.",
        f"failing {worst['endpoint_id']}",
        failing=True,
    )


def _fails(row: dict[str, Any]) -> bool:
    share = row["error_rate"] or 0
    return (row["errors"] >= FEW_ERRORS and share >= NOTABLE) or (row["errors"] >= 2 and share >= MOST)


def _before(row: dict[str, Any] | None) -> str:
    if row is None:
        return f"not called in the {BEFORE} before"
    return f"{number(row['errors']) if row['errors'] else 'none'} of {number(row['requests'])} in the {BEFORE} before"


def _stopped(numbers: Numbers) -> Sentence | None:
    """Nothing for longer than what came before lets expect. A minute or two may still be on their way: sources send by
    the batch."""
    by_minute = numbers.by_minute
    last = max(at for at, requests in enumerate(by_minute) if requests)
    silent = len(by_minute) - 2 - last  # full minutes without any since
    text = f"Nothing came in since {_local(numbers, numbers.window.start + last):%H:%M}"
    if silent >= RECENT:
        return Sentence(f"{text}.", f"since {numbers.window.start + last}")
    usual = sum(by_minute[:last]) / max(last, 1)
    if silent < 2 or silent * usual < EXPECTED:
        return None
    return Sentence(f"{text}; before it was {number(round(usual))} a minute.", f"since {numbers.window.start + last}")


def _slow(numbers: Numbers) -> Sentence | None:
    slow = [row for row in numbers.endpoints if row["slower"]]
    if not slow:
        return None
    worst = max(slow, key=lambda row: row["slower"])
    return Sentence(
        f"{name_of(numbers, worst)} is slow: p95 {cell('p95', worst['p95'])} in the last {RECENT} minutes,"
        f" {cell('p95', worst['before']['p95'])} in the {BEFORE} before.",
        f"slow {worst['endpoint_id']}",
    )


def _few(numbers: Numbers) -> Sentence | None:
    """Full minutes against full minutes: the one that has begun would make it look less than it is."""
    by_minute = numbers.by_minute
    now, before = sum(by_minute[BEFORE : BEFORE + RECENT]), sum(by_minute[:BEFORE]) * RECENT / BEFORE
    if before < EXPECTED or now >= DROP * before:
        return None
    return Sentence(
        f"Fewer than before: {number(now)} requests in {RECENT} minutes, where it was {number(round(before))}.", "few"
    )


def _quiet(numbers: Numbers) -> Sentence:
    counted = numbers.totals.totals
    requests, errors = counted["requests"], counted["errors"]
    came = f"{number(requests)} request{'' if requests == 1 else 's'} in the last {RECENT} minutes"
    if errors:
        return Sentence(f"{came}, {number(errors)} of them failed.", "some errors")
    return Sentence(f"All quiet: {came}, none failed.", "quiet")


def name_of(numbers: Numbers, row: dict[str, Any]) -> str:
    """With its service, where there are several."""
    name = isolated(row["endpoint"])
    return f"{isolated(row['service'])}’s {name}" if numbers.several_services and row["service"] else name


def _local(numbers: Numbers, minute: int) -> datetime:
    return moment_of(minute).astimezone(ZoneInfo(numbers.project.time_zone))
