"""What is remembered from step to step; the states themselves are held by the data files and by naive.py."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from alerts.evaluate.judge import Judgement, Outcome
from alerts.evaluate.machine import Alert, State, Transition, advance
from alerts.evaluate.spec import Spec

START = datetime(2026, 1, 5, tzinfo=UTC)
RULE = {"kind": "threshold", "metric": "p95", "threshold": 0.5}
CLEAR, UNKNOWN = Judgement(Outcome.CLEAR, 0.1, 0.5), Judgement(Outcome.UNKNOWN, reason="unmeasured")


def breach(value):
    return Judgement(Outcome.BREACH, value, 0.5)


def minute(number):
    return START + timedelta(minutes=number)


def story(spec, *judgements, every=1, alert=None):
    """The alerts after each step."""
    found = []
    for number, judgement in enumerate(judgements):
        alert, _ = advance(spec, alert, judgement, minute(number * every))
        found.append(alert)
    return found


def test_nothing_is_remembered_of_what_is_well():
    spec = Spec(**RULE)
    for judgement in (CLEAR, UNKNOWN, Judgement(Outcome.BETWEEN, 0.4, 0.5)):
        assert advance(spec, None, judgement, START) == (None, None)


@pytest.mark.parametrize("late", [0, -1, -600])
def test_a_step_that_is_not_later_is_refused(late):
    (alert,) = story(Spec(**RULE), breach(1.0))
    with pytest.raises(ValueError, match="not later than the last one"):
        advance(Spec(**RULE), alert, CLEAR, minute(late))


def test_the_life_of_an_alert():
    spec = Spec(**RULE, for_minutes=1, keep_firing_for=1, clear=0.3)
    pending, firing, between, unknown, recovering, resolved, over = story(
        spec, breach(0.6), breach(0.9), Judgement(Outcome.BETWEEN, 0.4, 0.5), UNKNOWN, CLEAR, CLEAR, CLEAR
    )
    assert pending == Alert(State.PENDING, minute(0), minute(0), minute(0), minute(0), value=0.6, peak=0.6)
    assert firing == Alert(
        State.FIRING, minute(1), minute(1), minute(0), minute(1), turned=minute(1), value=0.9, peak=0.9,
        raised=(minute(1),),
    )  # fmt: skip
    assert (between.state, between.since, between.breached) == (State.FIRING, minute(1), minute(1))
    assert (between.value, between.peak) == (0.4, 0.9)
    assert (unknown.unknown_since, unknown.reason, unknown.value) == (minute(3), "unmeasured", 0.4)
    assert (recovering.state, recovering.since, recovering.unknown_since) == (State.RECOVERING, minute(4), None)
    assert (recovering.reason, recovering.value, recovering.active) == ("", 0.1, True)
    assert (resolved.state, resolved.since, resolved.turned) == (State.RESOLVED, minute(5), minute(5))
    assert (resolved.started, resolved.breached, resolved.peak) == (minute(0), minute(1), 0.9)
    assert not resolved.active
    assert (over.state, over.started, over.breached, over.peak) == (State.INACTIVE, None, None, None)


def test_a_new_episode_begins_with_its_own_numbers():
    first, _, again = story(Spec(**RULE), breach(9.0), CLEAR, breach(0.6))
    assert (first.started, first.peak) == (minute(0), 9.0)
    assert (again.state, again.started, again.peak) == (State.FIRING, minute(2), 0.6)


def test_raises_are_remembered_for_as_long_as_they_count():
    spec = Spec(**RULE, window=300)
    alerts = story(spec, breach(1.0), *[CLEAR] * 7, every=60)
    assert [alert.raised if alert else None for alert in alerts] == [(minute(0),)] * 7 + [None]


def test_the_peak_is_the_worst_of_the_breaches():
    few = Judgement(Outcome.UNKNOWN, 99.0, reason="few")
    alert = story(Spec(**RULE), breach(0.6), breach(0.8), few, breach(0.7))[-1]
    assert (alert.value, alert.peak) == (0.7, 0.8)
    low = Spec("threshold", "apdex", above=False, threshold=0.9)
    assert story(low, breach(0.8), breach(0.5), breach(0.7))[-1].peak == 0.5


def test_unmeasured_steps_that_breach_have_no_value():
    spec = Spec(**RULE, no_data="alert")
    alert, after = story(spec, UNKNOWN, breach(0.7))
    assert (alert.state, alert.value, alert.peak) == (State.FIRING, None, None)
    assert (alert.unknown_since, alert.reason) == (None, "")
    assert (after.value, after.peak) == (0.7, 0.7)


def test_what_was_not_evaluated_counts_as_one_step():
    spec = Spec(**RULE, for_minutes=3, keep_firing_for=3)
    alert, _ = advance(spec, None, breach(1.0), minute(0))
    alert, told = advance(spec, alert, breach(1.0), minute(50))
    assert (alert.state, alert.held, told) == (State.PENDING, 1, None)
    for number in (51, 52):
        alert, told = advance(spec, alert, breach(1.0), minute(number))
    assert (alert.state, told) == (State.FIRING, Transition.RAISED)
    alert, _ = advance(spec, alert, CLEAR, minute(53))
    alert, told = advance(spec, alert, CLEAR, minute(90))
    assert (alert.state, alert.held, told) == (State.RECOVERING, 1, None)


def test_silence_goes_on_while_nothing_is_evaluated():
    spec = Spec(**RULE)
    _, unknown = story(spec, breach(1.0), UNKNOWN)
    kept, told = advance(spec, unknown, UNKNOWN, minute(1 + 359))
    assert (kept.state, told) == (State.FIRING, None)
    given_up, told = advance(spec, unknown, UNKNOWN, minute(1 + 360))
    assert (given_up.state, given_up.reason, told) == (State.RESOLVED, "stale", Transition.RESOLVED)


def test_burn_rates_are_given_up_by_their_long_window():
    spec = Spec("burn_rate", objective=0.99, factor=1, long=4320, short=360)
    _, unknown = story(spec, breach(2.0), UNKNOWN, every=60)
    assert advance(spec, unknown, UNKNOWN, minute(60 + 8639))[0].state is State.FIRING
    assert advance(spec, unknown, UNKNOWN, minute(60 + 8640))[0].state is State.RESOLVED


def test_settled_says_at_which_end():
    spec, alert, told = Spec(**RULE), None, None
    for number in range(7):
        alert, told = advance(spec, alert, CLEAR if number % 2 else breach(1.0), minute(number))
    assert (told, alert.flapping, alert.raised) == (Transition.FLAPPING, True, tuple(map(minute, (0, 2, 4, 6))))
    for end, judgement in ((State.FIRING, breach(1.0)), (State.INACTIVE, CLEAR)):
        last, told = advance(spec, alert, judgement, minute(7))
        settled, message = advance(spec, last, judgement, minute(7 + 120))
        assert (told, message, settled.state) == (None, Transition.SETTLED, end)
        assert (settled.flapping, settled.raised) == (False, ())


def test_json_keeps_all_and_goes_on_alike():
    dice = random.Random("json")
    choices = (breach(0.6), breach(2.5), CLEAR, CLEAR, Judgement(Outcome.BETWEEN, 0.4, 0.5), UNKNOWN)
    seen = set()
    for _ in range(400):
        spec = Spec(**RULE, window=90, keep_firing_for=dice.choice((0, 15)), for_minutes=dice.choice((0, 15)))
        alert = None
        for number in range(40):
            judgement, at = dice.choice(choices), minute(15 * number)
            kept = alert and Alert.from_json(json.loads(json.dumps(alert.to_json())))
            assert kept == alert
            after = advance(spec, alert, judgement, at)
            assert advance(spec, kept, judgement, at) == after
            alert = after[0]
            seen.add((alert.state, alert.flapping) if alert else None)
    assert len(seen) == 2 * len(State) + 1


@pytest.mark.parametrize(
    ("wrong", "error"),
    [({"state": "on fire"}, ValueError), ({"at": "yesterday"}, ValueError), ({"colour": "red"}, TypeError)],
)
def test_json_that_was_not_written_by_it_is_refused(wrong, error):
    (alert,) = story(Spec(**RULE), breach(1.0))
    with pytest.raises(error):
        Alert.from_json(alert.to_json() | wrong)
    with pytest.raises(KeyError):
        Alert.from_json({"state": "firing"})
