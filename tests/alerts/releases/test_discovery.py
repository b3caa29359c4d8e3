"""Benjamini and Hochberg's procedure against its own description, and against SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alerts.releases.discovery import q_values


def rejected(p: list[float], alpha: float) -> set[int]:
    """As it is described: the largest k with p_(k) <= k alpha / m; the k smallest are rejected."""
    ordered = sorted(p)
    largest = max((k for k in range(1, len(p) + 1) if ordered[k - 1] <= k * alpha / len(p)), default=0)
    return {place for place, one in enumerate(p) if largest and one <= ordered[largest - 1]}


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=60), st.sampled_from([0.05, 0.1, 0.01]))
def test_what_is_rejected(p: list[float], alpha: float) -> None:
    q = q_values(np.array(p))
    close = {place for place, one in enumerate(q) if abs(one - alpha) < 1e-12}
    assert {place for place, one in enumerate(q) if one <= alpha} - close == rejected(p, alpha) - close


def test_the_values_are_scipys() -> None:
    p = np.random.default_rng(2).beta(0.3, 1, 500)
    assert q_values(p) == pytest.approx(stats.false_discovery_control(p, method="bh"), rel=1e-12)


def test_what_was_not_tested_does_not_count() -> None:
    tested = np.array([0.01, 0.04, 0.5])
    found = q_values(np.array([np.nan, 0.01, np.nan, 0.04, 0.5]))
    assert np.isnan(found[[0, 2]]).all()
    assert found[[1, 3, 4]].tolist() == q_values(tested).tolist()
    assert np.isnan(q_values(np.array([np.nan]))).all()
