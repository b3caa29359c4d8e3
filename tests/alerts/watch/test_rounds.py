"""Rules over what is stored: what is raised, what it says, and that the past is judged as the present was."""

import random
from datetime import timedelta

import pytest

from alerts.backtest import backtest
from alerts.evaluate.spec import every
from alerts.models import Alert, Evaluation, Incident, IncidentEvent, Rule
from alerts.watch.rounds import evaluate, watermark
from alerts.watch.watched import watched
from tests.alerts.watch.conftest import BEHIND, MINUTE, START, burst, hit, rule_of, run
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def test_one_incident_from_its_start_to_its_end(shop, tmp_path):
    store_hits(shop, tmp_path, burst(range(60), of=range(20, 30)))
    rule = rule_of(shop)
    run(shop, range(5, 60))
    incident = Incident.objects.get()
    # More than half of five minutes fails from the third failing minute on: [20, 23) of [18, 23).
    assert incident.raised == incident.started == START + 23 * MINUTE
    assert incident.ended == START + 33 * MINUTE and incident.peak == 1.0
    assert incident.peak_at == START + 25 * MINUTE
    assert incident.title == "Errors" and incident.severity == "page" and incident.rule == rule
    assert incident.sentence == "The share of server errors was 60.0% over 5 min, above 50.0%."
    kinds = [(event.kind, (event.at - START) // MINUTE) for event in IncidentEvent.objects.order_by("at")]
    assert kinds == [("raised", 23), ("resolved", 33)]
    assert Evaluation.objects.get().up_to == START + 59 * MINUTE


def test_groups_join_and_leave_one_incident(shop, tmp_path):
    store_hits(shop, tmp_path, burst(range(60), "/a", range(20, 30)) + burst(range(60), "/b", range(22, 40)))
    rule_of(shop, group_by=["endpoint"])
    run(shop, range(5, 60))
    incident = Incident.objects.get()
    told = [(event.kind, event.text, (event.at - START) // MINUTE) for event in incident.events.order_by("at", "id")]
    assert told == [
        ("raised", "GET /a", 23), ("joined", "GET /b", 25), ("left", "GET /a", 33), ("resolved", "GET /b", 43),
    ]  # fmt: skip
    assert incident.title == "Errors: 2 endpoints" and incident.ended == START + 43 * MINUTE
    # What was raised lately is remembered, as four times within hours are called flapping.
    assert {alert.state for alert in Alert.objects.all()} == {"inactive"}


def test_steps_wait_until_they_are_over_and_are_taken_once(shop, tmp_path):
    store_hits(shop, tmp_path, burst(range(60)))
    rule_of(shop)
    now = START + 30 * MINUTE + timedelta(seconds=59)
    assert watermark(now) == START + 29 * MINUTE
    assert evaluate(shop.pk, now) == 1
    assert evaluate(shop.pk, now) == 0
    assert evaluate(shop.pk, now + timedelta(seconds=1)) == 1
    # After an outage those of the last hour, in order.
    assert evaluate(shop.pk, now + timedelta(hours=5)) == 60


def test_of_two_workers_one_writes(shop, tmp_path, monkeypatch):
    store_hits(shop, tmp_path, burst(range(60), of=range(20, 30)))
    rule_of(shop)
    run(shop, range(5, 22))
    from alerts.watch import rounds

    real, inner = rounds.look, []

    def meanwhile(*arguments):
        if not inner:
            inner.append(True)
            inner.append(evaluate(shop.pk, START + 23 * MINUTE + BEHIND))
        return real(*arguments)

    monkeypatch.setattr(rounds, "look", meanwhile)
    assert evaluate(shop.pk, START + 23 * MINUTE + BEHIND) == 0 and inner == [True, 2]
    assert Incident.objects.count() == 1 and IncidentEvent.objects.count() == 1


def test_a_question_that_cannot_be_answered_takes_no_other_with_it(shop, tmp_path):
    store_hits(shop, tmp_path, burst(range(60), of=range(20, 30)))
    bad = rule_of(shop, name="Bad", filters=[["status", ["9xx"]]])
    rule_of(shop)
    run(shop, range(20, 26))
    bad.refresh_from_db()
    assert "status is a number" in bad.problem
    assert Incident.objects.get().title == "Errors"
    Rule.objects.filter(pk=bad.pk).update(filters=[])
    run(shop, [26])
    bad.refresh_from_db()
    assert bad.problem == ""


RULES = [
    {"metric": "error_rate", "condition": {"threshold": 0.3, "window": 5, "minimum_events": 4}},
    {"metric": "error_rate", "group_by": ["endpoint"], "condition": {"threshold": 0.4, "window": 15, "for_minutes": 3,
                                                                     "keep_firing_for": 5}},
    {"metric": "p95", "condition": {"threshold": 0.8, "clear": 0.5, "window": 10}},
    {"metric": "requests", "condition": {"threshold": 8.0, "window": 5, "above": False}},
    {"kind": "burn_rate", "metric": "", "condition": {"objective": 0.9, "factor": 1.2, "long": 60, "short": 5}},
    {"kind": "change", "metric": "requests", "group_by": ["service"],
     "condition": {"threshold": 0.8, "window": 10, "compare": 60}},
    {"kind": "no_data", "metric": "", "group_by": ["endpoint"], "condition": {"window": 100}},
]  # fmt: skip


def test_the_past_is_judged_as_the_present_was(shop, tmp_path):
    draw = random.Random(7)
    hits = []
    for minute in range(360):
        bad = minute % 90 in range(20, 34)
        for _ in range(draw.randrange(8) if minute % 70 not in range(60, 68) else 0):
            route = draw.choice(("/a", "/b", "/c", "/c", "/c") if minute < 200 else ("/a", "/b"))
            failing = bad and draw.random() < 0.7
            hits.append(hit(minute + draw.random(), route, 500 if failing else 200,
                            duration=draw.choice((0.1, 0.3, 1.2)) if bad else 0.1))  # fmt: skip
    store_hits(shop, tmp_path, hits)
    rules = [rule_of(shop, **given) for given in RULES]
    first, last = 60, 340
    run(shop, range(first, last + 1))
    begin, end = START + (first - 1) * MINUTE, START + last * MINUTE
    for rule in rules:
        lived = [
            (one.started, one.raised, one.ended, one.peak, one.sentence)
            for one in Incident.objects.filter(rule=rule).order_by("raised")
        ]
        tried = backtest(shop.pk, watched(rule), begin, end, START + timedelta(days=1))
        assert [(one.started, one.raised, one.end, one.peak, one.sentence) for one in tried.episodes] == lived
        assert lived, f"nothing was compared of {rule.kind}"
        pace = every(watched(rule).spec)
        assert tried.raised == len(lived)
        assert tried.steps == sum(minute % pace == 0 for minute in range(first, last + 1))
