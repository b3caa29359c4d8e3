"""Microsoft Teams, by a workflow that posts what a webhook receives."""

from datetime import datetime

from ..base import KINDS, Config, ConfigError, Context, Field, Message, Sent
from ..forms import check_url, value_of
from ..http import json_bytes, judge, post
from .message import payload

# Connectors, which Microsoft has switched off.
RETIRED = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")
URL = Field(
    "url",
    "Workflow URL",
    "In Teams: the channel's …, Workflows, “Send webhook alerts to a channel”. Whoever knows the URL can post there.",
    "url",
    secret=True,
)


class Teams:
    kind = "teams"
    title = "Microsoft Teams"
    fields = (URL,)
    takes = frozenset(KINDS)

    def check(self, config: Config) -> None:
        target = check_url(URL, value_of(config, URL), https=True)
        if any(target.host == host or target.host.endswith(f".{host}") for host in RETIRED):
            raise ConfigError(
                URL.name,
                "This is the URL of an Office 365 connector. Microsoft has retired them, and messages to it are lost. "
                "Make a workflow in the channel (…, Workflows, “Send webhook alerts to a channel”) and enter its URL.",
            )

    def send(self, config: Config, message: Message, *, now: datetime, context: Context) -> Sent:
        """A workflow says 202 once it has started; 400, 401 and 404 where the URL is wrong or it was deleted or
        switched off; 429 for too many."""
        self.check(config)
        return judge(post(context, value_of(config, URL), json_bytes(payload(message))), now=now)
