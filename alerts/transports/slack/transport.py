"""Slack, by an incoming webhook (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks)."""

from datetime import datetime

from ..base import KINDS, Config, ConfigError, Context, Field, Message, Sent
from ..forms import check_url, value_of
from ..http import json_bytes, judge, post
from .message import payload

HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
URL = Field(
    "url",
    "Webhook URL",
    "In Slack: your app, Incoming Webhooks, Add New Webhook to Workspace. Whoever knows the URL can post there.",
    "url",
    secret=True,
)


class Slack:
    kind = "slack"
    title = "Slack"
    fields = (URL,)
    takes = frozenset(KINDS)

    def check(self, config: Config) -> None:
        target = check_url(URL, value_of(config, URL), https=True, hosts=HOSTS)
        if not target.path.startswith(("/services/", "/workflows/", "/triggers/")) or target.path.count("/") < 3:
            raise ConfigError(
                URL.name, "The URL is not whole. Copy all of it: https://hooks.slack.com/services/T…/B…/…"
            )
        if not target.path.startswith("/services/"):
            raise ConfigError(
                URL.name, "This URL starts a workflow of Slack. Make an incoming webhook: its URL has /services/ in it."
            )

    def send(self, config: Config, message: Message, *, now: datetime, context: Context) -> Sent:
        """Slack says 200 and ``ok``; 400, 403, 404 and 410 with a word such as channel_is_archived; 429 with
        Retry-After."""
        self.check(config)
        return judge(post(context, value_of(config, URL), json_bytes(payload(message))), now=now)
