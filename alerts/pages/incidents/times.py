"""The stretch of time that is looked at around an incident."""

from datetime import datetime, timedelta

from alerts.models import Incident
from endpoint_stats.pages.ranges import text

LEAST, MOST = timedelta(minutes=30), timedelta(hours=6)
MINUTE = timedelta(minutes=1)


def around(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """Whole minutes, with half its length before it and after it, as far as that has come."""
    end = incident.ended or now
    aside = min(max((end - incident.started) / 2, LEAST), MOST)
    first, last = incident.started - aside, min(end + aside, now)
    return _minute(first), max(_minute(last) + MINUTE, _minute(first) + MINUTE)


def of_address(incident: Incident, now: datetime) -> dict[str, str]:
    start, end = around(incident, now)
    return {"from": text(start), "to": text(end)}


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
