"""What is remembered of raw values: a dictionary's answers, whatever the hashes do, within bounded memory."""

from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest import key_table, memo
from endpoint_stats.ingest.key_table import KeyTable, keys_of
from endpoint_stats.ingest.memo import Memo, SpanMemo
from endpoint_stats.ingest.sources.lines import PADDED, Lines, Spans


def spans_of(values: list[bytes]) -> Spans:
    """The values one after another, within a text that goes on around them."""
    ends = np.cumsum([len(value) for value in values]).astype(np.int64) if values else np.zeros(0, np.int64)
    lines = Lines(b"".join(values) + b"~" * 9)
    start = lines.data.index(b"\n") + 1
    lengths = np.array([len(value) for value in values], np.int64)
    return Spans(lines, start + ends - lengths, start + ends)


# Few letters and lengths around those of a word, with the byte that is also behind a value.
values = st.lists(
    st.one_of(
        st.binary(max_size=9), st.text("ab\0", max_size=20).map(str.encode), st.integers(0, 63).map(lambda n: b"a" * n)
    ),
    max_size=60,
)


@pytest.fixture(params=["by their hashes", "all in one slot"])
def hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "all in one slot":
        monkeypatch.setattr(key_table, "_MULTIPLIERS", np.zeros_like(key_table._MULTIPLIERS))


@pytest.mark.usefixtures("hashes")
class TestKeyTable:
    @settings(max_examples=60)
    @given(rounds=st.lists(values, min_size=1, max_size=5), width=st.sampled_from(PADDED))
    def test_a_number_for_each_string(self, rounds: list[list[bytes]], width: int) -> None:
        table, expected = KeyTable(width), dict[bytes, int]()
        for listed in rounds:
            keys = keys_of(spans_of(listed), width)
            before = [expected.get(value, -1) for value in listed]
            assert table.find(keys).tolist() == before
            numbers, new = table.enter(keys)
            for row in new.tolist():
                assert listed[row] not in expected
                expected[listed[row]] = len(expected)
            assert numbers.tolist() == [expected[value] for value in listed]
            assert table.count == len(expected)

    def test_growing(self) -> None:
        listed = [b"%d" % number for number in range(3_000)]
        table = KeyTable(64)
        keys = keys_of(spans_of(listed), 64)
        first = [table.enter(part)[0] for part in np.array_split(keys, 5)]
        assert sorted(np.concatenate(first).tolist()) == list(range(3_000))
        assert np.array_equal(table.find(keys), np.concatenate(first))
        assert table.find(keys_of(spans_of([b"3000", b""]), 64)).tolist() == [-1, -1]


class TestMemos:
    @settings(max_examples=60)
    @given(rounds=st.lists(values, min_size=1, max_size=6), limit=st.sampled_from([0, 1, 2, 3, 10, 1_000]))
    def test_whatever_is_forgotten(self, rounds: list[list[bytes]], limit: int) -> None:
        """The codes are those of the values, and no more values are held than were asked for."""

        def code(raw: bytes) -> int:
            return int.from_bytes(raw[:6], "big") + len(raw)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memo, "MEMO_LIMIT", limit)
            objects, spans = Memo(code), SpanMemo(code, width=64)
            for listed in rounds:
                listed = [*listed, b"long" * 20]
                expected = [code(value) for value in listed]
                assert objects.codes(listed).tolist() == expected
                assert spans.codes(spans_of(listed)).tolist() == expected
                assert len(objects) <= max(limit, 2)
                assert len(spans) <= max(limit, 2) + max(limit, 2)

    def test_each_value_is_decoded_once(self) -> None:
        asked = []
        for make in (Memo, SpanMemo):
            numbers = count()
            held = make(lambda raw, numbers=numbers: (asked.append(raw), next(numbers))[1])
            listed = [b"a", b"b", b"a", b"c" * 300, b"b", b"c" * 300]
            column = listed if make is Memo else spans_of(listed)
            assert len(set(held.codes(column).tolist())) == 3
            assert np.array_equal(held.codes(column), held.codes(column))
            assert sorted(asked) == [b"a", b"b", b"c" * 300]
            asked.clear()

    def test_what_comes_often_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memo, "MEMO_LIMIT", 20)
        asked: list[bytes] = []
        held = SpanMemo(lambda raw: len(asked.append(raw) or raw))
        for number in range(100):
            held.codes(spans_of([b"often", b"once %d" % number]))
        assert asked.count(b"often") == 1
        assert len(asked) == 101
