"""Teams' messages, by https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
(the envelope) and https://adaptivecards.io/explorer/ (elements of version 1.4)."""

import json
from dataclasses import replace

import pytest

from alerts.transports.base import KINDS, ConfigError, Item
from alerts.transports.registry import TRANSPORTS
from alerts.transports.teams.message import payload
from tests.alerts.transports.samples import HOSTILE, NEWS, NOW, RAISED, RESOLVED, context, hostile

TEAMS = TRANSPORTS["teams"]
HOST = "prod-1.westeurope.logic.azure.com"
URL = f"https://{HOST}:443/workflows/1/triggers/manual/paths/invoke?api-version=2016-06-01&sig=x"


def card_of(found):
    assert set(found) == {"type", "attachments"}
    assert found["type"] == "message"
    (attachment,) = found["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    return attachment["content"]


def assert_valid(found):
    """What the documentation demands; a TextRun is the one element with a text in which Markdown means nothing."""
    card = card_of(found)
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["$schema"] == "http://adaptivecards.io/schemas/adaptive-card.json"
    for element in card["body"]:
        assert set(element) == {"type", "inlines"}
        assert element["type"] == "RichTextBlock"
        for run in element["inlines"]:
            assert run["type"] == "TextRun"
            assert run["text"]
            assert set(run) <= {"type", "text", "weight", "size", "color"}
            assert run.get("weight", "Bolder") == "Bolder"
            assert run.get("color", "Good") in ("Good", "Warning", "Attention", "Accent")
    for action in card["actions"]:
        assert action["type"] == "Action.OpenUrl"
        assert action["url"].startswith("https://stats.example.org/")
    # "The message size limit is 28 KB."
    assert len(json.dumps(found, ensure_ascii=False).encode()) < 28_000


def shown(found):
    return ["".join(run["text"] for run in element["inlines"]) for element in card_of(found)["body"]]


def test_what_is_posted(receiver):
    receiver.script.append((202, {}, b""))
    sent = TEAMS.send({"url": URL}, RAISED, now=NOW, context=context(receiver, HOST))
    assert sent.status == 202
    got = receiver.received[0]
    assert got.path == "/workflows/1/triggers/manual/paths/invoke?api-version=2016-06-01&sig=x"
    found = got.json
    assert_valid(found)
    assert shown(found) == [
        "Firing: p95 of GET /orders/{id} is above 500 ms",
        f"Shop: {RAISED.sentence}",
        "p95: 812 ms ±1 %",
        "Limit: 500 ms",
        "Requests: 8,412",
        "Started: 2026-03-29 12:12 Europe/Berlin",
    ]
    assert [(action["title"], action["url"]) for action in card_of(found)["actions"]] == [
        ("Open", RAISED.link), ("Silence", RAISED.silence_link),
    ]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_texts_of_strangers(receiver, text):
    TEAMS.send({"url": URL}, hostile(text), now=NOW, context=context(receiver, HOST))
    assert_valid(receiver.received[0].json)


def test_long_lists_say_how_many_more():
    items = tuple(Item({"http.route": f"/path/{number}"}, "812 ms", "firing") for number in range(500))
    lines = shown(payload(replace(RAISED, alerts=items)))
    assert "http.route=/path/0: 812 ms (firing)" in lines
    assert lines[-1] == "and 461 more"
    assert shown(payload(replace(RAISED, facts=(("a", "b"),) * 30)))[-1] == "…: and 17 more"
    long = tuple(Item({"http.route": "\U0001f600" * 200}, "812 ms", "firing") for _ in range(500))
    found = payload(replace(RAISED, alerts=long))
    assert_valid(found)
    assert shown(found)[-1].endswith(" more")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind):
    assert_valid(payload(replace(RAISED, kind=kind)))


def test_the_colour_says_how_bad_it_is():
    def colour(message):
        return card_of(payload(message))["body"][0]["inlines"][0]["color"]

    assert colour(RAISED) == "Attention"
    assert colour(replace(RAISED, severity="ticket")) == "Warning"
    assert colour(RESOLVED) == "Good"
    assert colour(NEWS) == "Accent"


@pytest.mark.parametrize(
    "url",
    [
        "https://contoso.webhook.office.com/webhookb2/1@2/IncomingWebhook/3/4",
        "https://outlook.office.com/webhook/1@2/IncomingWebhook/3/4",
        "https://outlook.office365.com/webhook/1/IncomingWebhook/3/4",
    ],
)
def test_connectors_are_retired(url):
    with pytest.raises(ConfigError, match=r"retired.*Workflows") as caught:
        TEAMS.check({"url": url})
    assert caught.value.field == "url"


@pytest.mark.parametrize(("url", "words"), [("", "missing"), (URL.replace("https", "http"), "https"), ("x", "https")])
def test_urls_that_are_none(url, words):
    with pytest.raises(ConfigError, match=words):
        TEAMS.check({"url": url})


def test_urls_that_are():
    TEAMS.check({"url": URL})
    TEAMS.check(
        {
            "url": "https://default0123.45.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/"
            "1/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=x"
        }
    )
