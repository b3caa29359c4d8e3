"""From summed rows to metrics: what counts as a duration, however many groups there are."""

import numpy as np
import pytest

from endpoint_stats.aggregate.sketch import ESTIMATES, LAST_SLOT
from endpoint_stats.aggregate.table import SUMS, Table
from endpoint_stats.aggregate.words import HEADER, UNTIMED, Entries
from endpoint_stats.query import compute


@pytest.mark.parametrize("dense", [0, compute.DENSE])
def test_the_longest_duration_counts_and_hits_without_one_do_not(dense, monkeypatch):
    monkeypatch.setattr(compute, "DENSE", dense)
    slots = np.array([HEADER, 0, 7, LAST_SLOT, UNTIMED])
    rows = np.repeat([0, 1], len(slots))
    entries = Entries(rows, np.zeros(10, np.int64), np.tile(slots, 2), np.array([200, 1, 2, 3, 4] * 2))
    none = np.zeros(2, np.int64)
    table = Table((none,), np.zeros((2, len(SUMS)), np.int64), none, entries)
    groups = compute.Groups.of(table, np.array([0, 1]), 2, np.ones(2))
    assert groups.timed.tolist() == [6, 6]
    assert groups.column("max", 0.5) == [ESTIMATES[LAST_SLOT]] * 2
    assert groups.column("p50", 0.5) == [ESTIMATES[7]] * 2
