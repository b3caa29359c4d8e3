"""Adding up packed rows, by each of the ways that there are, against counters."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_stats.aggregate.words import COUNT_BITS, HEADER, UNTIMED
from endpoint_stats.query import rows as query_rows
from endpoint_stats.query.rows import Rows, by_status, concatenate, empty, sketches, take

# A row: its group, whether it is taken away, and for each status the counts by slot.
section = st.tuples(
    st.sampled_from([200, 404, 503]),
    st.dictionaries(st.sampled_from([0, 1, 700, 701, 2045, UNTIMED]), st.integers(1, 2**21 - 1), max_size=4),
)
row = st.tuples(st.integers(0, 3), st.sampled_from([1, 1, 1, -1]), st.lists(section, min_size=1, max_size=3))
WAYS = {"one by one": (0, 1 << 40), "in place": (1 << 40, 1 << 40), "sorted": (0, 0)}


def rows_of(listed):
    """Rows with keys ``time`` (their number) and the words of their sections, as a rollup holds them."""
    packed = [
        [word for status, counts in sections
         for word in (HEADER << COUNT_BITS | status, *(slot << COUNT_BITS | counts[slot] for slot in sorted(counts)))]
        for _, _, sections in listed
    ]  # fmt: skip
    count = len(listed)
    return Rows(
        {"time": np.arange(count)},
        {"requests": np.arange(count) * 10},
        np.zeros(count, np.int64),
        np.array([sign for _, sign, _ in listed], np.int64),
        np.array([len(words) for words in packed], np.int64),
        np.array([word for words in packed for word in words], np.uint32),
    )


@pytest.mark.parametrize("way", WAYS)
@given(st.lists(row, max_size=8))
def test_one_sketch_a_group(way, listed):
    expected = Counter()
    for group, sign, sections in listed:
        for _, counts in sections:
            for slot, count in counts.items():
                if slot != UNTIMED:
                    expected[group, slot] += sign * count
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query_rows, "LONG", WAYS[way][0])
        patch.setattr(query_rows, "DENSE", WAYS[way][1])
        found = sketches(rows_of(listed), np.array([group for group, _, _ in listed], np.int64), 4)
    listed_found = list(zip(*(part.tolist() for part in found), strict=True))
    assert listed_found == sorted((*name, count) for name, count in expected.items() if count)


@given(st.lists(row, max_size=8))
def test_each_status_as_a_row(listed):
    found, statuses = by_status(rows_of(listed))
    expected = [
        (at, status, sign * sum(counts.values()), sign * sum(n for slot, n in counts.items() if slot != UNTIMED), sign)
        for at, (_, sign, sections) in enumerate(listed)
        for status, counts in sections
    ]
    columns = (found.keys["time"], statuses, found.sums["requests"], found.sums["timed"], found.signs)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
    assert found.sums["errors"].tolist() == [row[2] if row[1] // 100 == 5 else 0 for row in expected]
    assert found.lengths.sum() == len(found.words)


@given(st.lists(row, max_size=5), st.lists(row, max_size=5), st.data())
def test_parts_together_and_some_of_their_rows(one, other, data):
    both = concatenate([empty(["time"]), rows_of(one), rows_of(other)], ["time"], ["requests"])
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(both), max_size=len(both))), bool)
    expected = rows_of([row for row, kept in zip([*one, *other], keep, strict=True) if kept])
    found = take(both, keep)
    assert (found.words.tolist(), found.lengths.tolist()) == (expected.words.tolist(), expected.lengths.tolist())
    times = [*range(len(one)), *range(len(other))]
    assert found.keys["time"].tolist() == [time for time, kept in zip(times, keep, strict=True) if kept]
