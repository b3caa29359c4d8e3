"""A signed POST of JSON to any URL: Standard Webhooks, with a body of our own that docs/channels.md describes."""

from datetime import UTC, datetime
from typing import Any

from alerts.outgoing import Answer

from ..base import KINDS, Config, ConfigError, Context, Failed, Field, Item, Message, Refused, Sent
from ..forms import check_url, value_of, values_of
from ..http import json_bytes, post, retry_after, said_by
from . import signing

URL = Field("url", "URL", "Where messages are posted to, like https://example.org/hook.", "url")
SECRETS = Field(
    "secrets",
    "Secrets",
    "Each message is signed with each of them, so that a receiver may know either while you change from one to the "
    "next: add the new one above the old one, tell the receiver, then take the old one out.",
    "secrets",
    secret=True,
)
MOST_SECRETS = 3


class Webhook:
    kind = "webhook"
    title = "Webhook"
    fields = (URL, SECRETS)
    takes = frozenset(KINDS)

    def check(self, config: Config) -> None:
        check_url(URL, value_of(config, URL))
        self._keys(config)

    def send(self, config: Config, message: Message, *, now: datetime, context: Context) -> Sent:
        self.check(config)
        body = json_bytes(body_of(message, now))
        signed = signing.headers(self._keys(config), message.id, now, body)
        return _judged(post(context, value_of(config, URL), body, signed), now)

    def _keys(self, config: Config) -> list[bytes]:
        try:
            return [signing.key_of(secret) for secret in values_of(config, SECRETS, MOST_SECRETS)]
        except ValueError as error:
            raise ConfigError(SECRETS.name, str(error)) from None


def _judged(answer: Answer, now: datetime) -> Sent:
    """Any 2xx is taken, 410 says never again, and all else is tried again.

    Standard Webhooks says so, and for good reason: what answers 401, 404 or 422 is often a receiver in the middle of a
    deploy, a secret that is being changed, a proxy that points to nowhere for a minute. To try again costs little, to
    lose a message costs much; the number of tries is bounded where they are counted, and then the next channel has it.
    """
    if 200 <= answer.status < 300:
        return Sent(answer.status, said_by(answer))
    if answer.status == 410:
        raise Refused("The receiver says that it is gone (410). Enter its new URL, or delete this channel.", 410)
    if 300 <= answer.status < 400:
        text = f"The receiver answered {answer.status}, a redirect, which is not followed. Enter the new URL."
    else:
        text = f"The receiver answered {answer.status}: {said_by(answer)}"
    raise Failed(text, answer.status, retry_after(answer, now))


def body_of(message: Message, now: datetime) -> dict[str, Any]:
    """What is posted: type, timestamp and data, as Standard Webhooks recommends. Texts are as they were measured;
    whoever shows them makes them harmless."""
    happened = {"raised": message.started, "resolved": message.ended}.get(message.kind) or now
    kind = message.kind
    return {
        "type": kind if kind in ("test", "news") else f"alert.{kind}",
        "timestamp": _time(happened),
        "data": {
            "id": message.id,
            "title": message.title,
            "sentence": message.sentence,
            "severity": message.severity,
            "project": {"name": message.project.name, "slug": message.project.slug},
            "rule": message.rule_name,
            "incident": {
                "id": message.incident_id,
                "started": _time(message.started),
                "ended": _time(message.ended),
                "link": message.link,
                "silence_link": message.silence_link,
            },
            "labels": dict(message.labels),
            "facts": [{"name": name, "value": value} for name, value in message.facts],
            "alerts": [_item(item) for item in message.alerts],
            "lines": list(message.lines),
        },
    }


def _item(item: Item) -> dict[str, Any]:
    return {"labels": dict(item.labels), "value": item.value, "state": item.state}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
