"""Tables of counts against dictionaries of counters."""

from collections import Counter, defaultdict

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoint_stats.aggregate import table as tables
from endpoint_stats.aggregate import words
from tests.unit.aggregate.exact import UNTIMED

SUMS = 7
key = st.tuples(
    st.integers(0, 3000), st.sampled_from([0, 5, -(2**63), 2**63 - 1]), st.integers(-2, 2), st.integers(0, 2)
)
held = st.fixed_dictionaries(
    {
        "sums": st.lists(st.integers(0, 10**12), min_size=SUMS, max_size=SUMS),
        "extra": st.integers(0, 500),
        "words": st.dictionaries(
            st.tuples(st.integers(100, 599), st.integers(0, UNTIMED)), st.integers(1, 10**7), max_size=4
        ),
    }
)
rows = st.lists(st.tuples(key, held), max_size=12)


def table_of(listed, columns=4):
    """A table with exactly these rows, keys perhaps repeated."""
    keys = zip(*(row[0] for row in listed), strict=True) if listed else ((),) * columns
    flat = [(at, *name, n) for at, (_, row) in enumerate(listed) for name, n in row["words"].items()]
    entries = words.Entries(*(np.array(part, np.int64) for part in (zip(*flat, strict=True) if flat else ((),) * 4)))
    sums = np.array([row["sums"] for _, row in listed], np.int64).reshape(len(listed), SUMS)
    extra = np.array([row["extra"] for _, row in listed], np.int64)
    return tables.Table(tuple(np.array(column, np.int64) for column in keys), sums, extra, entries)


def as_dict(table):
    """{key: (sums, extra, {(status, slot): count})}; fails where a key stands twice."""
    found = {}
    keys = list(zip(*(column.tolist() for column in table.keys), strict=True))
    assert len(set(keys)) == len(keys)
    for at, name in enumerate(keys):
        found[name] = (table.sums[at].tolist(), int(table.error_extra[at]), {})
    for at, status, slot, count in zip(*(part.tolist() for part in table.entries), strict=True):
        assert (status, slot) not in found[keys[at]][2]
        found[keys[at]][2][status, slot] = count
    return found


def naive(*listed, sign=1, minutes=1):
    sums, extra, held = defaultdict(lambda: [0] * SUMS), defaultdict(int), defaultdict(Counter)
    for part in listed:
        for name, row in part:
            name = (name[0] - name[0] % minutes, *name[1:])
            sums[name] = [a + sign * b for a, b in zip(sums[name], row["sums"], strict=True)]
            extra[name] = max(extra[name], row["extra"])
            for entry, count in row["words"].items():
                held[name][entry] += sign * count
    return {name: (sums[name], extra[name], dict(held[name])) for name in sums}


@given(st.lists(rows, min_size=1, max_size=4))
@settings(max_examples=60)
def test_combine_is_the_sum_by_key(parts):
    combined = tables.combine(*map(table_of, parts))
    assert as_dict(combined) == naive(*parts)
    listed = list(zip(*(column.tolist() for column in combined.keys), strict=True))
    assert listed == sorted(listed)


@given(st.lists(rows, max_size=5).filter(bool), st.randoms())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_order_and_grouping_never_matter(parts, random):
    expected = tables.pack([tables.combine(*map(table_of, parts))])
    made = [table_of(part) for part in parts]
    while len(made) > 1:
        random.shuffle(made)
        some = random.randint(1, len(made))
        made = [tables.combine(*made[:some]), *made[some:]] if some > 1 else [tables.combine(made[0]), *made[1:]]
    assert tables.pack([tables.combine(made[0])]) == expected


@given(st.lists(rows, max_size=3))
@settings(max_examples=60)
def test_pack_and_unpack(parts):
    combined = [tables.combine(table_of(part)) for part in parts]
    back = tables.unpack(tables.pack(combined))
    # A count past 21 bits comes back in parts, as it travels; combining adds them up.
    assert [as_dict(tables.combine(table)) for table in back] == [naive(part) for part in parts]
    assert [len(table) for table in back] == [len(table) for table in combined]


def test_tables_with_other_keys_travel_together():
    row = {"sums": [1] * SUMS, "extra": 0, "words": {(200, 3): 1}}
    hits, consumers = [((5, 1, 0, 0), row)], [((0, 9, 1), row)]
    back = tables.unpack(tables.pack([table_of(hits), table_of(consumers, 3), tables.empty(3)]))
    assert [as_dict(table) for table in back] == [naive(hits), naive(consumers), {}]
    assert [len(table.keys) for table in back] == [4, 3, 3]


@pytest.mark.parametrize("damage", [lambda raw: raw[:-3], lambda raw: b"", lambda raw: b"x" + raw[1:]])
def test_damaged_bytes_raise_what_is_documented(damage):
    with pytest.raises((zstandard.ZstdError, msgspec.DecodeError)):
        tables.unpack(damage(tables.pack([tables.empty(4)])))


@given(rows, rows)
@settings(max_examples=60)
def test_negate_takes_away(kept, taken):
    both = tables.combine(table_of(kept), table_of(taken))
    left = as_dict(tables.combine(both, tables.negate(table_of(taken))))
    expected = naive(kept)
    for name in set(left) - set(expected):
        assert left[name][0] == [0] * SUMS
        assert left[name][2] == {}
    for name, (sums, _, held) in expected.items():
        assert (left[name][0], left[name][2]) == (sums, held)


@given(rows)
@settings(max_examples=60)
def test_negate_alone(listed):
    expected = naive(listed, sign=-1)
    assert as_dict(tables.combine(tables.negate(table_of(listed)))) == expected


def test_what_is_negative_is_not_packed():
    row = {"sums": [1] * SUMS, "extra": 0, "words": {(200, 3): 1}}
    with pytest.raises(ValueError, match="never added"):
        tables.pack([tables.negate(table_of([((5, 1, 0, 0), row)]))])


@given(rows, st.sampled_from([5, 60, 1440]))
@settings(max_examples=60)
def test_coarser(listed, minutes):
    assert as_dict(tables.combine(tables.coarser(table_of(listed), minutes))) == naive(listed, minutes=minutes)


@given(rows, st.randoms())
@settings(max_examples=60)
def test_take(listed, random):
    keep = [random.random() < 0.5 for _ in listed]
    taken = tables.take(table_of(listed), np.array(keep, bool))
    chosen = [row for row, wanted in zip(listed, keep, strict=True) if wanted]
    assert len(taken) == len(chosen)
    assert as_dict(tables.combine(taken)) == naive(chosen)


wide = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([-(2**63), 2**63 - 1, 0]), st.integers(0, 3))


@given(st.lists(st.tuples(wide, wide, wide), max_size=40))
@settings(max_examples=300)
def test_group_with_ranges_past_62_bits(listed):
    columns = [np.array(column, np.int64) for column in (zip(*listed, strict=True) if listed else ((),) * 3)]
    keys, index = tables.group(columns)
    distinct = sorted(set(listed))
    assert list(zip(*(column.tolist() for column in keys), strict=True)) == distinct
    assert [distinct[at] for at in index.tolist()] == listed


@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(-(2**30), 2**30 - 1)), min_size=2, max_size=30))
def test_group_about_62_bits(listed):
    """Spans whose product is just below, at and above 2^62."""
    for extra in ((0, -(2**30)), (2**31 - 1, 2**30 - 1), (2**31, 2**30)):
        more = [*listed, extra]
        keys, index = tables.group([np.array(column, np.int64) for column in zip(*more, strict=True)])
        distinct = sorted(set(more))
        assert list(zip(*(column.tolist() for column in keys), strict=True)) == distinct
        assert [distinct[at] for at in index.tolist()] == more


def test_sums_are_exact_past_what_a_float_holds():
    values = np.array([2**53, 1, 2**53, 1], np.int64)
    assert tables.add_up(values, np.array([0, 0, 1, 1]), 2).tolist() == [2**53 + 1] * 2
