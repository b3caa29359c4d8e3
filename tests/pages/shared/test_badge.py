"""The badge."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint_stats.pages import badge as drawing
from tests.pages.shared.conftest import (
    NOW,
    SVG,
    anybody,
    badge,
    parsed,
)

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestBadge:
    @pytest.mark.parametrize(
        ("metric", "filters", "value", "colour"),
        [
            ("availability", (("consumer", ("acme",)),), "90.0%", "#b3261e"),
            ("error_rate", (("consumer", ("acme",)),), "10.0%", "#b3261e"),
            ("requests", (("consumer", ("acme",)),), "40", "#0b5cad"),
            ("availability", (("consumer", ("globex",)),), "100.0%", "#0b5cad"),
            ("error_rate", (("status", ("201",)),), "no data", "#59626d"),
        ],
    )
    def test_values(self, make, metric, filters, value, colour):
        found = parsed(anybody().get(badge(make, metric=metric, filters=filters)[1]))
        assert found[:3] == ("shop", value, colour)
        assert f"shop: {value}" in found[3] and "the last 7 days" in found[3]

    def test_a_percentile_is_within_its_error(self, make):
        _, value, colour, _ = parsed(anybody().get(badge(make, metric="p95")[1]))
        assert colour == "#0b5cad"
        assert 99 <= int(value.removesuffix(" ms")) <= 101

    def test_it_says_how_things_are_and_not_how_they_were(self, make, monkeypatch):
        """A page shows old data as such; a badge has no room to."""
        address = badge(make)[1]
        monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(days=8))
        assert parsed(anybody().get(address))[1] == "no data"

    @pytest.mark.parametrize("kept", ["hour", "day"])
    def test_of_what_is_no_longer_kept(self, shop, make, kept):
        """Whole days where hours are gone."""
        address = badge(make, metric="requests")[1]
        floor = (NOW - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(minutes=1) - 60
        floors = {"minute_floor": floor} | ({"hour_floor": floor} if kept != "hour" else {})
        shop.store_state.__class__.objects.filter(project=shop).update(**floors)
        assert parsed(anybody().get(address))[1] == "40"

    @pytest.mark.parametrize(
        "name",
        ['"><script>alert(1)</script>', "a & b < c", "]]>", "<!--", "'\"`", "\u202eevil", "日本語のサービス",
         "\ufffe\uffff x", "W" * 100, "&amp;", "e\u0301\u0301\u0301", "x\ud800"],
    )  # fmt: skip
    def test_whatever_it_is_called_it_is_one_text(self, name):
        made = drawing.svg(name, "1", drawing.Colour.VALUE, "what")
        label, value, _, title = parsed(made)
        assert value == "1" and title.startswith(label)
        assert len(label) <= drawing.MOST
        tags = {one.tag.removeprefix(SVG) for one in ElementTree.fromstring(made).iter()}
        assert tags == {"svg", "title", "clipPath", "rect", "g", "text"}
        assert not re.search(r"\sstyle=|\son\w+=|href", re.sub(r'"[^"]*"|>[^<]*<', "", made))

    @given(st.text(max_size=120), st.text(max_size=40))
    def test_any_text_at_all(self, label, value):
        parsed(drawing.svg(label, value, drawing.Colour.NOTHING, label))

    def test_its_parts_are_as_wide_as_their_texts(self):
        root = ElementTree.fromstring(drawing.svg("availability", "99.9%", drawing.Colour.VALUE, "x"))
        left, right = list(root.iter(f"{SVG}rect"))[1:]
        whole = float(root.get("width"))
        assert float(left.get("width")) + float(right.get("width")) == whole
        for text_of, part in zip(root.iter(f"{SVG}text"), (left, right), strict=True):
            assert float(text_of.get("textLength")) + 2 * drawing.PADDING == float(part.get("width"))

    @pytest.mark.parametrize("ground", [drawing.LABEL, *drawing.Colour])
    def test_white_is_read_on_its_colours(self, ground):
        channels = [int(ground[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
        luminance = sum(one * part for one, part in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
        assert 1.05 / (luminance + 0.05) >= 4.5
