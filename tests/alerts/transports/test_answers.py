"""What each channel makes of each answer, by what the vendors say of their statuses."""

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.transports.base import ConfigError, Failed, Refused
from alerts.transports.http import parse_retry_after
from alerts.transports.registry import TRANSPORTS
from tests.alerts.outgoing.receiver import quiet, say
from tests.alerts.transports.samples import NOW, RAISED, context

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOSTS = {
    "slack": ("hooks.slack.com",),
    "teams": ("prod-1.westeurope.logic.azure.com",),
    "pagerduty": ("events.pagerduty.com", "events.eu.pagerduty.com"),
}
CONFIGS = {
    "slack": {"url": "https://hooks.slack.com/services/T0/B0/xyz"},
    "teams": {"url": "https://prod-1.westeurope.logic.azure.com:443/workflows/1/triggers/manual/paths/invoke?sig=x"},
    "pagerduty": {"routing_key": "0123456789abcdef0123456789abcdef", "region": "us"},
}
BY_HTTP = [kind for kind in TRANSPORTS if kind != "email"]
VENDORS = [kind for kind in BY_HTTP if kind != "webhook"]
# What each vendor says when it has taken a message.
TAKEN = {
    "webhook": (204, {}, b""),
    "slack": (200, {}, b"ok"),
    "teams": (202, {}, b""),
    "pagerduty": (202, {}, b'{"status":"success","message":"Event processed","dedup_key":"1"}'),
    "alertmanager": (200, {}, b""),
}


def config_of(kind, receiver):
    if kind == "webhook":
        return {"url": receiver.url, "secrets": SECRET}
    return CONFIGS.get(kind) or {"urls": receiver.url}


def send(kind, receiver, message=RAISED, timeout=5.0):
    where = context(receiver, *HOSTS.get(kind, ()), timeout=timeout)
    return TRANSPORTS[kind].send(config_of(kind, receiver), message, now=NOW, context=where)


def outcome(kind, receiver, error, **more):
    with pytest.raises(error) as caught:
        send(kind, receiver, **more)
    assert len(caught.value.text) < 600
    return caught.value


@pytest.mark.parametrize("kind", BY_HTTP)
def test_taken(kind, receiver):
    receiver.script.append(TAKEN[kind])
    sent = send(kind, receiver)
    assert sent.status == TAKEN[kind][0]
    got = receiver.received[0]
    assert got.method == "POST"
    assert got.headers["content-type"] == "application/json"
    assert isinstance(got.json, dict | list)


@pytest.mark.parametrize("kind", BY_HTTP)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Sun, 29 Mar 2026 10:32:00 GMT", 120.0),
        ("Sun, 29 Mar 2026 10:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_too_many_says_when_to_come_again(kind, receiver, header, seconds):
    receiver.script.append((429, {"Retry-After": header} if header else {}, b"slow down"))
    failed = outcome(kind, receiver, Failed)
    assert (failed.status, failed.retry_after) == (429, seconds)
    assert "slow down" in failed.text


@pytest.mark.parametrize("kind", BY_HTTP)
@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 599])
def test_trouble_inside_may_pass(kind, receiver, status):
    receiver.script.append((status, {"Retry-After": "30"}, b"rollup_error"))
    failed = outcome(kind, receiver, Failed)
    assert (failed.status, failed.retry_after) == (status, 30.0)


@pytest.mark.parametrize("kind", VENDORS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_a_vendors_no_is_a_no(kind, receiver, status):
    receiver.script.append((status, {}, b"channel_is_archived"))
    refused = outcome(kind, receiver, Refused)
    assert refused.status == status
    assert "channel_is_archived" in refused.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422])
def test_of_a_webhook_it_may_be_a_deploy(receiver, status):
    """Standard Webhooks, "Deliverability and reliability": any status but 2xx is tried again."""
    receiver.script.append((status, {}, b"no such hook"))
    failed = outcome("webhook", receiver, Failed)
    assert (failed.status, failed.retry_after) == (status, None)
    assert "no such hook" in failed.text


def test_but_gone_is_gone(receiver):
    receiver.script.append((410, {}, b""))
    refused = outcome("webhook", receiver, Refused)
    assert refused.status == 410
    assert "gone" in refused.text


@pytest.mark.parametrize("kind", BY_HTTP)
def test_a_redirect_is_not_followed(kind, receiver):
    receiver.script.append((302, {"Location": f"{receiver.url}/elsewhere"}, b""))
    error = outcome(kind, receiver, (Refused, Failed))
    assert error.status == 302
    assert "redirect" in error.text
    assert len(receiver.received) == 1


@pytest.mark.parametrize("kind", ["pagerduty"])
def test_pagerduty_takes_by_202_alone(kind, receiver):
    """A page of somebody's proxy with status 200 is no event that was taken."""
    receiver.script.append((200, {}, b"<html>welcome</html>"))
    assert outcome(kind, receiver, Refused).status == 200


@pytest.mark.parametrize("kind", BY_HTTP)
def test_no_answer_in_time(kind, make_raw):
    failed = outcome(kind, Place(make_raw(quiet)), Failed, timeout=0.3)
    assert (failed.status, failed.retry_after) == (0, None)
    assert "0.3 seconds" in failed.text


@pytest.mark.parametrize("kind", BY_HTTP)
def test_nobody_there(kind, make_raw):
    raw = make_raw()
    raw.close()
    assert "Nobody takes connections" in outcome(kind, Place(raw), Failed).text


@pytest.mark.parametrize("kind", BY_HTTP)
def test_no_http(kind, make_raw):
    assert outcome(kind, Place(make_raw(say(b"220 ESMTP\r\n"))), Failed).status == 0


@pytest.mark.parametrize("kind", BY_HTTP)
def test_an_answer_that_is_no_text(kind, receiver):
    receiver.script.append((500, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 100_000) + b"\x00\xff\x1b"))
    assert outcome(kind, receiver, Failed).text.isprintable()


@pytest.mark.parametrize("kind", ["webhook", "alertmanager"])
def test_a_receiver_inside_that_nobody_allowed(kind):
    config = {"url": "http://10.0.0.5/", "secrets": SECRET, "urls": "http://10.0.0.5:9093"}
    with pytest.raises(Refused, match="ALERTS_ALLOWED_NETWORKS"):
        TRANSPORTS[kind].send(config, RAISED, now=NOW, context=context(None))


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_nothing_is_sent_with_a_form_that_is_not_filled_in(kind):
    transport = TRANSPORTS[kind]
    with pytest.raises(ConfigError) as caught:
        transport.send({}, RAISED, now=NOW, context=context(None))
    assert caught.value.field in [field.name for field in transport.fields]
    assert "missing" in caught.value.text


class Place:
    """A raw listener, where a receiver is expected."""

    def __init__(self, raw):
        self.url = f"http://127.0.0.1:{raw.port}"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0), ("120", 120), (" 5 ", 5), ("Sun, 29 Mar 2026 10:30:30 GMT", 30),
        ("Sunday, 29-Mar-26 10:30:30 GMT", 30),
        ("Sun Mar 29 10:30:30 2026", 30), ("Sun, 29 Mar 2026 12:30:30 +0200", 30), ("9" * 5_000, 999_999_999),
        ("-1", None), ("1.5", None), ("١٢", None), ("Sun, 99 Mar 2026 10:30:30 GMT", None), (None, None),
    ],
)  # fmt: skip
def test_retry_after(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)))
def test_retry_after_of_any_date(at):
    header = at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert parse_retry_after(header, NOW) == max(0.0, (at - NOW).total_seconds())


@given(st.text())
def test_retry_after_of_any_text(text):
    found = parse_retry_after(text, NOW)
    assert found is None or found >= 0
