"""The channels there are. A new one is a folder here, a line below, and a section in docs/channels.md."""

from collections.abc import Mapping
from types import MappingProxyType

from .alertmanager.transport import Alertmanager
from .base import Transport
from .email.transport import Email
from .pagerduty.transport import PagerDuty
from .slack.transport import Slack
from .teams.transport import Teams
from .webhook.transport import Webhook

_ALL: tuple[Transport, ...] = (Email(), Webhook(), Slack(), Teams(), PagerDuty(), Alertmanager())

TRANSPORTS: Mapping[str, Transport] = MappingProxyType({transport.kind: transport for transport in _ALL})


def transport_of(kind: str) -> Transport:
    """Raises KeyError for a kind that there is not."""
    return TRANSPORTS[kind]
