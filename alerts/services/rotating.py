"""Secrets by which a webhook signs: a second one is added, and later the first one removed, without a message that the
receiver has to refuse."""

import json

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User
from accounts.sealing import seal
from alerts.dispatch import deliver
from alerts.models import Channel
from alerts.transports.webhook import signing
from alerts.transports.webhook.transport import MOST_SECRETS

from .entering import secrets_of
from .noting import noted


def add_secret(channel: Channel, *, by: User, request: HttpRequest | None = None) -> str:
    """A further secret of a webhook, by which messages are signed from now on as well. Returns it, to be shown once.
    Raises ValidationError."""
    with transaction.atomic():
        held = _signing(channel)
        if len(held) >= MOST_SECRETS:
            raise ValidationError(f"A webhook has {MOST_SECRETS} secrets at most. Remove the oldest one first.")
        made = signing.new_secret()
        _keep(channel, [made, *held])
        noted(channel.project, f"channel {channel}: secret added", by=by, request=request)
    return made


def remove_secret(channel: Channel, *, by: User, request: HttpRequest | None = None) -> None:
    """The oldest one. Raises ValidationError for the only one."""
    with transaction.atomic():
        held = _signing(channel)
        if len(held) < 2:
            raise ValidationError("It is the only secret: messages have to be signed. Add the new one first.")
        _keep(channel, held[:-1])
        noted(channel.project, f"channel {channel}: oldest secret removed", by=by, request=request)


def count(channel: Channel) -> int:
    """How many secrets a webhook has; 0 for other kinds."""
    return len(secrets_of(channel).get("secrets", "").split()) if channel.kind == "webhook" else 0


def _signing(channel: Channel) -> list[str]:
    """The newest first; the row is locked."""
    if channel.kind != "webhook":
        raise ValidationError("Only webhooks sign their messages. Enter the channel's secrets in its form.")
    channel.secrets = Channel.objects.select_for_update().get(pk=channel.pk).secrets
    return secrets_of(channel).get("secrets", "").split()


def _keep(channel: Channel, secrets: list[str]) -> None:
    channel.secrets = seal(json.dumps({"secrets": "\n".join(secrets)}), deliver.PURPOSE)
    Channel.objects.filter(pk=channel.pk).update(secrets=channel.secrets)
