"""Rules as data: tests/testdata/alerts/*.yaml (load.py says how they are written)."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.evaluate.judge import judge
from alerts.evaluate.machine import State, advance
from alerts.evaluate.spec import Sample, Spec, every, needs
from tests.alerts.evaluate.load import FILES, cases, series

START = datetime(2026, 1, 5, tzinfo=UTC)
CASES = [(path, case) for path in FILES for case in cases(path)]


def samples_of(spec, windows):
    metrics = {need.name: need.metrics[0] for need in needs(spec)}
    return {
        name: None if given is None else Sample({metrics[name]: given[0]}, given[1], given[2])
        for name, given in windows.items()
    }


def played(spec, steps):
    """For each step its minute, the judgement, the state and what is told."""
    alert, found = None, []
    for number, windows in enumerate(steps):
        minute = number * every(spec)
        at = START + timedelta(minutes=minute)
        judgement = judge(spec, samples_of(spec, windows), at)
        alert, told = advance(spec, alert, judgement, at)
        found.append((minute, judgement, alert.state if alert else State.INACTIVE, told))
    return found


def test_there_are_enough_cases_of_each_kind():
    assert len(CASES) >= 60
    assert {case.spec["kind"] for _, case in CASES} == {
        "threshold", "change", "burn_rate", "no_data", "new_endpoint", "anomaly",
    }  # fmt: skip
    assert all(case.states is not None or case.judged for _, case in CASES)
    assert len({(path, case.name) for path, case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2.5", [1, 2.5]),
        ("1+2x3", [1, 3, 5, 7]),
        ("5-1x2", [5, 4, 3]),
        ("4x2 _ _x2", [4, 4, 4, None, None, None]),
        ("~ 0.1+0.1x2", ["~", 0.1, 0.2, 0.3]),
    ],
)
def test_series_are_read_as_promtool_reads_them(text, expected):
    assert series(text) == expected


def test_what_is_no_series_is_refused():
    with pytest.raises(ValueError, match="1\\+\\+2"):
        series("1 1++2")


@pytest.mark.parametrize(("path", "case"), CASES, ids=lambda given: getattr(given, "stem", getattr(given, "name", "")))
def test_case(path, case):
    spec = Spec(**case.spec)
    found = played(spec, case.steps)
    if case.judged:
        said = [f"{judgement.outcome}:{judgement.reason}".rstrip(":") for _, judgement, _, _ in found]
        assert said == case.judged
    if case.states is None:
        return
    expected = {minute: (state, told) for minute, state, told in case.states}
    assert set(expected) <= {minute for minute, _, _, _ in found}, "a line is about a minute that is no step"
    state = State.INACTIVE
    for minute, judgement, reached, told in found:
        state, message = expected.get(minute, (state, ""))
        assert (reached, told or "") == (state, message), f"minute {minute}: {judgement}"
