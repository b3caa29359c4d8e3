"""Tails of distributions against SciPy's."""

import numpy as np
import pytest
from scipy import special, stats

from alerts.releases.tails import beta_share, split_two_sided, t_quantile, t_two_sided

RANDOM = np.random.default_rng(1)


def test_the_incomplete_beta_function() -> None:
    a, b = (np.exp(RANDOM.uniform(-3, 9, 2_000)) for _ in range(2))
    # Where the function is neither 0 nor 1: around the mean, and far out in both tails.
    x = np.clip(RANDOM.beta(a, b) * RANDOM.choice([1.0, 1.0, 0.5, 1.3], 2_000), 0, 1)
    expected = special.betainc(a, b, x)
    assert beta_share(a, b, x) == pytest.approx(expected, rel=1e-7, abs=1e-300)


def test_the_ends_of_the_incomplete_beta_function() -> None:
    a = np.array([0.5, 3.0, 400.0])
    assert beta_share(a, np.ones(3), np.zeros(3)).tolist() == [0, 0, 0]
    assert beta_share(a, np.ones(3), np.ones(3)).tolist() == [1, 1, 1]


def test_students_t() -> None:
    freedom = np.exp(RANDOM.uniform(0, np.log(1_000), 2_000))
    t = RANDOM.standard_t(3, 2_000) * RANDOM.choice([0, 1, 10, 100], 2_000)
    expected = 2 * stats.t.sf(np.abs(t), freedom)
    assert t_two_sided(t, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-290)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.2])
def test_quantiles_of_t_are_those_of_whole_degrees_rounded_down(alpha: float) -> None:
    freedom = np.array([1.0, 1.99, 2.0, 7.5, 30.0, 999.0, 1_000.0])
    expected = stats.t.ppf(1 - alpha / 2, np.floor(freedom))
    assert t_quantile(freedom, alpha) == pytest.approx(expected, rel=1e-9)
    assert t_quantile(np.array([0.5, np.nan]), alpha).tolist() == [np.inf, np.inf]


def test_a_split_of_whole_counts_is_a_binomial_test() -> None:
    after, before = RANDOM.integers(0, 60, 500), RANDOM.integers(0, 60, 500)
    share = RANDOM.uniform(0.02, 0.98, 500)
    expected = [
        min(1.0, 2 * min(stats.binom.sf(a - 1, a + b, s), stats.binom.cdf(a, a + b, s)))
        for a, b, s in zip(after, before, share, strict=True)
    ]
    found = split_two_sided(after.astype(float), before.astype(float), share)
    assert found == pytest.approx(expected, rel=1e-8)


def test_thinned_counts_lie_between_whole_ones() -> None:
    whole = split_two_sided(np.array([8.0, 9.0]), np.array([2.0, 2.0]), np.array([0.3, 0.3]))
    between = split_two_sided(np.array([8.4]), np.array([2.0]), np.array([0.3]))
    assert whole[1] < between[0] < whole[0]


def test_nothing_on_either_side_is_no_difference() -> None:
    assert split_two_sided(np.zeros(1), np.zeros(1), np.array([0.4])).tolist() == [1.0]
