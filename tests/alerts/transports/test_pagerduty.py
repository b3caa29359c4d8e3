"""PagerDuty's events, by https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ and
https://developer.pagerduty.com/docs/events-api-v2/send-change-events/."""

import json
from dataclasses import replace

import pytest

from alerts.transports.base import KINDS, ConfigError, Item, Refused
from alerts.transports.registry import TRANSPORTS
from tests.alerts.transports.samples import HOSTILE, NEWS, NOW, RAISED, RESOLVED, context, hostile

PAGERDUTY = TRANSPORTS["pagerduty"]
KEY = "0123456789abcdef0123456789ABCDEF"
HOSTS = ("events.pagerduty.com", "events.eu.pagerduty.com")
TAKEN = (202, {}, b'{"status":"success","message":"Event processed","dedup_key":"x"}')


def send(receiver, message, region="us", hosts=HOSTS[:1]):
    before = len(receiver.received)
    receiver.script.extend([TAKEN, TAKEN])
    PAGERDUTY.send({"routing_key": KEY, "region": region}, message, now=NOW, context=context(receiver, *hosts))
    receiver.script.clear()
    return receiver.received[before:]


def assert_valid(event):
    """The table of fields in "Event format"."""
    assert event["routing_key"] == KEY
    assert event["event_action"] in ("trigger", "acknowledge", "resolve")
    assert 1 <= len(event["dedup_key"]) <= 255
    if event["event_action"] == "trigger":
        payload = event["payload"]
        assert 1 <= len(payload["summary"]) <= 1_024
        assert payload["source"]
        assert payload["severity"] in ("critical", "error", "warning", "info")
        assert isinstance(payload["custom_details"], dict)
        assert all(set(link) == {"href", "text"} for link in event["links"])
    # "The maximum size of the request is 512 KB."
    assert len(json.dumps(event, ensure_ascii=False).encode()) < 512_000


def test_raised_triggers(receiver):
    (got,) = send(receiver, RAISED)
    assert got.path == "/v2/enqueue"
    assert_valid(got.json)
    assert got.json == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": RAISED.incident_id,
        "payload": {
            "summary": "Shop: p95 of GET /orders/{id} is above 500 ms",
            "source": "shop",
            "severity": "critical",
            "timestamp": "2026-03-29T10:12:00.000Z",
            "class": "Slow orders",
            "custom_details": {
                "sentence": RAISED.sentence,
                "p95": "812 ms ±1 %",
                "Limit": "500 ms",
                "Requests": "8,412",
                "Started": "2026-03-29 12:12 Europe/Berlin",
            },
        },
        "client": "Endpoint Stats",
        "client_url": "https://stats.example.org",
        "links": [
            {"href": RAISED.link, "text": "Open in Endpoint Stats"},
            {"href": RAISED.silence_link, "text": "Silence"},
        ],
    }


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        ("raised", ["trigger"]), ("reminder", ["trigger"]), ("escalated", ["trigger"]), ("flapping", ["trigger"]),
        ("acknowledged", ["acknowledge"]), ("resolved", ["resolve"]), ("test", ["trigger", "resolve"]),
    ],
)  # fmt: skip
def test_what_a_message_does(receiver, kind, actions):
    """All events of an incident have its key; a test ends at once."""
    events = [got.json for got in send(receiver, replace(RAISED, kind=kind))]
    assert [event["event_action"] for event in events] == actions
    assert {event["dedup_key"] for event in events} == {RAISED.incident_id}
    for event in events:
        assert_valid(event)


def test_how_bad_it_is(receiver):
    def severity(message):
        return send(receiver, message)[0].json["payload"]["severity"]

    assert severity(RAISED) == "critical"
    assert severity(replace(RAISED, severity="ticket")) == "warning"
    assert severity(replace(RAISED, kind="test")) == "info"


def test_news_are_changes(receiver):
    (got,) = send(receiver, NEWS)
    assert got.path == "/v2/change/enqueue"
    event = got.json
    assert set(event) == {"routing_key", "payload", "links"}
    assert event["payload"]["summary"] == "Shop: This week in Shop"
    assert event["payload"]["timestamp"] == "2026-03-29T10:30:00.000Z"
    assert event["payload"]["custom_details"]["lines"] == list(NEWS.lines)


def test_europe_has_its_own_place(receiver):
    assert send(receiver, RESOLVED, region="eu", hosts=HOSTS[1:])[0].path == "/v2/enqueue"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["raised", "news"])
def test_texts_of_strangers(receiver, text, kind):
    (got,) = send(receiver, hostile(text, kind))
    if kind == "raised":
        assert_valid(got.json)
    assert len(got.body) < 512_000
    assert len(got.json["payload"]["summary"]) <= 1_024


def test_long_lists_say_how_many_more(receiver):
    items = tuple(Item({"http.route": f"/path/{number}"}, "812 ms", "firing") for number in range(500))
    groups = send(receiver, replace(RAISED, alerts=items))[0].json["payload"]["custom_details"]["groups"]
    assert (groups[0], groups[-1]) == ("http.route=/path/0: 812 ms (firing)", "and 451 more")


def test_a_fact_cannot_take_the_place_of_the_sentence(receiver):
    message = replace(RAISED, facts=(("sentence", "evil"), ("groups", "evil")), alerts=(Item({}, "1", "firing"),))
    details = send(receiver, message)[0].json["payload"]["custom_details"]
    assert details["sentence"] == RAISED.sentence
    assert details["groups"] == ["all: 1 (firing)"]


def test_a_refusal_says_why(receiver):
    receiver.script.append(
        (400, {}, json.dumps({
            "status": "invalid event", "message": "Event object is invalid",
            "errors": ["Length of 'routing_key' is incorrect (should be 32 characters)"],
        }).encode())
    )  # fmt: skip
    with pytest.raises(Refused, match=r"Length of 'routing_key' is incorrect") as caught:
        PAGERDUTY.send({"routing_key": KEY, "region": "us"}, RAISED, now=NOW, context=context(receiver, *HOSTS))
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b'{"errors": null}', b'{"errors": []}', b"[" * 100_000])
def test_whatever_it_says(receiver, body):
    receiver.script.append((400, {}, body))
    with pytest.raises(Refused):
        PAGERDUTY.send({"routing_key": KEY, "region": "us"}, RAISED, now=NOW, context=context(receiver, *HOSTS))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"routing_key": KEY}, "region"), ({"routing_key": KEY, "region": "mars"}, "region"),
        ({"region": "us"}, "routing_key"), ({"routing_key": KEY[:-1], "region": "us"}, "routing_key"),
        ({"routing_key": KEY[:-1] + "/", "region": "us"}, "routing_key"),
    ],
)  # fmt: skip
def test_forms_that_are_wrong(config, field):
    with pytest.raises(ConfigError) as caught:
        PAGERDUTY.check(config)
    assert caught.value.field == field


def test_every_kind_is_taken(receiver):
    for kind in KINDS:
        assert send(receiver, replace(RAISED, kind=kind))
