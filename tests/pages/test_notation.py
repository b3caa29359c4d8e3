"""Numbers as the reader's language writes them; expected by the CLDR's conventions, written here by hand."""

import re

import pytest

from endpoint_stats.query.notation import PLAIN, current, localized, preferred, written
from endpoint_stats.query.render import cell, duration, number, percent
from tests.pages.test_overview import charts, hit, shop, text  # noqa: F401
from tests.query.conftest import store_hits


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "1,234.5"), ("en-GB,en;q=0.9", "1,234.5"), ("de-AT,de;q=0.9,en;q=0.5", "1.234,5"),
        ("fr", "1\xa0234,5"), ("xx-nonsense, de;q=0.3", "1.234,5"), ("*", "1,234.5"), ("de;q=0.2, en;q=0.8", "1,234.5"),
        ("../../etc;q=9, \0", "1,234.5"), ("ja", "1,234.5"), ("a" * 20_000, "1,234.5"),
    ],
)  # fmt: skip
def test_of_the_readers_language(header, expected):
    with written(preferred(header)):
        assert localized("1,234.5") == expected
    assert current() is PLAIN


def test_every_kind_of_number():
    with written(preferred("de")):
        assert number(1234) == "1.234" and number(12_345) == "12,3 k"
        assert duration(1.42) == "1,42 s" and duration(0.0008) == "0,8 ms"
        assert cell("error_rate", 0.123) == "12,3%" and cell("error_rate", 0.0001) == "<0,1%"
        assert percent(0.01) == "1 %" and percent(0.9978) == "99,8 %"


@pytest.mark.django_db(databases=["default", "local"])
def test_a_page_for_each_reader(client, shop, tmp_path):  # noqa: F811
    store_hits(shop, tmp_path, [hit(1440 + minute, "/c", duration=1.5) for minute in range(1_300)])
    day = {"from": "2025-11-11T00:00Z", "to": "2025-11-12T00:00Z"}
    plain = client.get("/projects/shop/", day)
    german = client.get("/projects/shop/", day, headers={"Accept-Language": "de"})
    assert re.search(r"<dt>Requests</dt><dd[^>]*>\s*1,420", plain.content.decode())
    assert re.search(r"<dt>Requests</dt><dd[^>]*>\s*1\.420", german.content.decode())
    assert 'data-decimal="," data-group="."' in german.content.decode()
    assert "data-decimal" not in plain.content.decode()
    assert "60 of 60 requests (100.0%)" in text(plain) and "60 of 60 requests (100,0%)" in text(german)
    assert "Accept-Language" in german["Vary"]
    # What scripts and programs read is the same for all.
    assert charts(plain)["latency"]["series"] == charts(german)["latency"]["series"]
    asked = day | {"metrics": "requests,p95"}
    api = [
        client.get("/api/v1/projects/shop/stats", asked, headers={"Accept-Language": language}).json()["totals"]
        for language in ("en", "de")
    ]
    assert api[0] == api[1]
