"""Days of the week and a time as cron, against a calendar that is counted day by day."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from alerts.dispatch.suppress import ends
from alerts.models import Maintenance
from alerts.services.schedules import DAYS, checked, coming, weekly, words

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)  # a Wednesday
# Python counts from Monday, cron from Sunday.
WEEKDAY = {number: place for place, (number, _) in enumerate(DAYS)}


def counted(days, at, zone, now, count):
    """Every minute that a calendar has, one day after another."""
    found, day = [], now.astimezone(zone).date()
    while len(found) < count:
        moment = datetime.combine(day, at, zone).astimezone(UTC)
        if day.weekday() in {WEEKDAY[number] for number in days} and moment > now:
            found.append(moment)
        day += timedelta(days=1)
    return found


@given(
    st.sets(st.sampled_from([number for number, _ in DAYS]), min_size=1),
    # Not at night, when clocks are changed: what then is, is croniter's to say.
    st.times(min_value=time(4), max_value=time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
)
def test_a_week_comes_when_a_calendar_says(days, at, zone, now):
    schedule = weekly(list(days), f"{at:%H:%M}")
    assert checked(schedule, zone, now) == schedule
    wanted = counted(days, at, ZoneInfo(zone), now, 3)
    assert coming(schedule, zone, now) == wanted
    window = Maintenance(schedule=schedule, zone=zone, minutes=30)
    assert ends(window, wanted[0] + timedelta(minutes=29)) == wanted[0] + timedelta(minutes=30)


@pytest.mark.parametrize(
    "days, at, said",
    [
        (["0", "6"], "4:05", "Saturday, Sunday at 04:05"),
        (["1", "2", "3", "4", "5", "6", "0"], "23:59", "every day at 23:59"),
        (["5", "1"], "00:00", "Monday, Friday at 00:00"),
    ],
)
def test_it_is_read_back_in_words(days, at, said):
    assert words(weekly(days, at)) == said


def test_other_schedules_are_shown_as_they_are():
    assert words("*/5 8-17 * * mon-fri") == "*/5 8-17 * * mon-fri"


@pytest.mark.parametrize("days, at", [([], "04:00"), (["7"], "04:00"), (["1"], ""), (["1"], "24:00"), (["1"], "4")])
def test_what_is_no_day_or_no_time_is_refused(days, at):
    with pytest.raises(ValidationError):
        weekly(days, at)


@pytest.mark.parametrize(
    "schedule",
    ["30 4 * * 0", "  30   4 * * 0 ", "*/5 8-17 * * mon-fri", "0 0 1,15 jan *", "0 0 29 2 *", "0 4 * * 7"],
)
def test_cron_of_five_fields_is_taken(schedule):
    assert checked(schedule, "Europe/Berlin", NOW) == " ".join(schedule.split())


@pytest.mark.parametrize(
    "schedule",
    [
        "", "@daily", "* * * *", "0 30 4 * * 0", "60 4 * * *", "0 24 * * *", "0 0 30 2 *", "0 0 l * *", "0 0 * * 1#2",
        "r * * * *", "h * * * *", "0 0 * * xyz", "*/0 * * * *", "0 0 * * " + ",".join(["1"] * 60), "0 0 ? * *",
        "5-1/99 * * * foo",
    ],
)  # fmt: skip
def test_what_cron_does_not_say_or_never_comes_is_refused(schedule):
    with pytest.raises(ValidationError):
        checked(schedule, "UTC", NOW)
