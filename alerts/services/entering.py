"""What was entered of a channel, checked and put into its row: its secrets encrypted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError

from accounts.sealing import InvalidToken, seal, unseal
from alerts.dispatch import deliver
from alerts.models import Channel
from alerts.transports.base import ConfigError, Field
from alerts.transports.registry import TRANSPORTS

LONGEST = 5000  # characters of a value
MEMBERS = {"owners": "Owners", "editors": "Owners and editors", "all": "All members"}
MOST_MEMBERS = 50  # that one mail goes to
# What the page makes itself; a form does not ask for it.
MADE_HERE = {("webhook", "secrets")}


@dataclass(frozen=True, slots=True)
class Entered:
    """What a form says. values: by field of the transport; a secret that is empty is kept. clear: names of secrets
    that are to be forgotten. members: of MEMBERS, or empty. next: the id of a channel, or None."""

    name: str
    values: Mapping[str, str]
    members: str = ""
    next: UUID | None = None
    clear: frozenset[str] = frozenset()


def fields_of(kind: str) -> tuple[Field, ...]:
    """What a form asks for. Raises KeyError for a kind that there is not."""
    return tuple(field for field in TRANSPORTS[kind].fields if (kind, field.name) not in MADE_HERE)


def secrets_of(channel: Channel) -> dict[str, str]:
    """Nothing where they cannot be read any more, so that they are asked for anew."""
    try:
        return json.loads(unseal(channel.secrets, deliver.PURPOSE)) if channel.secrets else {}
    except InvalidToken:
        return {}


def fill(channel: Channel, entered: Entered, kept: Mapping[str, str]) -> None:
    """What was entered, into the row. ``kept``: the secrets so far."""
    channel.name = entered.name.strip()
    plain, secrets = {}, dict(kept)
    for field in TRANSPORTS[channel.kind].fields:
        value = entered.values.get(field.name, "").strip().replace("\r\n", "\n")
        if len(value) > LONGEST:
            raise ValidationError({field.name: f"{field.label}: {LONGEST:,} characters are the most."})
        if not field.secret:
            plain[field.name] = value
        elif value:
            secrets[field.name] = value
        elif field.name in entered.clear and not field.required:
            secrets.pop(field.name, None)
    _go_nowhere_unasked(channel, entered, plain, secrets)
    if channel.kind == "email" and entered.members:
        plain["members"] = _members(channel, entered.members)
    _check(channel, plain | secrets)
    channel.config = plain
    if secrets != kept or not channel.secrets:
        channel.secrets = seal(json.dumps(secrets), deliver.PURPOSE) if secrets else ""


def _go_nowhere_unasked(
    channel: Channel, entered: Entered, plain: Mapping[str, str], secrets: Mapping[str, str]
) -> None:
    """A password that is kept is not sent to a new address: whoever may edit the channel could read it there."""
    moved = [name for name in ("url", "urls") if name in plain and plain[name] != channel.config.get(name, plain[name])]
    for field in fields_of(channel.kind):
        if moved and field.secret and secrets.get(field.name) and not entered.values.get(field.name, "").strip():
            text = (
                f"The address was changed. Enter the {field.label.lower()} again: it is not sent to a new one unasked."
            )
            raise ValidationError({field.name: text})


def _members(channel: Channel, whom: str) -> str:
    if whom not in MEMBERS:
        raise ValidationError({"members": f"Choose one of: {', '.join(MEMBERS.values())}; or nobody."})
    count = len(deliver.addresses(channel, whom))
    if count > MOST_MEMBERS:
        text = (
            f"These are {count} people, and a mail goes to {MOST_MEMBERS} at most. Enter the address of a mailing list."
        )
        raise ValidationError({"members": text})
    return whom


def _check(channel: Channel, config: Mapping[str, str]) -> None:
    if config.get("members") and not config.get("to"):
        return  # the members' addresses are known when it is sent
    try:
        TRANSPORTS[channel.kind].check(config)
    except ConfigError as error:
        raise ValidationError({error.field: error.text}) from error
