"""When a maintenance window opens: days of the week and a time as cron, and cron as people may write it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter
from django.core.exceptions import ValidationError

# By cron's numbers; a week begins on Monday.
DAYS = (("1", "Monday"), ("2", "Tuesday"), ("3", "Wednesday"), ("4", "Thursday"), ("5", "Friday"), ("6", "Saturday"),
        ("0", "Sunday"))  # fmt: skip
_ITEM = r"(?:\*|\d{1,2}|[a-z]{3})(?:-(?:\d{1,2}|[a-z]{3}))?(?:/\d{1,2})?"
_FIELD = re.compile(rf"{_ITEM}(?:,{_ITEM})*", re.IGNORECASE)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_WEEKLY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* ([0-6](?:,[0-6])*|\*)")


def weekly(days: Sequence[str], at: str) -> str:
    """Cron of some days of the week at HH:MM. Raises ValidationError."""
    found = _TIME.fullmatch(at.strip())
    if found is None:
        raise ValidationError("Say when it begins, as 04:30.")
    chosen = [number for number, _ in DAYS if number in days]
    if not chosen:
        raise ValidationError("Choose a day of the week at least, or write a schedule.")
    return f"{int(found[2])} {int(found[1])} * * {'*' if len(chosen) == len(DAYS) else ','.join(chosen)}"


def checked(schedule: str, zone: str, now: datetime) -> str:
    """Five fields, without what only some programs know (seconds, @daily, L, #). Raises ValidationError for what never
    comes."""
    fields = schedule.split()
    text = " ".join(fields)
    if len(text) > 100 or len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        raise ValidationError("A schedule is five fields: minute hour day month weekday, such as 30 4 * * 0.")
    try:
        coming(text, zone, now)
        # The dispatcher looks back: what came once only is found too.
        back = croniter(text, now.astimezone(ZoneInfo(zone)))
        for _ in range(2):
            back.get_prev(datetime)
    except (CroniterError, ValueError) as error:
        raise ValidationError(f"The schedule “{text}” never comes: {error}. Change it.") from error
    return text


def coming(schedule: str, zone: str, now: datetime, count: int = 3) -> list[datetime]:
    """The next times, in UTC. Raises CroniterError for none."""
    times = croniter(schedule, now.astimezone(ZoneInfo(zone)))
    return [times.get_next(datetime).astimezone(UTC) for _ in range(count)]


def words(schedule: str) -> str:
    """``30 4 * * 0,6`` as "Saturday, Sunday at 04:30"; other schedules as they are."""
    found = _WEEKLY.fullmatch(schedule)
    if found is None:
        return schedule
    numbers = found[3].split(",")
    days = ", ".join(name for number, name in DAYS if number in numbers) or "every day"
    return f"{days} at {int(found[2]):02}:{int(found[1]):02}"
