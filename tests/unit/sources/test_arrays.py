"""Columns of numbers: what is known is what the decoders of single values say; the rest is left to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_stats.aggregate.fold import NO_DURATION
from endpoint_stats.ingest.sources import arrays, values
from endpoint_stats.ingest.sources.base import Reject

NUMBERS = st.lists(
    st.none()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(0, 40 * 86_400)
    | st.decimals(0, 10, places=10).map(float)
    | st.integers(2**53 - 3, 2**53 + 3)
)


@pytest.mark.parametrize(
    ("column", "single", "missing"),
    [(arrays.seconds, values.seconds, NO_DURATION), (arrays.sizes, values.size, 0)],
)
@given(given=NUMBERS)
def test_what_is_known_is_what_the_single_decoder_says(column, single, missing, given):
    codes, known = column(given)
    assert len(codes) == len(known) == len(given)
    for value, code, sure in zip(given, codes.tolist(), known.tolist(), strict=True):
        if sure:
            assert code == (missing if value is None else single(value))


@pytest.mark.parametrize("column", [arrays.seconds, arrays.sizes])
def test_nearly_all_are_known(column):
    assert column([0, 1, 12, None, 3.0, 1e6])[1].all()
    assert arrays.seconds([0.001, 0.123456, 2.5, 1e-7])[1].all()


@pytest.mark.parametrize("column", [arrays.seconds, arrays.sizes])
@pytest.mark.parametrize("bad", ["1", -1, 1e300, 10**400, True])
def test_what_is_not_known_is_left(column, bad):
    codes, known = column([bad])
    assert not known.any()
    assert len(codes) == 1


def test_the_single_decoder_refuses_what_is_left():
    with pytest.raises(Reject):
        values.seconds(10**400)
