"""Webhooks, verified by the reference library of Standard Webhooks
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook as Reference
from standardwebhooks import WebhookVerificationError

from alerts.transports.base import KINDS, ConfigError, Item
from alerts.transports.registry import TRANSPORTS
from alerts.transports.webhook import signing
from alerts.transports.webhook.transport import body_of
from tests.alerts.transports.samples import HOSTILE, NEWS, NOW, RAISED, RESOLVED, context, hostile

WEBHOOK = TRANSPORTS["webhook"]
OLD, NEW = signing.new_secret(), signing.new_secret()


def deliver(receiver, *secrets, message=RAISED, now=None):
    """Send, and give what arrived. now: the real time, since the reference library compares with its own clock."""
    config = {"url": f"{receiver.url}/hook", "secrets": "\n".join(secrets)}
    WEBHOOK.send(config, message, now=now or datetime.now(UTC), context=context(receiver))
    return receiver.received[-1]


def test_the_reference_library_verifies_it(receiver):
    got = deliver(receiver, NEW)
    assert Reference(NEW).verify(got.body, got.headers)["type"] == "alert.raised"
    assert got.headers["webhook-id"] == RAISED.id


def test_a_changed_body_is_not_verified(receiver):
    got = deliver(receiver, NEW)
    with pytest.raises(WebhookVerificationError):
        Reference(NEW).verify(got.body.replace(b"812", b"112"), got.headers)
    with pytest.raises(WebhookVerificationError):
        Reference(NEW).verify(got.body, got.headers | {"webhook-id": "msg_other"})


def test_while_secrets_change_either_is_enough(receiver):
    got = deliver(receiver, NEW, OLD)
    assert len(got.headers["webhook-signature"].split(" ")) == 2
    for secret in (NEW, OLD):
        Reference(secret).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Reference(signing.new_secret()).verify(got.body, got.headers)


def test_the_hour_of_an_aware_time_is_understood(receiver):
    there = datetime.now(timezone(timedelta(hours=9)))
    got = deliver(receiver, NEW, now=there)
    Reference(NEW).verify(got.body, got.headers)
    assert got.headers["webhook-timestamp"] == str(int(there.timestamp()))


def test_sent_again_it_has_the_same_id_and_a_new_time(receiver):
    first = deliver(receiver, NEW, now=NOW)
    again = deliver(receiver, NEW, now=NOW + timedelta(hours=1))
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert int(again.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3_600
    assert first.body == again.body


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_strangers_wrote_arrives_as_they_wrote_it(receiver, text):
    got = deliver(receiver, NEW, message=hostile(text))
    found = Reference(NEW).verify(got.body, got.headers)
    # A lone surrogate cannot be said in UTF-8.
    expected = text.encode("utf-8", "replace").decode()
    assert found["data"]["alerts"][0]["labels"]["http.route"] == expected


def test_what_is_posted():
    assert body_of(RAISED, NOW) == {
        "type": "alert.raised",
        "timestamp": "2026-03-29T10:12:00.000Z",
        "data": {
            "id": "msg_018f6c1e",
            "title": "p95 of GET /orders/{id} is above 500 ms",
            "sentence": "The p95 of GET /orders/{id} has been above 500 ms for 10 minutes; it is 812 ms.",
            "severity": "page",
            "project": {"name": "Shop", "slug": "shop"},
            "rule": "Slow orders",
            "incident": {
                "id": "018f6c1e-7d2a-7000-8000-000000000001",
                "started": "2026-03-29T10:12:00.000Z",
                "ended": None,
                "link": "https://stats.example.org/p/shop/incidents/1?a=1&b=2",
                "silence_link": "https://stats.example.org/p/shop/silence?incident=1",
            },
            "labels": {"http.route": "/orders/{id}", "service.name": "shop"},
            "facts": [
                {"name": "p95", "value": "812 ms ±1 %"},
                {"name": "Limit", "value": "500 ms"},
                {"name": "Requests", "value": "8,412"},
            ],
            "alerts": [],
            "lines": [],
        },
    }


def test_every_kind_has_its_type():
    types = {kind: body_of(hostile("x", kind), NOW)["type"] for kind in KINDS}
    assert types == {
        "raised": "alert.raised", "reminder": "alert.reminder", "escalated": "alert.escalated", "test": "test",
        "acknowledged": "alert.acknowledged", "resolved": "alert.resolved", "flapping": "alert.flapping",
        "news": "news",
    }  # fmt: skip
    assert body_of(RESOLVED, NOW)["timestamp"] == "2026-03-29T10:29:00.000Z"
    assert body_of(NEWS, NOW)["timestamp"] == "2026-03-29T10:30:00.000Z"
    assert json.loads(json.dumps(body_of(NEWS, NOW)))["data"]["lines"] == list(NEWS.lines)
    assert body_of(hostile("x"), NOW)["data"]["alerts"][0] == {
        "labels": dict(Item({"http.route": "x", "x": "x"}, "x", "firing").labels), "value": "x", "state": "firing",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_!!!", "base64"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "24 to 64 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "24 to 64 bytes"),
        ("whsec_", "24 to 64 bytes"),
        ("", "missing"),
        ("\n".join(signing.new_secret() for _ in range(4)), "at most 3"),
    ],
)
def test_secrets_that_are_none(secrets, words):
    with pytest.raises(ConfigError, match=words) as caught:
        WEBHOOK.check({"url": "https://example.org/", "secrets": secrets})
    assert caught.value.field == "secrets"


@pytest.mark.parametrize("size", [24, 25, 32, 64])
def test_secrets_of_others_will_do_padded_or_not(receiver, size):
    secret = "whsec_" + base64.b64encode(bytes(range(size))).decode()
    for form in (secret, secret.rstrip("=")):
        got = deliver(receiver, form)
        Reference(secret).verify(got.body, got.headers)


def test_a_new_secret_is_long_and_another_each_time():
    assert len({signing.new_secret() for _ in range(100)}) == 100
    assert len(signing.key_of(signing.new_secret())) == 32
    # The reference library takes it.
    Reference(signing.new_secret())


@pytest.mark.parametrize(
    "url", ["", "ftp://example.org", "https://a:b@example.org/", "https://127.1/", "example.org/hook"]
)
def test_urls_that_are_none(url):
    with pytest.raises(ConfigError) as caught:
        WEBHOOK.check({"url": url, "secrets": NEW})
    assert caught.value.field == "url"
