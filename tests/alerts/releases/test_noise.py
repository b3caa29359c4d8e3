"""Variance of what is not independent, against double sums and against simulated series."""

import numpy as np
import pytest

from alerts.releases.estimate import masked_median, satterthwaite
from alerts.releases.noise import autocorrelation, effective, taken_up, weighted_variance

RANDOM = np.random.default_rng(3)


def series(rows: int, length: int, phi: float) -> np.ndarray:
    found = np.empty((rows, length))
    found[:, 0] = RANDOM.standard_normal(rows)
    for place in range(1, length):
        found[:, place] = phi * found[:, place - 1] + np.sqrt(1 - phi**2) * RANDOM.standard_normal(rows)
    return found


def test_the_variance_of_a_weighted_sum_is_the_double_sum() -> None:
    weights = RANDOM.normal(size=(5, 3, 11)) * (RANDOM.random((5, 3, 11)) < 0.7)
    r = np.array([0.0, 0.3, 0.8, 0.95, 0.5])
    for row in range(5):
        expected = sum(
            weights[row, run, i] * weights[row, run, j] * r[row] ** abs(i - j)
            for run in range(3)
            for i in range(11)
            for j in range(11)
        )
        assert weighted_variance(weights, r)[row] == pytest.approx(expected)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_the_variance_of_a_mean_is_that_of_simulated_means(phi: float) -> None:
    seen = series(20_000, 12, phi).mean(axis=1).var()
    said = taken_up(np.ones((1, 1, 12), np.bool_), np.array([phi]))[0] / 12
    assert said == pytest.approx(seen, rel=0.05)


def test_of_nothing_nothing_is_taken_up() -> None:
    assert taken_up(np.zeros((1, 2, 3), np.bool_), np.array([0.4])).tolist() == [0]


@pytest.mark.parametrize(("phi", "length"), [(0.5, 40), (0.8, 40), (0.8, 120)])
def test_autocorrelation_is_estimated_without_much_bias(phi: float, length: int) -> None:
    values = series(4_000, length, phi)
    residuals = (values - values.mean(axis=1, keepdims=True))[:, None, :]
    known = np.ones(residuals.shape, np.bool_)
    assert autocorrelation(residuals, known, means=1).mean() == pytest.approx(phi, abs=0.03)
    assert autocorrelation(residuals, known, means=0).mean() < phi - 1.5 / length  # what the correction is for


def test_gaps_and_runs_are_not_bridged() -> None:
    residuals = np.array([[[1.0, 0, 1.0, -1.0], [1.0, 1.0, 0, 0]]])
    known = np.array([[[True, False, True, True], [True, True, False, False]]])
    # Neighbours: (1, −1) and (1, 1). Their products add up to 0.
    assert autocorrelation(residuals, known, means=0).tolist() == [0.0]
    known[0, 0, 3] = False
    assert autocorrelation(residuals, known, means=0)[0] == pytest.approx(0.98)


def test_as_many_independent_values() -> None:
    assert effective(np.array([90.0]), np.array([0.8])) == pytest.approx([10.0])


def test_medians_of_what_is_known() -> None:
    values, known = RANDOM.normal(size=(4, 7, 6)), RANDOM.random((4, 7, 6)) < 0.6
    known[0, :, 0] = False
    found = masked_median(values, known, axis=1)
    for row in range(4):
        for place in range(6):
            chosen = values[row, known[row, :, place], place]
            if len(chosen):
                assert found[row, 0, place] == pytest.approx(np.median(chosen))
            else:
                assert np.isnan(found[row, 0, place])


def test_degrees_of_freedom_of_welch() -> None:
    """Welch's test is the best known use: two variances of means with n − 1 each."""
    one, other = RANDOM.normal(0, 1, 9), RANDOM.normal(0, 3, 15)
    a, b = one.var(ddof=1) / 9, other.var(ddof=1) / 15
    expected = (a + b) ** 2 / (a**2 / 8 + b**2 / 14)
    found = satterthwaite((np.array([a]), np.array([8.0])), (np.array([b]), np.array([14.0])))
    assert found == pytest.approx([expected])
