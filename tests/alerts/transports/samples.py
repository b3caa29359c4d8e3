"""Messages and contexts that tests begin with."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from alerts.outgoing import request
from alerts.transports.base import Context, Item, Message, Project
from tests.alerts.outgoing.receiver import LOOPBACK

NOW = datetime(2026, 3, 29, 10, 30, tzinfo=UTC)
STARTED = datetime(2026, 3, 29, 10, 12, tzinfo=UTC)
BASE = "https://stats.example.org"

RAISED = Message(
    id="msg_018f6c1e",
    kind="raised",
    title="p95 of GET /orders/{id} is above 500 ms",
    sentence="The p95 of GET /orders/{id} has been above 500 ms for 10 minutes; it is 812 ms.",
    project=Project("Shop", "shop"),
    severity="page",
    facts=(("p95", "812 ms ±1 %"), ("Limit", "500 ms"), ("Requests", "8,412")),
    incident_id="018f6c1e-7d2a-7000-8000-000000000001",
    rule_name="Slow orders",
    labels={"http.route": "/orders/{id}", "service.name": "shop"},
    started=STARTED,
    link=f"{BASE}/p/shop/incidents/1?a=1&b=2",
    silence_link=f"{BASE}/p/shop/silence?incident=1",
    zone="Europe/Berlin",
)
RESOLVED = replace(
    RAISED,
    id="msg_018f6c2f",
    kind="resolved",
    sentence="It is 120 ms again.",
    ended=datetime(2026, 3, 29, 10, 29, tzinfo=UTC),
)
NEWS = Message(
    id="msg_news",
    kind="news",
    title="This week in Shop",
    sentence="Two releases, one new endpoint.",
    project=Project("Shop", "shop"),
    lines=("v1.4.2 came on Monday", "GET /carts is new"),
    link=f"{BASE}/p/shop/",
)

# What a stranger may send as path, header or version, and what a member may name a project.
HOSTILE = (
    "</td><script>alert(1)</script><img src=x onerror=alert(1)>",
    "<!channel> <@U123> <https://evil.example|click> &amp; & *bold* `code` ~x~ :tada:",
    "[invoice](https://evil.example) ![x](https://evil.example/x.png) **bold** {{DATE(2017-02-14T06:00:00Z)}}",
    "a\r\nBcc: victim@example.org\r\n\r\nbody",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200bzero \ufeff",
    "nul \x00 bell \x07 escape \x1b[31m",
    "lone \ud800 surrogate \udfff",
    "{% load x %}{{ settings.SECRET_KEY }} ${jndi:ldap://evil} %s %(x)s {0}",
    "x" * 100_000,
    "&" * 20_000,
    "\U0001f600" * 10_000,
    "",
)  # fmt: skip


def hostile(text: str, kind: str = "raised") -> Message:
    """A message in which every text that others may write is ``text``."""
    return replace(
        RAISED,
        kind=kind,
        title=text,
        sentence=text,
        project=Project(text, "shop"),
        rule_name=text,
        facts=((text, text), *((f"{number}{text}", text) for number in range(30))),
        labels={text: text, "http.route": text},
        alerts=tuple(Item({"http.route": text, text: text}, text, "firing") for _ in range(60)),
        lines=(text,) * 60,
    )


def context(receiver, *hosts, timeout=5.0, mail=None, **more):
    """A context whose requests are the real ones, with loopback allowed. hosts: names, such as hooks.slack.com, whose
    place the receiver takes: the channel itself knows nothing of it."""
    send = partial(request, timeout=timeout, max_bytes=65_536, allow=LOOPBACK)

    def http(method, url, *, headers, body):
        parts = urlsplit(url)
        if hosts:
            assert (parts.scheme, parts.hostname) in [("https", host) for host in hosts]
            url = f"{receiver.url}{url.removeprefix(f'https://{parts.netloc}')}"
        return send(method, url, headers=headers, body=body)

    def no_mail():
        raise AssertionError("this channel sends no mail")

    return Context(http=http, mail=mail or no_mail, base_url=BASE, **more)
