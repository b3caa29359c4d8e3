"""PagerDuty, by an integration of a service with the Events API v2."""

import json
import re
from datetime import datetime

from alerts.outgoing import Answer

from ..base import KINDS, Config, ConfigError, Context, Field, Message, Refused, Sent
from ..forms import value_of
from ..http import json_bytes, judge, post
from ..text import plain
from .event import Action, action_of, alert, change

HOSTS = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
KEY = Field(
    "routing_key",
    "Integration key",
    "In PagerDuty: the service, Integrations, Add integration, Events API V2. The key has 32 characters.",
    secret=True,
)
REGION = Field(
    "region",
    "Region",
    "Where your account is: its pages begin with https://….pagerduty.com or https://….eu.pagerduty.com.",
    "choice",
    choices=(("us", "United States"), ("eu", "European Union")),
)


class PagerDuty:
    kind = "pagerduty"
    title = "PagerDuty"
    fields = (KEY, REGION)
    takes = frozenset(KINDS)

    def check(self, config: Config) -> None:
        value_of(config, REGION)
        if not re.fullmatch(r"[0-9A-Za-z]{32}", value_of(config, KEY)):
            raise ConfigError(KEY.name, f"An integration key is 32 letters and digits. {KEY.help}")

    def send(self, config: Config, message: Message, *, now: datetime, context: Context) -> Sent:
        """PagerDuty says 202; 400 with what is wrong with the event; 429 and 5xx for "try again"."""
        self.check(config)
        key, host = value_of(config, KEY), HOSTS[value_of(config, REGION)]
        if message.kind == "news":
            answer = post(context, f"{host}/v2/change/enqueue", json_bytes(change(message, key, now)))
            return _judged(answer, now)
        actions: tuple[Action, ...] = ("trigger", "resolve") if message.kind == "test" else (action_of(message),)
        for action in actions:
            body = json_bytes(alert(message, key, action, context.base_url))
            sent = _judged(post(context, f"{host}/v2/enqueue", body), now)
        return sent


def _judged(answer: Answer, now: datetime) -> Sent:
    if answer.status == 400:
        raise Refused(f"PagerDuty refused the event: {_reasons(answer.body)}", 400)
    return judge(answer, now=now, accepted=frozenset({202}))


def _reasons(body: bytes) -> str:
    """What stands in {"status", "message", "errors": […]}, or the answer itself."""
    try:
        found = json.loads(body)
        errors = found["errors"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return plain(body.decode("utf-8", "replace"), 300)
    said = "; ".join(str(error) for error in errors) if isinstance(errors, list) else str(errors)
    return plain(said or str(found.get("message", "")), 300)
