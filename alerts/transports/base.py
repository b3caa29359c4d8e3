"""What all channels share: the message they are given, the form they ask for, and how they say what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

from alerts.outgoing import Answer

Kind = Literal["raised", "reminder", "escalated", "acknowledged", "resolved", "flapping", "test", "news"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ALERTS = frozenset(KINDS) - {"news"}
FieldKind = Literal["url", "urls", "text", "emails", "secrets", "choice"]
# What a form gives: a text by field, those of several values one a line.
Config = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Project:
    name: str
    slug: str


@dataclass(frozen=True, slots=True)
class Item:
    """One group of an incident, such as one endpoint. value: with its unit, as people read it. state: "firing" or
    "resolved"."""

    labels: Mapping[str, str]
    value: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be told, the same for every channel.

    id: stays the same however often it is sent, and is one other message's nowhere. sentence: one plain sentence.
    facts: (name, value) as people read them. started, ended: aware, of the incident. link, silence_link: absolute URLs,
    or empty. zone: IANA name, for times that people read. alerts: every group that an earlier message of the incident
    named, with its state now. lines: the body of news. Names and values come from requests that anybody may send: they
    are hostile until a channel has made them harmless.
    """

    id: str
    kind: Kind
    title: str
    sentence: str
    project: Project
    severity: Literal["page", "ticket"] = "ticket"
    facts: tuple[tuple[str, str], ...] = ()
    incident_id: str = ""
    rule_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None
    link: str = ""
    silence_link: str = ""
    zone: str = "UTC"
    alerts: tuple[Item, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """What a channel's form asks for. urls, emails, secrets: several, one a line. choices: (value, label)."""

    name: str
    label: str
    help: str
    kind: FieldKind = "text"
    secret: bool = False
    required: bool = True
    choices: tuple[tuple[str, str], ...] = ()


class Http(Protocol):
    """alerts.outgoing.request with its limits and networks filled in."""

    def __call__(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a channel works with. mail: gives a connection of Django's mail (django.core.mail.mailers). base_url: where
    this installation lives. unsubscribe: absolute URL by which a recipient of e-mail gets no more of it, or empty."""

    http: Http
    mail: Callable[[], Any]
    base_url: str
    unsubscribe: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """It was taken. answer: what the receiver said, shortened, for the log of deliveries."""

    status: int
    answer: str = ""


class ConfigError(Exception):
    """A value of the form that cannot be used: which field, and a sentence that says what to do."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field
        self.text = text


class Refused(Exception):
    """It was not taken and never will be: do not send it again, hand over. status: of HTTP or SMTP, 0 without one."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class Failed(Exception):
    """It was not taken this time: send it again, after ``retry_after`` seconds where the receiver asked for that."""

    def __init__(self, text: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.retry_after = retry_after


class Transport(Protocol):
    """A channel. kind: its name in the database. takes: kinds of message that it can tell; others are Refused."""

    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def fields(self) -> tuple[Field, ...]: ...
    @property
    def takes(self) -> frozenset[str]: ...

    def check(self, config: Config) -> None:
        """Raises ConfigError for what could not be sent to. Nothing is looked up and nobody is asked."""

    def send(self, config: Config, message: Message, *, now: datetime, context: Context) -> Sent:
        """Tell it. The same message may be sent again, also when it was taken. Raises Refused, Failed, ConfigError."""
