"""One step over many groups: the same as each group by itself, the quick look notwithstanding."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from alerts.evaluate.judge import judge
from alerts.evaluate.machine import advance
from alerts.evaluate.spec import USUAL, Sample, Spec
from alerts.evaluate.step import step, suspicion
from tests.alerts.evaluate.test_random import samples_of
from tests.alerts.evaluate.timelines import KINDS, rule_of, timeline_of

START = datetime(2026, 1, 5, tzinfo=UTC)
GROUPS, RULES = 12, 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_what_each_group_comes_to_by_itself(kind):
    dice, skipped, told = random.Random(f"step {kind}"), 0, 0
    for _ in range(RULES):
        rule, minutes = rule_of(dice, kind)
        spec = Spec(**rule)
        timelines = {f"group {number}": timeline_of(dice, rule) for number in range(GROUPS)}
        together, apart = {}, {}
        for number in range(min(map(len, timelines.values()))):
            at = START + timedelta(minutes=number * minutes)
            groups = {
                name: samples_of(spec, steps[number]) for name, steps in timelines.items() if dice.random() < 0.95
            }
            expected = {
                name: advance(spec, apart.get(name), judge(spec, groups.get(name, {}), at), at)
                for name in {**groups, **apart}
            }
            changes = step(spec, groups, together, at)
            found = {change.group: (change.alert, change.transition) for change in changes}
            assert len(found) == len(changes)
            assert set(found) == {name for name in expected if apart.get(name) or expected[name][0]}
            assert found == {name: expected[name] for name in found}
            assert all(change.judgement == judge(spec, groups.get(change.group, {}), at) for change in changes)
            skipped += len(timelines) - len(found)
            told += sum(change.transition is not None for change in changes)
            together, apart = ({name: after for name, (after, _) in outcome.items() if after} for outcome in
                               (found, expected))  # fmt: skip
    assert min(skipped, told) >= 100


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_well_is_seldom_looked_at_twice(kind):
    """The quick look must spare the work, or it is of no use."""
    dice = random.Random(f"well {kind}")
    spec = Spec(kind, metric="p95", threshold=0.5, objective=0.99, window=60)
    well = {"p95": 0.2, "errors": 0.0, "requests": 1000.0, "new": 0.0}
    names = ("now", "before", "long", "short", *USUAL)
    looked = sum(
        suspicion(spec)({name: Sample(well | {"p95": dice.gauss(0.2, 0.01)}, 1000, 1.0) for name in names})
        for _ in range(500)
    )
    assert looked <= 25


def test_a_group_that_vanished_is_judged_as_unmeasured():
    spec = Spec("threshold", "p95", threshold=0.5)
    (change,) = step(spec, {"a": {"now": Sample({"p95": 0.9}, 9, 1.0)}}, {}, START)
    (change,) = step(spec, {}, {"a": change.alert}, START + timedelta(minutes=1))
    assert (change.group, change.judgement.reason) == ("a", "unmeasured")
    assert change.alert.active
