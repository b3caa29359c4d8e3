"""Budgets, by the arithmetic of Google's SRE workbook, chapter 5, and by spending them minute by minute."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluate.burn import PAIRS, PERIOD, budget_left, burn_rate, gone_in, outlook, span


def test_pairs_are_those_of_the_workbook():
    """https://sre.google/workbook/alerting-on-slos/, table 5-8: 2 % in 1 h, 5 % in 6 h, 10 % in 3 d, of 30 days."""
    spent = {(pair.severity, pair.long): pair.factor * pair.long / PERIOD for pair in PAIRS}
    assert spent == pytest.approx({("page", 60): 0.02, ("page", 360): 0.05, ("ticket", 4320): 0.1})
    # The short window is a twelfth of the long one.
    assert all(pair.long == 12 * pair.short for pair in PAIRS)


@pytest.mark.parametrize("objective", ["0.5", "0.9", "0.95", "0.99", "0.995", "0.999", "0.9999", "0.99999"])
@given(bad=st.integers(0, 10**6), good=st.integers(0, 10**9))
def test_rate_and_budget_are_what_fractions_say(objective, bad, good):
    allowed = 1 - Fraction(objective)
    found = burn_rate(bad, bad + good, float(objective)), budget_left(bad, bad + good, float(objective))
    if not bad + good:
        assert found == (None, None)
        return
    share = Fraction(bad, bad + good)
    assert found[0] == pytest.approx(float(share / allowed), rel=1e-9)
    assert found[1] == pytest.approx(float(1 - share / allowed), rel=1e-9, abs=1e-9)


def test_a_budget_may_be_overdrawn():
    assert budget_left(20, 1000, 0.99) == pytest.approx(-1)


@pytest.mark.parametrize(("left", "rate", "period"), [(1, 14.4, 43_200), (0.18, 14.4, 43_200), (0.5, 1, 10_080)])
def test_gone_when_spending_minute_by_minute_has_used_it_up(left, rate, period):
    minutes = 0
    rest = Fraction(str(left))
    while rest > 0:
        rest -= Fraction(str(rate)) / period
        minutes += 1
    assert minutes - 1 < gone_in(left, rate, period) <= minutes


def test_nothing_left_is_gone_and_nothing_burnt_never_is():
    assert gone_in(0, 5) == gone_in(-0.3, 0) == 0
    assert gone_in(0.5, 0) is None


@pytest.mark.parametrize(
    ("left", "rate", "said"),
    [
        (0.18, 14.4, "at this rate the budget is gone in 9 h"),
        (1, 14.4, "at this rate the budget is gone in 2 days"),
        (1, 1, "at this rate the budget is gone in 30 days"),
        (0.02, 14.4, "at this rate the budget is gone in 60 min"),
        (0.00001, 14.4, "at this rate the budget is gone in less than a minute"),
        (1, 0.9, "at this rate the budget lasts"),
        (1, 0, "at this rate the budget lasts"),
        (0, 14.4, "the budget is used up"),
        (-1, 0, "the budget is used up"),
    ],
)
def test_outlook(left, rate, said):
    assert outlook(left, rate) == said


def test_a_deadline_is_never_told_later_than_it_is():
    assert [span(minutes) for minutes in (119.9, 120, 179, 2879, 2880, 4319)] == [
        "119 min", "2 h", "2 h", "47 h", "2 days", "2 days",
    ]  # fmt: skip
