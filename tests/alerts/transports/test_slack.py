"""Slack's messages, by https://docs.slack.dev/reference/block-kit/blocks and
https://docs.slack.dev/messaging/formatting-message-text."""

import re
from dataclasses import replace

import pytest

from alerts.transports.base import KINDS, ConfigError, Item
from alerts.transports.registry import TRANSPORTS
from alerts.transports.slack.message import payload
from tests.alerts.transports.samples import HOSTILE, NEWS, NOW, RAISED, RESOLVED, context, hostile

SLACK = TRANSPORTS["slack"]
URL = "https://hooks.slack.com/services/T0/B0/xyz"


def texts(found):
    """Every text object of a message."""
    if isinstance(found, dict):
        if found.get("type") in ("plain_text", "mrkdwn"):
            yield found
        for value in found.values():
            yield from texts(value)
    if isinstance(found, list):
        for value in found:
            yield from texts(value)


def assert_valid(found):
    """What Slack's documentation demands of a message."""
    assert set(found) == {"text", "mrkdwn", "unfurl_links", "unfurl_media", "blocks"}
    assert 1 <= len(found["text"]) <= 4_000
    assert 1 <= len(found["blocks"]) <= 50
    for block in found["blocks"]:
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text"
            assert 1 <= len(block["text"]["text"]) <= 150
        elif block["type"] == "section":
            assert ("text" in block) != ("fields" in block)
            assert 1 <= len(block.get("text", {"text": "x"})["text"]) <= 3_000
            assert len(block.get("fields", ())) <= 10
            assert all(1 <= len(field["text"]) <= 2_000 for field in block.get("fields", ()))
        else:
            assert block["type"] == "context"
            assert 1 <= len(block["elements"]) <= 10
    assert sum(len(one["text"]) for one in texts(found)) < 13_000


def assert_harmless(found):
    """No text but our own line of links is markup, and none has a character that Slack would parse."""
    for one in texts(found["blocks"]):
        if one["type"] == "plain_text":
            assert not set(one["text"]) & set("<>")
            assert not re.search(r"&(?!amp;|lt;|gt;)", one["text"])
    assert not set(found["text"]) & set("<>")
    assert not re.search(r"&(?!amp;|lt;|gt;)", found["text"])
    markup = [one for one in texts(found["blocks"]) if one["type"] == "mrkdwn"]
    assert [one["text"] for one in markup] == [
        "<https://stats.example.org/p/shop/incidents/1?a=1&amp;b=2|Open>"
        "  ·  <https://stats.example.org/p/shop/silence?incident=1|Silence>"
    ]
    assert found["mrkdwn"] is False


def test_what_is_posted(receiver):
    SLACK.send({"url": URL}, RAISED, now=NOW, context=context(receiver, "hooks.slack.com"))
    got = receiver.received[0]
    assert (got.method, got.path) == ("POST", "/services/T0/B0/xyz")
    found = got.json
    assert_valid(found)
    assert_harmless(found)
    assert found["text"] == "Firing: p95 of GET /orders/{id} is above 500 ms (Shop)"
    header, sentence, table, links = found["blocks"]
    assert header["text"]["text"] == "Firing: p95 of GET /orders/{id} is above 500 ms"
    assert sentence["text"]["text"] == f"Shop: {RAISED.sentence}"
    assert [field["text"] for field in table["fields"]] == [
        "p95\n812 ms ±1 %", "Limit\n500 ms", "Requests\n8,412", "Started\n2026-03-29 12:12 Europe/Berlin",
    ]  # fmt: skip
    assert links["elements"][0]["verbatim"] is True


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_texts_of_strangers(receiver, text):
    SLACK.send({"url": URL}, hostile(text), now=NOW, context=context(receiver, "hooks.slack.com"))
    found = receiver.received[0].json
    assert_valid(found)
    assert_harmless(found)


def test_a_mention_is_only_text():
    found = payload(hostile("<!channel> & <https://evil.example|click>"))
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in found["blocks"][1]["text"]["text"]


def test_no_escape_is_cut_in_two():
    for size in range(140, 160):
        assert_harmless(payload(replace(hostile("x"), title="a" * size + "&" * 5)))
        assert_valid(payload(replace(hostile("x"), title="a" * (size - 40) + "<" * 50)))


def test_long_lists_say_how_many_more():
    items = tuple(Item({"http.route": f"/path/{number}"}, "812 ms", "firing") for number in range(500))
    text = payload(replace(RAISED, alerts=items))["blocks"][3]["text"]["text"]
    lines = text.split("\n")
    assert lines[0] == "http.route=/path/0: 812 ms (firing)"
    assert lines[-1] == f"and {500 - len(lines) + 1} more"
    assert len(lines) == 20
    table = payload(replace(RAISED, facts=tuple((str(n), "x") for n in range(30))))["blocks"][2]["fields"]
    assert [field["text"] for field in table] == [*(f"{n}\nx" for n in range(9)), "…\nand 22 more"]
    long = tuple(Item({"http.route": "&" * 200}, "812 ms", "firing") for _ in range(500))
    lines = payload(replace(RAISED, alerts=long))["blocks"][3]["text"]["text"].split("\n")
    assert lines[-1] == f"and {500 - len(lines) + 1} more"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind):
    assert_valid(payload(replace(RAISED, kind=kind)))


def test_news_and_an_end():
    found = payload(NEWS)
    assert_valid(found)
    assert found["blocks"][2]["text"]["text"] == "v1.4.2 came on Monday\nGET /carts is new"
    assert payload(RESOLVED)["text"].startswith("Resolved: ")


def test_a_link_cannot_end_itself():
    found = payload(replace(RAISED, link="https://stats.example.org/?q=a|b>c<d", silence_link=""))
    assert found["blocks"][-1]["elements"][0]["text"] == "<https://stats.example.org/?q=a%7Cb%3Ec%3Cd|Open>"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "missing"),
        ("http://hooks.slack.com/services/T0/B0/xyz", "https"),
        ("https://hooks.slack.com.evil.example/services/T0/B0/xyz", "must begin with https://hooks.slack.com/"),
        ("https://example.org/services/T0/B0/xyz", "must begin with"),
        ("https://hooks.slack.com/", "not whole"),
        ("https://hooks.slack.com/services/", "not whole"),
        ("https://hooks.slack.com/triggers/E0/1/x", "incoming webhook"),
    ],
)
def test_urls_that_are_none(url, words):
    with pytest.raises(ConfigError, match=words) as caught:
        SLACK.check({"url": url})
    assert caught.value.field == "url"


def test_urls_that_are():
    SLACK.check({"url": URL})
    SLACK.check({"url": "https://hooks.slack-gov.com/services/T0/B0/xyz"})
