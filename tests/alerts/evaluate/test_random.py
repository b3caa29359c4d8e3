"""10,000 random rules and timelines, step by step against naive.py, which sees each timeline as a whole."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from alerts.evaluate.judge import Judgement, Outcome, judge
from alerts.evaluate.machine import STALE, UNMEASURED, State, advance
from alerts.evaluate.spec import Sample, Spec, every, needs
from tests.alerts.evaluate import naive
from tests.alerts.evaluate.timelines import KINDS, rule_of, timeline_of

START = datetime(2026, 1, 5, tzinfo=UTC)
TIMELINES = 10_000
PARTS = 10


def letter(judgement):
    if judgement.outcome is Outcome.UNKNOWN:
        return "U" if judgement.reason in UNMEASURED else "F"
    return {"breach": "B", "clear": "C", "between": "T"}[judgement.outcome]


def samples_of(spec, windows):
    metrics = {need.name: need.metrics[0] for need in needs(spec)}
    return {
        name: window and Sample({metrics[name]: window[0]}, window[1], window[2]) for name, window in windows.items()
    }


def told_step_by_step(spec, judgements, minutes):
    alert, found = None, naive.Story()
    for number, judgement in enumerate(judgements):
        alert, told = advance(spec, alert, judgement, START + timedelta(minutes=number * minutes))
        found.states.append(str(alert.state if alert else State.INACTIVE))
        found.told.append(str(told or ""))
        steps = [moment and (moment - START) // timedelta(minutes=minutes) for moment in
                 ((alert.started, alert.breached) if alert else (None, None))]  # fmt: skip
        found.started.append(steps[0])
        found.breached.append(steps[1])
        if alert and alert.state is State.RESOLVED and alert.reason == STALE:
            found.given_up.append(number)
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_each_timeline_is_told_as_the_naive_reading_has_it(part):
    dice = random.Random(f"timelines {part}")
    seen = Counter()
    for number in range(TIMELINES // PARTS):
        kind = KINDS[number % len(KINDS)]
        rule, minutes = rule_of(dice, kind)
        timeline, spec = timeline_of(dice, rule), Spec(**rule)
        assert every(spec) == minutes
        judgements = [judge(spec, samples_of(spec, step), START) for step in timeline]
        outcomes = naive.letters(rule, timeline)
        assert "".join(letter(judgement) for judgement in judgements) == outcomes, (rule, timeline)
        expected = naive.story(rule, outcomes, minutes)
        assert told_step_by_step(spec, judgements, minutes) == expected, (rule, outcomes)
        seen.update((kind, word) for word in (*expected.states, *expected.told, *outcomes))
        seen.update([*expected.told, *["given up" for _ in expected.given_up]])
    # It has been about all of it.
    for kind in KINDS:
        for word in (*State, "raised", "resolved", "B", "C"):
            assert seen[kind, word] >= 5, (kind, word)
        assert seen[kind, "T"] or kind in ("no_data", "new_endpoint")
        assert seen[kind, "F"] or kind == "burn_rate"
        assert seen[kind, "U"] or kind == "no_data"
    assert min(seen["flapping"], seen["settled"], seen["given up"]) >= 2, seen


OUTCOMES = {
    "B": Judgement(Outcome.BREACH, 1.0, 0.5),
    "C": Judgement(Outcome.CLEAR, 0.1, 0.5),
    "T": Judgement(Outcome.BETWEEN, 0.4, 0.5),
    "U": Judgement(Outcome.UNKNOWN, reason="unmeasured"),
    "F": Judgement(Outcome.UNKNOWN, reason="few"),
}


def test_what_comes_and_goes_is_told_as_the_naive_reading_has_it():
    """Outcomes alone, most of them alternating: flapping and settling in every order."""
    dice, seen = random.Random("comes and goes"), Counter()
    for _ in range(2_000):
        rule = {"kind": "threshold", "window": dice.choice((90, 300)), "keep_firing_for": dice.choice((0, 0, 60))}
        spec = Spec(**rule, metric="p95", threshold=0.5)
        parts = [dice.choice(("BC", "BC", "BCC", "BUC", "B", "C", "U", "T")) * dice.randint(1, 9) for _ in range(9)]
        outcomes = "".join(parts)
        expected = naive.story(rule, outcomes, every(spec))
        assert told_step_by_step(spec, [OUTCOMES[name] for name in outcomes], every(spec)) == expected, (rule, outcomes)
        seen.update(expected.told)
    assert min(seen[word] for word in ("raised", "resolved", "flapping", "settled")) >= 500, seen


rules = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["threshold", "no_data"]),
        "window": st.sampled_from([5, 90, 300]),
        "for_minutes": st.integers(0, 3).map(lambda steps: steps * 30),
        "keep_firing_for": st.integers(0, 3).map(lambda steps: steps * 30),
        "no_data": st.sampled_from(["keep", "ok", "alert"]),
    }
)
runs = st.tuples(st.sampled_from("BCTUF"), st.sampled_from([1, 1, 1, 2, 3, 9, 30])).map(lambda run: run[0] * run[1])
texts = st.one_of(st.lists(runs, max_size=12).map("".join), st.text("BBBCCCU", max_size=60))


@settings(max_examples=400)
@given(rules, texts)
def test_any_outcomes_are_told_as_the_naive_reading_has_them(rule, outcomes):
    if rule["kind"] == "no_data":
        rule = rule | {"no_data": "keep"}
    spec = Spec(**rule, metric="p95", threshold=0.5)
    note(outcomes)
    found = told_step_by_step(spec, [OUTCOMES[name] for name in outcomes], every(spec))
    assert found == naive.story(rule, outcomes, every(spec))
