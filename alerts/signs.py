"""How alerting itself does: for the doctor, and for a dead man's switch outside of this installation."""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from alerts.dispatch.outbox import NOBODY
from alerts.models import Channel, Delivery, Evaluation, Incident
from alerts.outgoing import OutgoingError, networks, request
from alerts.watch.rounds import projects_due, watermark
from endpoint_stats.workers.doctor import Finding, State, ago

NAME = "alerts"
LATE_WARN, LATE_FAIL = timedelta(minutes=3), timedelta(minutes=10)
UNSENT = timedelta(minutes=10)
# The operator's own address: it may lie inside.
ANYWHERE = ("0.0.0.0/0", "::/0")

logger = logging.getLogger(__name__)


def findings(now: datetime) -> list[Finding]:
    """Whether rules are evaluated in time, and whether those who are to be told can be."""
    return [*_evaluated(now), *_told(now)]


def late(now: datetime) -> tuple[int, timedelta]:
    """How many projects wait for their rules to be evaluated, and the longest since one was."""
    waiting = projects_due(now)
    last = watermark(now)
    oldest = Evaluation.objects.filter(project_id__in=waiting).order_by("up_to").values_list("up_to", flat=True).first()
    return len(waiting), last - oldest if oldest is not None else timedelta(0)


def _evaluated(now: datetime) -> list[Finding]:
    waiting, behind = late(now)
    failing = Evaluation.objects.exclude(failing_since=None).select_related("project").order_by("failing_since").first()
    if behind >= LATE_WARN:
        state: State = "fail" if behind >= LATE_FAIL else "warn"
        why = f" ({failing.project.slug}: {failing.error})" if failing is not None else ""
        text = f"Rules of {waiting:,} projects were last evaluated {ago(behind)} ago{why}"
        return [Finding(NAME, state, f"{text}: see that a worker and the scheduler run.")]
    return [Finding(NAME, "ok", "Rules are evaluated in time.")]


def _told(now: datetime) -> list[Finding]:
    found = []
    stuck = Delivery.objects.filter(state__in=("queued", "sending"), created__lt=now - UNSENT).count()
    if stuck:
        text = f"{stuck:,} messages have waited for more than {ago(UNSENT)}: see the log of the channels."
        found.append(Finding(NAME, "warn", text))
    failing = Channel.objects.filter(enabled=True).exclude(failing_since=None).select_related("project")
    for channel in failing.order_by("failing_since")[:5]:
        since = ago(now - channel.failing_since) if channel.failing_since else ""
        what = f"{channel.project.slug}: the channel “{channel.name}” has failed for {since}"
        said = f"{what} ({channel.last_error[:100]}): send a test in the project’s settings."
        found.append(Finding(NAME, "warn", said))
    nobody = Incident.objects.filter(ended=None, held=NOBODY).count()
    if nobody:
        found.append(Finding(NAME, "warn", f"{nobody:,} open incidents are told to nobody: set up a channel."))
    return found


def ping(now: datetime) -> bool:
    """Tell whoever watches HEARTBEAT_URL that rules are evaluated; nothing is said while they are not. Returns whether
    it was told."""
    if not settings.HEARTBEAT_URL:
        return False
    _, behind = late(now)
    if behind >= LATE_WARN:
        logger.warning("The heartbeat is held back: rules were last evaluated %s ago.", ago(behind))
        return False
    try:
        answer = request(
            "GET", settings.HEARTBEAT_URL, headers={"User-Agent": "Endpoint-Stats"}, body=b"", timeout=10,
            max_bytes=1000, allow=networks(ANYWHERE), ports=None,
        )  # fmt: skip
    except OutgoingError as error:
        logger.warning("The heartbeat could not be sent: %s", error.text)
        return False
    if answer.status >= 300:
        logger.warning("The heartbeat was answered with %s.", answer.status)
    return answer.status < 300
