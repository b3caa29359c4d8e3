"""Sparklines as paths."""

import pytest

from endpoint_stats.pages.sparkline import path
from endpoint_stats.templatetags.charts import spark


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 5, 10], "M1.5 18.5L48.0 10.0L94.5 1.5"),
        ([10, None, 10, 5], "M1.5 1.5h0M63.5 1.5L94.5 10.0"),
        ([None, 4, None], "M48.0 1.5h0"),
        ([7], "M1.5 1.5h0"),
        ([0, 0], "M1.5 18.5L94.5 18.5"),
        ([], ""),
        ([None, None], ""),
    ],
)
def test_paths(values, expected):
    assert path(values, 96, 20) == expected


def test_it_stays_inside():
    numbers = [float(part) for command in path([3, 0, 9.7, -1], 40, 12).replace("L", "M").split("M")[1:]
               for part in command.split()]  # fmt: skip
    assert all(1.5 <= x <= 38.5 for x in numbers[::2])
    assert all(1.5 <= y <= 10.5 for y in numbers[1::2])


def test_the_tag_has_no_path_where_there_is_no_value():
    assert "<path" not in spark([None])
    assert '<path d="M1.5 1.5L94.5 18.5" ' in spark([4, 0])
