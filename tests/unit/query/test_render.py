"""Numbers as people read them."""

import pytest

from endpoint_stats.query.compute import order_of
from endpoint_stats.query.render import cell


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("requests", 0, "0"), ("requests", 1234, "1,234"), ("requests", 9999, "9,999"), ("requests", 12_345, "12.3 k"),
        ("requests", 999_499, "999 k"), ("requests", 999_600, "1.00 M"), ("requests", 1_234_567, "1.23 M"),
        ("requests", 4_560_000_000, "4.56 G"),
        ("rate", 0.25, "0.25"), ("rate", 12.0, "12"),
        ("p95", 0.0, "0.0 ms"), ("p95", 0.0008, "0.8 ms"), ("p95", 0.212, "212 ms"), ("p95", 0.0094, "9.4 ms"),
        ("p95", 1.42, "1.42 s"), ("p95", 0.9996, "1.00 s"), ("p95", 59.96, "60.0 s"), ("p95", 180, "3 min"),
        ("p95", 7200, "2 h"),
        ("error_rate", 0.0, "0.0%"), ("error_rate", 0.0123, "1.2%"), ("error_rate", 1.0, "100.0%"),
        ("error_rate", 0.0001, "<0.1%"), ("availability", 1.0, "100.0%"), ("apdex", 0.875, "0.88"),
        ("response_bytes", 0, "0 B"), ("response_bytes", 203_000, "203 kB"), ("response_bytes", 999_999, "1.00 MB"),
        ("response_bytes", 1_500_000_000_000, "1.50 TB"),
        ("p95", None, "–"), ("requests", None, "–"), ("route", "/a", "/a"), ("status", 404, "404"),
    ],
)  # fmt: skip
def test_cells(name, value, text):
    assert cell(name, value) == text


def test_missing_values_come_last_either_way():
    values = [3, None, 1, 2, None]
    assert order_of({"a": values}, 5, [("a", False)]) == [2, 3, 0, 1, 4]
    assert order_of({"a": values}, 5, [("a", True)]) == [0, 3, 2, 1, 4]


def test_the_first_key_decides_and_the_next_breaks_ties():
    columns = {"a": [1, 2, 2], "b": ["x", "z", "y"]}
    assert order_of(columns, 3, [("a", True), ("b", False)]) == [2, 1, 0]


def test_what_is_equal_or_not_there_keeps_its_order():
    assert order_of({"a": [1, 1, 0]}, 3, [("a", True), ("time", False)]) == [0, 1, 2]
