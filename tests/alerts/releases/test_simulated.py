"""Simulated releases whose truth is known (bench/verdict.py makes them, and measures more than there is time for here).

Noise wanders (autocorrelation 0.8 from block to block, a third of it in common), load and latency follow the day,
incidents come and go.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.verdict import (
    Change,
    Traffic,
    any_discovery,
    by_blocks,
    by_requests,
    found,
    judged,
    mann_whitney_z,
    normal_p,
)

HOURLY = Traffic(minutes=60, before_hours=120, after_hours=12, phi=0.8**0.25)


def test_without_a_change_hardly_a_release_is_called_worse() -> None:
    """Of 400 releases of 40 endpoints at most 5 % may have any false alarm, and chance 2 % more (two in a hundred such
    runs would have yet more). Taking requests as independent, nearly all have; taking blocks as such, most."""
    releases, naive, alarms, worse, naive_requests, naive_blocks = 400, 40, 0, 0, 0, 0
    for seed in range(releases):
        one, verdict = judged(HOURLY, seed)
        alarms += any(finding.q is not None and finding.q <= 0.05 for finding in verdict.findings)
        worse += verdict.worse > 0
        if seed < naive:
            naive_requests += any_discovery(by_requests(one))
            naive_blocks += any_discovery(by_blocks(one))
    assert worse <= alarms <= 0.07 * releases
    assert worse <= 0.05 * releases
    assert naive_requests > 0.9 * naive
    assert naive_blocks > 0.5 * naive


def test_p_is_as_often_small_as_it_says() -> None:
    """Of many endpoints with noise of their own: no p-value comes too often by half."""
    traffic = replace(HOURLY, endpoints=300, shared=0.0)
    findings = [finding for seed in range(12) for finding in judged(traffic, 1_000 + seed)[1].findings]
    p = np.array([one.p for one in findings if one.measure == "p95"])
    assert len(p) > 1_000
    # Of an endpoint the measure that moved further is told, so that its p may come twice as often as it says.
    for alpha in (0.05, 0.01, 0.002):
        most = stats.binom.ppf(0.999, len(p), 2 * alpha)
        assert (p <= alpha).sum() <= most


@pytest.mark.parametrize("change", [Change(factor=1.5), Change(errors=0.03)], ids=["p95 +50 %", "errors 0.1 % to 3 %"])
def test_what_matters_is_found(change: Change) -> None:
    """200 requests a minute, six hours after the release, blocks of 15 minutes."""
    assert found(Traffic(endpoints=20), change, releases=40) >= 0.9


def test_twice_the_traffic_is_no_change_of_latency() -> None:
    """A p95 of few durations depends on how many they are; blocks that have too few are left out."""
    traffic = replace(HOURLY, per_minute=2, growth=2.0, noise=0.03)
    moved = [one.effect for seed in range(10) for one in judged(traffic, seed)[1].findings if one.measure == "p95"]
    assert len(moved) > 50
    assert np.median([effect for effect in moved if effect is not None]) == pytest.approx(1, abs=0.05)


def test_the_test_that_it_is_held_against_is_mann_and_whitneys() -> None:
    values = np.random.default_rng(8).normal(size=(20, 50))
    values[10:, 38:] += 1
    expected = [
        stats.mannwhitneyu(row[38:], row[:38], use_continuity=False, method="asymptotic").pvalue for row in values
    ]
    assert normal_p(mann_whitney_z(values, 38)) == pytest.approx(expected)
