"""Deliveries are sent: claimed one by one, tried again with growing pauses, handed over to the next channel.

At least once: a worker that is killed between sending and saying so leaves a row whose claim runs out, and which is
sent again under the same id.
"""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

from django.conf import settings
from django.core.mail import mailers
from django.db import transaction
from django.db.models import F, Q

from accounts.models import Membership, Role, User
from accounts.sealing import InvalidToken, unseal
from alerts.data import DeliveryState, EventKind
from alerts.models import Attempt, Channel, Delivery, IncidentEvent
from alerts.outgoing import networks, request
from alerts.transports.base import ConfigError, Context, Failed, Message, Refused, Sent
from alerts.transports.registry import TRANSPORTS

from .message import message_of

CLAIM = timedelta(seconds=90)  # longer than a sending may take
PAUSES = [timedelta(seconds=seconds) for seconds in (10, 30, 120, 300, 900, 1800, 3600, 3600)]
HAND_OVER = 3  # attempts that failed, after which the next channel is told as well
SECONDS, ANSWER_BYTES = 15.0, 20_000
IN_TURN = timedelta(seconds=5)  # a message waits for an earlier one of its incident that is on its way
PURPOSE = "channel"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt. final: it is not tried again. pause: seconds that the receiver asked for."""

    ok: bool
    status: int
    answer: str
    seconds: float
    final: bool = False
    pause: float | None = None


def due(now: datetime, most: int = 100) -> list[str]:
    """Ids of deliveries that wait, or whose worker has not come back; the oldest first."""
    rows = Delivery.objects.filter(_due(now)).order_by("due", "id")[:most]
    return [str(id) for id in rows.values_list("id", flat=True)]


def _due(now: datetime) -> Q:
    return Q(state__in=(DeliveryState.QUEUED, DeliveryState.SENDING), due__lte=now)


def deliver(delivery_id: str, now: datetime) -> bool:
    """Try once. Returns whether this call had the delivery to send."""
    claim = uuid4()
    mine = Delivery.objects.filter(_due(now), pk=delivery_id)
    if mine.update(state=DeliveryState.SENDING, claim=claim, due=now + CLAIM, attempts=F("attempts") + 1) != 1:
        return False
    delivery = Delivery.objects.select_related(
        "channel__project", "event__incident__project", "event__incident__rule", "event__incident__acknowledged_by"
    ).get(pk=delivery_id)
    if _must_wait(delivery):
        Delivery.objects.filter(pk=delivery.pk, claim=claim).update(
            state=DeliveryState.QUEUED, claim=None, due=now + IN_TURN, attempts=F("attempts") - 1
        )
        return True
    if not delivery.channel.enabled:
        _drop(delivery, now)
        return True
    outcome = send(delivery.channel, message_of(delivery), now)
    _keep(delivery, outcome, now)
    return True


def _drop(delivery: Delivery, now: datetime) -> None:
    """Of a channel that was switched off since: nobody is told by it, and the next one is, of all but an end."""
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim)
        dropped = mine.update(state=DeliveryState.OBSOLETE, finished=now, claim=None)
        if dropped and delivery.message != "resolved":
            _hand_over(delivery, now)


def _must_wait(delivery: Delivery) -> bool:
    """For an earlier message of the same incident to the same channel that is being sent just now: an end must not
    overtake its beginning. One that is only to be tried again later holds up nothing."""
    earlier = Delivery.objects.filter(
        event__incident=delivery.event.incident_id, channel=delivery.channel_id, state=DeliveryState.SENDING,
        created__lte=delivery.created,
    )  # fmt: skip
    return earlier.exclude(pk=delivery.pk).filter(Q(created__lt=delivery.created) | Q(pk__lt=delivery.pk)).exists()


def send(channel: Channel, message: Message, now: datetime, by: Context | None = None) -> Outcome:
    """One attempt by a channel's transport. ``by``: other limits than usual. Never raises."""
    begun = time.monotonic()

    def came(ok: bool, status: int, answer: str, **more: object) -> Outcome:
        return Outcome(ok, status, answer, time.monotonic() - begun, **more)  # type: ignore[arg-type]

    try:
        transport = TRANSPORTS[channel.kind]
        if message.kind not in transport.takes:
            return came(True, 0, "This channel is not told of such messages.")
        sent: Sent = transport.send(config_of(channel), message, now=now, context=by or context())
        return came(True, sent.status, sent.answer)
    except Refused as error:
        return came(False, error.status, error.text, final=True)
    except ConfigError as error:
        return came(False, 0, str(error), final=True)
    except Failed as error:
        return came(False, error.status, error.text, pause=error.retry_after)
    except InvalidToken:
        text = "The channel’s secrets cannot be read: SECRET_KEY was changed. Enter them again."
        return came(False, 0, text, final=True)
    except Exception as error:
        logger.exception("Channel %s could not send.", channel.pk)
        return came(False, 0, f"It could not be sent: {error!r}"[:500])


def config_of(channel: Channel) -> Mapping[str, str]:
    """What the transport takes: what was entered, its secrets, and the addresses of members where they are meant.
    Raises InvalidToken."""
    secrets = json.loads(unseal(channel.secrets, PURPOSE)) if channel.secrets else {}
    config = {str(name): str(value) for name, value in (channel.config | secrets).items()}
    whom = config.pop("members", "")
    if channel.kind == "email" and whom:
        config["to"] = "\n".join(dict.fromkeys([*config.get("to", "").split("\n"), *addresses(channel, whom)])).strip()
    return config


def addresses(channel: Channel, whom: str) -> list[str]:
    """Of the owners, or of all members, who may sign in."""
    roles = {"owners": [Role.OWNER], "editors": [Role.OWNER, Role.EDITOR]}.get(whom, list(Role))
    members = Membership.objects.filter(project=channel.project_id, role__in=roles).values("user_id")
    return list(User.objects.filter(pk__in=members, is_active=True).order_by("email").values_list("email", flat=True))


def context(seconds: float = SECONDS) -> Context:
    http = partial(
        request,
        timeout=seconds,
        max_bytes=ANSWER_BYTES,
        allow=networks(settings.ALERTS_ALLOWED_NETWORKS),
        ports=settings.ALERTS_ALLOWED_PORTS or None,
    )
    return Context(http, lambda: mailers["default"], settings.PUBLIC_URL)


def _keep(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """What came of it. Where another worker has taken the delivery over meanwhile, the attempt alone is noted."""
    channel = delivery.channel
    with transaction.atomic():
        note(channel, outcome, now, delivery)
        mine = Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim)
        if outcome.ok:
            changed = mine.update(state=DeliveryState.SENT, finished=now, claim=None)
            if changed:
                _tell(delivery, EventKind.NOTIFIED, now, f"{channel.name}: {delivery.message}")
            return
        over = outcome.final or delivery.attempts > len(PAUSES)
        if over:
            changed = mine.update(state=DeliveryState.FAILED, finished=now, claim=None)
        else:
            pause = max(PAUSES[delivery.attempts - 1], timedelta(seconds=min(outcome.pause or 0.0, 3600.0)))
            changed = mine.update(state=DeliveryState.QUEUED, due=now + pause, claim=None)
        if changed and (over or delivery.attempts >= HAND_OVER):
            _hand_over(delivery, now)


def note(
    channel: Channel, outcome: Outcome, now: datetime, delivery: Delivery | None = None, by: User | None = None
) -> Attempt:
    """The log of deliveries; and on the channel since when it fails."""
    failing = Channel.objects.filter(pk=channel.pk)
    if outcome.ok:
        failing.exclude(failing_since=None).update(failing_since=None, last_error="")
    else:
        failing.filter(failing_since=None).update(failing_since=now)
        failing.update(last_error=outcome.answer[:500])
    return Attempt.objects.create(
        project_id=channel.project_id, delivery=delivery, channel=channel, at=now, ok=outcome.ok,
        status=outcome.status or None, answer=outcome.answer[:500], seconds=outcome.seconds, by=by,
    )  # fmt: skip


def _hand_over(delivery: Delivery, now: datetime) -> None:
    """To the next channel that works and was not told of this step yet; once, whoever comes here again."""
    if Delivery.objects.filter(instead_of=delivery).exists():
        return
    following, seen = delivery.channel.next, {delivery.channel_id}
    while following is not None and following.pk not in seen and not following.enabled:
        seen.add(following.pk)
        following = following.next
    if following is None or following.pk in seen:
        return
    row = Delivery(
        project_id=delivery.project_id, event=delivery.event, channel=following, step=delivery.step,
        message=delivery.message, instead_of=delivery, created=now, due=now,
    )  # fmt: skip
    Delivery.objects.bulk_create([row], ignore_conflicts=True)


def _tell(delivery: Delivery, kind: EventKind, now: datetime, text: str) -> None:
    incident_id = delivery.event.incident_id
    IncidentEvent.objects.create(
        project_id=delivery.project_id, incident_id=incident_id, kind=kind, at=now, recorded=now, text=text
    )
