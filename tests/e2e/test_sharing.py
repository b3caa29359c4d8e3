"""Sharing, from the page that somebody looks at to who has no account."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client

from endpoint_stats.models import SharedLink
from tests.e2e.test_endpoint import callers as callers  # a fixture
from tests.e2e.test_overview import RANGE, sign_in
from tests.e2e.test_overview import shop as shop  # a fixture
from tests.e2e.windows import ONE, TWO

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]


def looks_well(reader: Any) -> None:
    found = Axe().run(reader)
    assert found.violations_count == 0, found.generate_report()
    assert reader.evaluate("document.documentElement.scrollWidth") <= reader.viewport_size["width"]


def share(reader: Any, base: str, kind: str = "page") -> str:
    """By the way of a page whose filter is set. The address of the link."""
    sign_in(reader, base)
    reader.goto(f"{base}/projects/shop/?{RANGE}&filter.consumer=globex")
    reader.get_by_role("link", name="Share", exact=True).click()
    reader.get_by_label("What it is called").fill("For Globex")
    assert reader.get_by_label("Consumer", exact=True).input_value() == "globex"
    assert reader.get_by_label("The badge shows").is_hidden()
    looks_well(reader)
    reader.get_by_label("It is", exact=True).select_option(kind)
    reader.get_by_role("button", name="Make the link").click()
    reader.get_by_text("Its address is shown this once").wait_for()
    looks_well(reader)
    return str(reader.locator("#address").inner_text())


@TWO
def test_a_page_is_shared_looked_at_and_revoked(reader: Any, live_server: Any, callers: Any) -> None:
    address = share(reader, live_server.url)
    reader.context.clear_cookies()
    reader.goto(address)
    reader.locator("figure.chart[data-ready]").nth(3).wait_for()
    looks_well(reader)
    assert reader.locator(".totals .requests dd").inner_text() == "8"
    assert "Only requests with Consumer globex are counted." in reader.locator(".counts").inner_text()
    assert "acme" not in reader.content() and reader.locator("a[href^='/']:not(.skip)").count() == 0
    reader.get_by_role("link", name="24 h").click()
    reader.wait_for_url("**from=**")
    assert reader.locator(".totals .requests dd").inner_text() == "8"
    reader.get_by_role("link", name="p95", exact=True).click()
    reader.wait_for_url("**order=-p95**")
    assert reader.url.startswith(address) and "filter" not in reader.url
    assert reader.complaints == []
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/settings/sharing/")
    reader.get_by_role("button", name="Revoke For Globex").press("Enter")
    reader.get_by_role("button", name="Undo: share For Globex again").wait_for()
    looks_well(reader)
    assert Client().get(address.removeprefix(live_server.url)).status_code == 404
    reader.get_by_role("button", name="Undo: share For Globex again").press("Enter")
    reader.get_by_text("For Globex works again").wait_for()
    assert reader.goto(address).status == 200
    SharedLink.objects.all().delete()
    assert reader.goto(address).status == 404
    looks_well(reader)


@ONE
def test_a_badge_is_drawn(reader: Any, live_server: Any, callers: Any) -> None:
    address = share(reader, live_server.url, "badge")
    assert f"![For Globex]({address})" == reader.locator("#markdown").inner_text()
    reader.complaints.clear()
    answer = reader.goto(address)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert reader.locator("text").first.text_content() == "For Globex"
    parts = reader.locator("text").evaluate_all("all => all.map((one) => one.getBoundingClientRect())")
    grounds = reader.locator("g rect").evaluate_all("all => all.map((one) => one.getBoundingClientRect())")
    for text, ground in zip(parts, grounds, strict=True):
        assert ground["left"] <= text["left"] and text["right"] <= ground["right"]
    # A browser looks for an icon of its own where a picture is the page.
    assert [one for one in reader.complaints if "404" not in one] == []
