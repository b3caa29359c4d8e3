"""What a judgement shows: the value, what it was held against, and the numbers that it rests on."""

import random
from datetime import UTC, datetime

import numpy as np
import pytest

from alerts.evaluate.judge import BASELINES, Outcome, judge
from alerts.evaluate.spec import USUAL, Sample, Spec

AT = datetime(2026, 1, 5, tzinfo=UTC)


def sample(metric, value, requests=1000, coverage=1.0):
    return Sample({metric: value}, requests, coverage)


def test_a_threshold_shows_the_number_and_the_threshold():
    found = judge(Spec("threshold", "p95", threshold=0.5), {"now": sample("p95", 0.7)}, AT)
    assert (found.outcome, found.value, found.limit, found.reason) == (Outcome.BREACH, 0.7, 0.5, "")


def test_few_requests_show_the_number_all_the_same():
    spec = Spec("threshold", "p95", threshold=0.5, minimum_events=9)
    found = judge(spec, {"now": sample("p95", 0.7, requests=8)}, AT)
    assert (found.outcome, found.value, found.reason) == (Outcome.UNKNOWN, 0.7, "few")


@pytest.mark.parametrize(("above", "limit"), [(True, 0.5), (False, -0.5)])
def test_a_change_shows_the_share_and_both_numbers(above, limit):
    spec = Spec("change", "rate", above, threshold=0.5)
    found = judge(spec, {"now": sample("rate", 6.0), "before": sample("rate", 8.0)}, AT)
    assert (found.value, found.limit) == (-0.25, limit)
    assert found.detail == {"now": 6.0, "before": 8.0}


def test_a_burn_rate_shows_what_both_windows_burn_at_least():
    samples = {"long": sample("errors", 300.0), "short": sample("errors", 20.0, requests=100)}
    found = judge(Spec("burn_rate", objective=0.99), samples, AT)
    assert found.outcome is Outcome.BREACH
    assert (found.value, found.limit) == (pytest.approx(20), 14.4)
    assert found.detail["long"] == pytest.approx(30)
    assert found.detail["short"] == pytest.approx(20)
    assert (found.detail["long_bad"], found.detail["long_requests"]) == (300, 1000)
    assert (found.detail["short_bad"], found.detail["short_requests"]) == (20, 100)


def test_silence_shows_how_many_were_to_be_expected():
    before = sample("requests", 14_400, requests=14_400)
    found = judge(Spec("no_data", window=10), {"now": None, "before": before}, AT)
    assert (found.outcome, found.value, found.limit) == (Outcome.BREACH, 0.0, 100.0)


def test_an_anomaly_shows_the_edge_of_the_usual_as_numpy_has_it():
    dice = random.Random("usual")
    for _ in range(300):
        above, sensitivity = dice.random() < 0.5, dice.choice((2.0, 4.0))
        spec = Spec("anomaly", "p95", above, sensitivity=sensitivity)
        past = [dice.choice((None, dice.uniform(0.5, 3), dice.gauss(1, 0.02))) for _ in USUAL]
        measured = np.array([number for number in past if number is not None])
        value = dice.uniform(0.2, 2)
        usual = {name: sample("p95", number) for name, number in zip(USUAL, past, strict=True)}
        found = judge(spec, {"now": sample("p95", value)} | usual, AT)
        assert (found.value, found.outcome is Outcome.UNKNOWN) == (value, len(measured) < BASELINES)
        if len(measured) < BASELINES:
            continue
        middle = np.median(measured)
        spread = max(1.4826 * np.median(np.abs(measured - middle)), 0.05 * middle)
        edge = middle + (1 if above else -1) * sensitivity * spread
        assert found.limit == pytest.approx(edge)
        assert found.detail == pytest.approx({"median": middle, "scale": spread, "baselines": len(measured)})
        beyond = value > edge if above else value < edge
        assert (found.outcome is Outcome.BREACH) == (beyond and abs(value - middle) >= 0.01)


@pytest.mark.parametrize(
    "spec",
    [
        Spec("threshold", "p95", threshold=0.5),
        Spec("change", "p95", threshold=0.5),
        Spec("burn_rate", objective=0.99),
        Spec("no_data"),
        Spec("new_endpoint", window=60),
        Spec("anomaly", "p95"),
    ],
    ids=lambda spec: spec.kind,
)
def test_nothing_known_is_unknown(spec):
    found = judge(spec, {}, AT)
    assert found.outcome is Outcome.UNKNOWN
    assert found.reason == ("baseline" if spec.kind == "no_data" else "unmeasured")


def test_what_is_no_number_is_unmeasured():
    found = judge(Spec("threshold", "p95", threshold=0.5), {"now": sample("p95", float("nan"))}, AT)
    assert (found.outcome, found.reason) == (Outcome.UNKNOWN, "unmeasured")
