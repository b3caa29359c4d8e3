"""Texts of strangers, on one line and with nothing hidden in them."""

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.transports.base import Item
from alerts.transports.text import cut, facts, first, item_line, moment, plain
from tests.alerts.transports.samples import RAISED, RESOLVED


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /orders/{id}", "GET /orders/{id}"),
        ("a\r\nBcc: b\tc\x0b\x0c d ", "a Bcc: b c d"),
        ("nul\x00esc\x1b[0m del\x7f", "nul\\u0000esc\\u001b[0m del\\u007f"),
        ("\u202egnp.exe\u202c", "\\u202egnp.exe\\u202c"),
        ("zero\u200bwidth\ufeff soft\u00ad", "zero\\u200bwidth\\ufeff soft\\u00ad"),
        ("line\u2028para\u2029next\x85", "line\\u2028para\\u2029next\\u0085"),
        ("lone \ud800", "lone \\ud800"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("Zoë 👩\u200d🚀 مرحبا", "Zoë 👩\u200d🚀 مرحبا"),
        ("", ""),
    ],
)
def test_plain(text, shown):
    assert plain(text) == shown


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60), st.integers(1, 40))
def test_any_text_becomes_one_harmless_line(text, limit):
    for shown in (plain(text), plain(text, limit)):
        assert shown == " ".join(shown.split())
        assert shown.encode("utf-8").decode("utf-8") == shown
        kinds = {unicodedata.category(char) for char in shown if char not in "\u200c\u200d"}
        assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(plain(text, limit)) <= limit


def test_what_is_cut_says_so():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 5) == "abcd…"
    assert cut("abc  def", 6) == "abc…"
    assert plain("x" * 10_000_000, 5) == "xxxx…"


def test_lists_end_with_how_many_more():
    lines = [str(number) for number in range(10)]
    assert first(lines, 10) == lines
    assert first(lines, 4) == ["0", "1", "2", "and 7 more"]


def test_times_are_those_of_the_zone():
    """Berlin went to summer time at 01:00 UTC that day."""
    assert moment(datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "Europe/Berlin") == "2026-03-29 01:59 Europe/Berlin"
    assert moment(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Europe/Berlin") == "2026-03-29 03:00 Europe/Berlin"


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", "../../etc/passwd", "Europe/\x00", "x" * 5_000])
def test_a_zone_that_nobody_knows_is_utc(zone):
    assert moment(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), zone) == "2026-03-29 01:00 UTC"


def test_the_facts_end_with_when():
    assert facts(RAISED)[-1] == ("Started", "2026-03-29 12:12 Europe/Berlin")
    assert facts(RESOLVED)[-2:] == [
        ("Started", "2026-03-29 12:12 Europe/Berlin"),
        ("Ended", "2026-03-29 12:29 Europe/Berlin"),
    ]


def test_a_group_on_a_line():
    assert (
        item_line(Item({"http.route": "/a\nb", "x": "y"}, "812 ms", "firing"))
        == "http.route=/a b, x=y: 812 ms (firing)"
    )
    assert item_line(Item({}, "3 %", "resolved")) == "all: 3 % (resolved)"
