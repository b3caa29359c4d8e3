"""A message as an e-mail: plain text and HTML, in one thread with all others of its incident."""

import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.mail import EmailMultiAlternatives
from django.template import Context, Engine

from ..base import Message
from ..text import cut, facts, first, item_line, plain, state

SUBJECT, TITLE, TEXT, LINE, LINES = 150, 300, 2_000, 500, 50
COLOURS = {"resolved": "#1e6b3a", "test": "#30507a", "news": "#30507a"}
PAGE, TICKET = "#a3241c", "#805300"


@cache
def _engine() -> Engine:
    """Of its own: what pages are given by context processors has no place in a mail."""
    return Engine(dirs=[str(Path(__file__).parent)])


def mail_of(
    message: Message, to: list[str], *, now: datetime, base_url: str, unsubscribe: str
) -> EmailMultiAlternatives:
    subject = subject_of(message)
    shown = Context({**_shown(message), "subject": subject, "base_url": base_url, "unsubscribe": unsubscribe})
    mail = EmailMultiAlternatives(
        subject,
        _engine().get_template("message.txt").render(shown),
        to=to,
        headers=headers_of(message, now, base_url, unsubscribe),
    )
    mail.attach_alternative(_engine().get_template("message.html").render(shown), "text/html")
    return mail


def subject_of(message: Message) -> str:
    """The same for all mails of an incident but for "Re:", or some readers would not show them as one thread; what is
    new stands in the first line."""
    project = plain(message.project.name)
    if not message.incident_id:
        return cut(f"[{project}] {plain(message.title)}", SUBJECT)
    again = "" if message.kind == "raised" else "Re: "
    return again + cut(f"[{project}] {plain(message.rule_name) or plain(message.title)}", SUBJECT)


def headers_of(message: Message, now: datetime, base_url: str, unsubscribe: str) -> dict[str, Any]:
    """Message-ID is made of the message's id, so that one that is sent again is known as the same; the first one of an
    incident has the incident's, and the others refer to it (RFC 5322, 3.6.4). Auto-Submitted (RFC 3834) keeps absence
    notices away."""
    domain = _domain(base_url)
    root = f"<incident.{_local(message.incident_id)}@{domain}>"
    own = f"<{_local(message.id)}@{domain}>"
    headers: dict[str, Any] = {"Message-ID": own, "Date": now, "Auto-Submitted": "auto-generated"}
    if message.incident_id and message.kind == "raised":
        headers["Message-ID"] = root
    elif message.incident_id:
        headers |= {"In-Reply-To": root, "References": root}
    if unsubscribe:
        headers["List-Unsubscribe"] = f"<{unsubscribe}>"
    return headers


def _shown(message: Message) -> dict[str, Any]:
    lines = [*(item_line(item) for item in message.alerts), *(plain(line) for line in message.lines)]
    return {
        "state": state(message),
        "colour": COLOURS.get(message.kind, PAGE if message.severity == "page" else TICKET),
        "project": plain(message.project.name),
        "title": plain(message.title, TITLE),
        "sentence": plain(message.sentence, TEXT),
        "facts": [(cut(name, LINE), cut(value, LINE)) for name, value in facts(message)],
        "lines": [cut(line, LINE) for line in first(lines, LINES)],
        "link": message.link,
        "silence_link": message.silence_link,
    }


def _local(identity: str) -> str:
    """The left side of a Message-ID: the identity itself where its characters allow that, else a digest of it."""
    if re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", identity) and len(identity) <= 60:
        return identity
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:40]


def _domain(base_url: str) -> str:
    host = urlsplit(base_url).hostname or ""
    return host if re.fullmatch(r"[a-z0-9.-]+", host) else "endpoint-stats.invalid"
