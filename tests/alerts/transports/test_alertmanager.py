"""Alertmanager's alerts, held to a real Alertmanager and to https://prometheus.io/docs/alerting/latest/alerts_api/."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.transports.alertmanager.alerts import alerts, label_name, labels_of
from alerts.transports.base import ConfigError, Failed, Item, Refused
from alerts.transports.registry import TRANSPORTS
from tests.alerts.transports.alertmanager import RealAlertmanager
from tests.alerts.transports.samples import HOSTILE, NEWS, NOW, RAISED, RESOLVED, context, hostile

ALERTMANAGER = TRANSPORTS["alertmanager"]
DEAD = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    made = RealAlertmanager(tmp_path_factory.mktemp("alertmanager"))
    yield made
    made.close()


def send(urls, message, now, **config):
    return ALERTMANAGER.send({"urls": urls, **config}, message, now=now, context=context(None))


class TestReal:
    """Each test has an incident of its own, and the real time: Alertmanager goes by its own clock."""

    @pytest.fixture
    def now(self):
        return datetime.now(UTC)

    @pytest.fixture
    def firing(self, now, request):
        return replace(RAISED, rule_name=request.node.name, started=now - timedelta(minutes=18))

    def shown(self, real, message):
        return [alert for alert in real.alerts() if alert["labels"]["alertname"] == message.rule_name]

    def test_raised_shows_up_and_resolved_disappears(self, real, firing, now):
        assert send(real.url, firing, now).status == 200
        (alert,) = self.shown(real, firing)
        assert alert["labels"] == {
            "alertname": firing.rule_name, "project": "shop", "severity": "page", "http_route": "/orders/{id}",
            "service_name": "shop",
        }  # fmt: skip
        assert alert["annotations"]["summary"] == RAISED.title
        assert alert["annotations"]["description"] == RAISED.sentence
        assert alert["annotations"]["p95"] == "812 ms ±1 %"
        assert alert["annotations"]["incident"] == RAISED.incident_id
        assert alert["generatorURL"] == RAISED.link
        assert datetime.fromisoformat(alert["startsAt"]) - firing.started < timedelta(milliseconds=1)
        # Longer than the five minutes after which it would be taken for resolved.
        assert datetime.fromisoformat(alert["endsAt"]) > now + timedelta(days=6)
        send(real.url, replace(firing, kind="resolved", ended=now), now)
        assert self.shown(real, firing) == []

    @pytest.mark.parametrize("kind", ["reminder", "escalated", "flapping", "acknowledged"])
    def test_while_it_lasts_it_is_one_alert(self, real, firing, now, kind):
        send(real.url, firing, now)
        send(real.url, replace(firing, kind=kind, sentence="It is 900 ms now."), now)
        (alert,) = self.shown(real, firing)
        assert alert["annotations"]["description"] == "It is 900 ms now."

    def test_groups_are_alerts_of_their_own(self, real, firing, now):
        items = [Item({"http.route": f"/{number}"}, f"{number} ms", "firing") for number in range(3)]
        send(real.url, replace(firing, alerts=tuple(items)), now)
        found = self.shown(real, firing)
        values = {alert["labels"]["http_route"]: alert["annotations"]["value"] for alert in found}
        assert (len(found), values) == (3, {"/0": "0 ms", "/1": "1 ms", "/2": "2 ms"})
        items[1] = replace(items[1], state="resolved")
        send(real.url, replace(firing, kind="reminder", alerts=tuple(items)), now)
        assert {alert["labels"]["http_route"] for alert in self.shown(real, firing)} == {"/0", "/2"}
        send(real.url, replace(firing, kind="resolved", ended=now, alerts=tuple(items)), now)
        assert self.shown(real, firing) == []

    def test_an_end_in_the_future_is_now(self, real, firing, now):
        """The evaluator's minute may be ahead of the clock by seconds."""
        send(real.url, firing, now)
        send(real.url, replace(firing, kind="resolved", ended=now + timedelta(minutes=2)), now)
        assert self.shown(real, firing) == []

    def test_a_test_ends_by_itself(self, real, firing, now):
        send(real.url, replace(firing, kind="test"), now)
        (alert,) = self.shown(real, firing)
        assert datetime.fromisoformat(alert["endsAt"]) <= now + timedelta(minutes=5)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_texts_of_strangers_are_taken(self, real, firing, now, text):
        before = len(real.alerts())
        message = replace(hostile(text), started=now)
        assert send(real.url, message, now).status == 200
        assert len(real.alerts()) > before
        send(real.url, replace(message, kind="resolved", ended=now), now)
        assert len(real.alerts()) == before

    def test_one_of_a_cluster_is_enough(self, real, firing, now):
        sent = send(f"{DEAD}\n{real.url}/", firing, now)
        assert sent.status == 200
        assert "1 of the members did not take it" in sent.answer
        assert len(self.shown(real, firing)) == 1

    def test_a_path_before_it(self, real, firing, now):
        assert send(f"{real.url}/api/v2/alerts", firing, now).status == 200

    def test_what_it_refuses_is_told(self, real, firing, now):
        with pytest.raises(Refused) as caught:
            send(f"{real.url}/nowhere", firing, now)
        assert caught.value.status == 404


def test_none_of_a_cluster(receiver):
    with pytest.raises(Failed, match="Nobody takes connections"):
        send(f"{DEAD}, {DEAD}/b", RAISED, NOW)
    receiver.script.append((400, {}, b"bad"))
    with pytest.raises(Failed):
        send(f"{receiver.url}\n{DEAD}", RAISED, NOW)
    receiver.script.extend([(400, {}, b"bad"), (400, {}, b"bad")])
    with pytest.raises(Refused, match="bad"):
        send(f"{receiver.url}/a\n{receiver.url}/b", RAISED, NOW)


def test_every_member_is_told(receiver):
    send(f"{receiver.url}/a\n{receiver.url}/b/", RAISED, NOW)
    assert [got.path for got in receiver.received] == ["/a/api/v2/alerts", "/b/api/v2/alerts"]
    assert receiver.received[0].body == receiver.received[1].body


def test_user_and_password(receiver):
    send(receiver.url, RAISED, NOW, username="ada", password="päss:word")
    scheme, _, pair = receiver.received[0].headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", "ada:päss:word")
    send(receiver.url, RAISED, NOW)
    assert "authorization" not in receiver.received[1].headers


def test_news_are_not_for_it():
    assert "news" not in ALERTMANAGER.takes
    with pytest.raises(Refused, match="no news"):
        send("https://alertmanager.example.org", NEWS, NOW)


def test_the_same_labels_from_begin_to_end():
    items = (Item({"http.route": "/a", "Http.Route": "/b"}, "1 ms", "firing"),)
    begin = alerts(replace(RAISED, alerts=items), NOW)
    end = alerts(replace(RESOLVED, title="other", alerts=(replace(items[0], value="2 ms", state="resolved"),)), NOW)
    assert begin[0]["labels"] == end[0]["labels"]
    assert end[0]["endsAt"] == "2026-03-29T10:29:00.000Z"


def test_no_label_takes_anothers_place():
    labels = {
        "alertname": "evil",
        "severity": "none",
        "a.b": "1",
        "a_b": "2",
        "a-b": "3",
        "empty": "",
        "1st": "x",
        "": "y",
    }
    assert labels_of(replace(RAISED, labels={}), Item(labels, "", "")) == {
        "alertname": "Slow orders", "project": "shop", "severity": "page", "alertname_2": "evil", "severity_2": "none",
        "a_b": "3", "a_b_2": "1", "a_b_3": "2", "_1st": "x", "_": "y",
    }  # fmt: skip


@given(st.text(max_size=30))
def test_any_name_becomes_a_valid_one(name):
    """https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels"""
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label_name(name))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "urls"), ({"urls": "ftp://a.example"}, "urls"), ({"urls": "https://a.example/?x=1"}, "urls"),
        ({"urls": "https://ada:secret@a.example"}, "urls"),
        ({"urls": "\n".join(f"https://a{n}.example" for n in range(4))}, "urls"),
        ({"urls": "https://a.example", "username": "a:b"}, "username"),
    ],
)  # fmt: skip
def test_forms_that_are_wrong(config, field):
    with pytest.raises(ConfigError) as caught:
        ALERTMANAGER.check(config)
    assert caught.value.field == field
