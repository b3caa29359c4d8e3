"""Channels as people set them up: made, changed, switched off, deleted and brought back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Project, User
from alerts.data import DeliveryState
from alerts.models import Channel, Delivery
from alerts.transports.registry import TRANSPORTS
from alerts.transports.webhook import signing

from .entering import Entered, fill, secrets_of
from .noting import noted
from .policies import make_first

MOST_CHANNELS = 50  # of a project
KEPT = timedelta(days=1)  # that a deleted channel can be brought back
DELETED = "deleted"  # in ``config``: when, and what the channel was called and whether it was on


def of(project: Project) -> QuerySet[Channel]:
    """Those that are there, by name."""
    return Channel.objects.filter(project=project).exclude(config__has_key=DELETED).order_by("name", "pk")


def deleted(project: Project, now: datetime) -> list[Channel]:
    """Those that can be brought back."""
    rows = Channel.objects.filter(project=project, config__has_key=DELETED)
    return [one for one in rows.order_by("name") if _deleted_at(one) > now - KEPT]


def create(
    project: Project, kind: str, entered: Entered, now: datetime, *, by: User, request: HttpRequest | None = None
) -> tuple[Channel, str]:
    """The channel, and of a webhook its secret, which is shown once. The first one of a project is told of everything.
    Raises ValidationError by field."""
    if kind not in TRANSPORTS:
        raise ValidationError(f"There is no kind of channel {kind[:30]!r}. There are: {', '.join(TRANSPORTS)}.")
    secret = signing.new_secret() if kind == "webhook" else ""
    channel = Channel(project=project, kind=kind, created=now)
    kept = {"secrets": secret} if secret else {}
    _enter(channel, entered, kept)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        if of(project).count() >= MOST_CHANNELS:
            raise ValidationError(f"{MOST_CHANNELS} channels are the most. Delete one that nobody needs.")
        _save(channel, force_insert=True)
        noted(project, f"channel {channel}: added", by=by, request=request, details={"kind": kind})
        make_first(channel, by=by, request=request)
    return channel, secret


def change(channel: Channel, entered: Entered, *, by: User, request: HttpRequest | None = None) -> None:
    """Raises ValidationError by field."""
    before = {"name": channel.name, "next": channel.next_id, **channel.config}
    sealed = channel.secrets
    _enter(channel, entered, secrets_of(channel))
    after = {"name": channel.name, "next": channel.next_id, **channel.config}
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if sealed != channel.secrets:
        changed.append("secrets")
    if not changed:
        return
    with transaction.atomic():
        _save(channel)
        noted(channel.project, f"channel {channel}: {', '.join(changed)}", by=by, request=request)


def _enter(channel: Channel, entered: Entered, kept: Mapping[str, str]) -> None:
    fill(channel, entered, kept)
    channel.next = _next(channel, entered.next)


def _next(channel: Channel, id: UUID | None) -> Channel | None:
    """Who is told in its place. Raises ValidationError where that would lead back to it."""
    if id is None:
        return None
    chosen = of(channel.project).filter(pk=id).first()
    if chosen is None:
        raise ValidationError({"next": "There is no such channel any more. Choose another one."})
    names, seen = [channel.name], set[UUID]()
    one: Channel | None = chosen
    while one is not None and one.pk not in seen:
        names.append(one.name)
        if one.pk == channel.pk:
            way = " → ".join([*names[:-1], channel.name])
            raise ValidationError(
                {"next": f"That would go round in a circle: {way}. Choose one that does not lead back."}
            )
        seen.add(one.pk)
        one = one.next
    return chosen


def _save(channel: Channel, **how: Any) -> None:
    try:
        channel.full_clean(exclude=["project", "next", "config"])
        with transaction.atomic():
            channel.save(**how)
    except (IntegrityError, ValidationError) as error:
        if isinstance(error, ValidationError) and "name" in error.message_dict:
            raise ValidationError({"name": error.message_dict["name"]}) from error
        raise ValidationError({"name": f"There is a channel “{channel.name}” already. Choose another name."}) from error


def switch(channel: Channel, on: bool, now: datetime, *, by: User, request: HttpRequest | None = None) -> int:
    """Returns how many messages waited for a channel that is switched off: they are not sent."""
    with transaction.atomic():
        if not Channel.objects.filter(pk=channel.pk, enabled=not on).update(enabled=on):
            return 0
        noted(channel.project, f"channel {channel}: switched {'on' if on else 'off'}", by=by, request=request)
        return 0 if on else _drop(channel, now)


def _drop(channel: Channel, now: datetime) -> int:
    waiting = Delivery.objects.filter(channel=channel, state=DeliveryState.QUEUED)
    return waiting.update(state=DeliveryState.OBSOLETE, finished=now)


def delete(channel: Channel, now: datetime, *, by: User, request: HttpRequest | None = None) -> None:
    """Switched off and hidden at once. For a day it can be brought back; then what was entered is forgotten, and the
    row stays for what its deliveries say."""
    was = {"at": now.isoformat(), "name": channel.name, "enabled": channel.enabled}
    with transaction.atomic():
        name = f"{channel.name[:60]} (deleted {now:%Y-%m-%d %H:%M:%S})"
        config = channel.config | {DELETED: was}
        still = Channel.objects.filter(pk=channel.pk).exclude(config__has_key=DELETED)
        if still.update(enabled=False, config=config, name=name):
            noted(channel.project, f"channel {channel}: deleted", by=by, request=request)
            _drop(channel, now)


def restore(channel: Channel, now: datetime, *, by: User, request: HttpRequest | None = None) -> None:
    """Raises ValidationError where it is too late, or another one has its name."""
    if DELETED not in channel.config:
        return
    if _deleted_at(channel) <= now - KEPT:
        raise ValidationError("It was deleted more than a day ago, and what was entered is forgotten. Add it anew.")
    was = channel.config[DELETED]
    channel.name, channel.enabled = was["name"], was["enabled"]
    channel.config = {name: value for name, value in channel.config.items() if name != DELETED}
    with transaction.atomic():
        _save(channel)
        noted(channel.project, f"channel {channel}: brought back", by=by, request=request)


def _deleted_at(channel: Channel) -> datetime:
    return datetime.fromisoformat(channel.config[DELETED]["at"])


def forget_deleted(now: datetime) -> int:
    """What was entered of channels that were deleted more than a day ago. Returns how many."""
    rows = [one for one in Channel.objects.filter(config__has_key=DELETED) if _deleted_at(one) <= now - KEPT]
    forgotten = 0
    for one in rows:
        emptied = {DELETED: one.config[DELETED]}
        if one.secrets or one.config != emptied:
            forgotten += Channel.objects.filter(pk=one.pk).update(config=emptied, secrets="")
    return forgotten
