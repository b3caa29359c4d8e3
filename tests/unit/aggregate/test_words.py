"""Packed statuses and sketches: the layout as documented, decoded and encoded by hand."""

import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.aggregate import words
from tests.unit.aggregate.exact import HEADER, UNTIMED

LIMIT = 2**21 - 1


def entries_of(rows):
    """words.Entries of [{(status, slot): count}], in no particular order."""
    flat = [(row, *key, count) for row, held in enumerate(rows) for key, count in held.items()]
    columns = zip(*flat, strict=True) if flat else ((),) * 4
    return words.Entries(*(np.array(column, np.int64) for column in columns))


def encoded(rows):
    """The bytes of each row, as the product packs them."""
    content, offsets = words.encode(words.total(entries_of(rows)), len(rows))
    assert len(offsets) == len(rows) + 1
    assert content.dtype == np.uint32
    raw = content.astype("<u4").tobytes()
    return [raw[4 * start : 4 * stop] for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]


def packed_by_hand(held):
    out = []
    for status in sorted({status for status, _ in held}):
        out.append(HEADER << 21 | status)
        for slot in sorted(slot for other, slot in held if other == status):
            count = held[status, slot]
            while count:
                part = min(count, LIMIT)
                out.append(slot << 21 | part)
                count -= part
    return struct.pack(f"<{len(out)}I", *out)


def read_by_hand(raw):
    held, status = Counter(), None
    for (word,) in struct.iter_unpack("<I", raw):
        slot, low = word >> 21, word & LIMIT
        if slot == HEADER:
            status = low
        else:
            held[status, slot] += low
    return dict(held)


counts = st.one_of(st.integers(1, 50), st.sampled_from([LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT, 3 * LIMIT + 5, 10**9]))
row = st.dictionaries(st.tuples(st.integers(100, 599), st.integers(0, UNTIMED)), counts, max_size=12)
tables = st.lists(row, max_size=8)


@given(tables)
def test_the_layout_is_the_documented_one(rows):
    assert encoded(rows) == [packed_by_hand(held) for held in rows]


@given(tables)
def test_round_trip(rows):
    content, offsets = words.encode(words.total(entries_of(rows)), len(rows))
    back = words.total(words.decode(content, offsets))
    found = [{} for _ in rows]
    for at, status, slot, count in zip(*(part.tolist() for part in back), strict=True):
        found[at][status, slot] = count
    assert found == rows


@given(row, row)
def test_concatenated_bytes_are_a_merge(one, other):
    both = encoded([one])[0] + encoded([other])[0]
    assert read_by_hand(both) == dict(Counter(one) + Counter(other))
    decoded = words.decode(np.frombuffer(both, "<u4"), np.array([0, len(both) // 4]))
    content, _ = words.encode(words.total(decoded), 1)
    assert content.astype("<u4").tobytes() == packed_by_hand(Counter(one) + Counter(other))


@given(st.lists(row, min_size=1, max_size=5), st.randoms())
def test_the_form_is_canonical_whatever_the_order(rows, random):
    """The same hits in other portions and another order give the same bytes."""
    portions = []
    for held in rows:
        for key, count in held.items():
            cut = random.randint(0, count)
            portions += [(key, cut), (key, count - cut)]
    random.shuffle(portions)
    flat = [(0, *key, count) for key, count in portions]
    whole = Counter()
    for held in rows:
        whole.update(held)
    entries = words.Entries(
        *(np.array(column, np.int64) for column in (zip(*flat, strict=True) if flat else ((),) * 4))
    )
    content, offsets = words.encode(words.total(entries), 1)
    assert content.astype("<u4").tobytes() == packed_by_hand(whole)
    assert offsets.tolist() == [0, len(content)]


@pytest.mark.parametrize("status", [100, 101, 199, 200, 204, 301, 399, 400, 404, 418, 499, 500, 503, 599])
def test_every_status_stays_itself(status):
    assert read_by_hand(encoded([{(status, 7): 3, (status, UNTIMED): 2}])[0]) == {(status, 7): 3, (status, UNTIMED): 2}


def test_all_statuses_at_once():
    held = {(status, slot): status + slot + 1 for status in range(100, 600) for slot in (0, 1, 2045, UNTIMED)}
    assert read_by_hand(encoded([held])[0]) == held


@pytest.mark.parametrize("count", [LIMIT, LIMIT + 1, 2 * LIMIT, 5_000_000_000])
def test_counts_past_21_bits_repeat_the_entry(count):
    raw = encoded([{(200, 5): count}])[0]
    assert len(raw) == 4 * (1 + -(-count // LIMIT))
    assert read_by_hand(raw) == {(200, 5): count}


@pytest.mark.parametrize("count", [-1, -LIMIT - 7])
def test_a_negative_count_cannot_be_packed(count):
    with pytest.raises(ValueError, match="never added"):
        words.encode(words.total(entries_of([{(200, 5): 3, (500, 2): count}])), 1)


def test_what_comes_to_zero_is_gone():
    entries = words.Entries(
        *(np.array(column, np.int64) for column in ([0, 0, 0], [200, 200, 404], [5, 5, 1], [3, -3, 1]))
    )
    assert read_by_hand(words.encode(words.total(entries), 1)[0].astype("<u4").tobytes()) == {(404, 1): 1}


def test_no_rows_and_empty_rows():
    assert encoded([]) == []
    assert encoded([{}, {(200, 1): 1}, {}, {}]) == [b"", packed_by_hand({(200, 1): 1}), b"", b""]
    none = words.decode(np.zeros(0, np.uint32), np.zeros(3, np.int64))
    assert [len(part) for part in none] == [0, 0, 0, 0]


@given(tables)
@settings(max_examples=30)
def test_timed_leaves_out_hits_without_a_duration(rows):
    timed = words.total(entries_of(rows)).timed()
    expected = sorted((at, *key, n) for at, held in enumerate(rows) for key, n in held.items() if key[1] != UNTIMED)
    assert list(zip(*(part.tolist() for part in timed), strict=True)) == expected
