"""One endpoint's page and the filters, as their reader uses them."""

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.test_overview import RANGE, sign_in
from tests.e2e.test_overview import shop as shop  # a fixture
from tests.e2e.windows import ONE, TWO
from tests.integration.product import import_file

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]

HIT = '{{"method": "GET", "path": "/search", "route": "/search", "status": {status}, "duration": 0.0{n}, ' \
      '"consumer": "{who}", "version": "1.{n}", "time": "2026-11-20T10:0{n}:00Z"}}\n'  # fmt: skip


@pytest.fixture
def callers(shop: Any, tmp_path: Path) -> Any:
    """Besides, hits of which is known whose they are: those of one consumer fail."""
    path = tmp_path / "hits.ndjson"
    lines = [
        HIT.format(status=503 if who == "globex" else 200, n=number, who=who)
        for who in ("acme", "globex") for number in range(1, 9)
    ]  # fmt: skip
    path.write_text('{"no": "hit"}\n' + "".join(lines))
    assert import_file(shop, path, service="search", format="hits").stored == 16
    return shop


def settled(reader: Any) -> None:
    reader.locator("figure.chart[data-ready]").nth(3).wait_for()


def axe_is_content(reader: Any) -> None:
    found = Axe().run(reader)
    assert found.violations_count == 0, found.generate_report()


@TWO
def test_from_the_table_to_whom_it_hurts_and_back(reader: Any, live_server: Any, callers: Any) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/?{RANGE}")
    settled(reader)
    axe_is_content(reader)
    reader.get_by_role("link", name="/search").click()
    reader.wait_for_url("**/endpoints/**")
    settled(reader)
    assert "from=2026-11-20T10%3A00Z" in reader.url, "the range comes along"
    assert "nearly all of them of globex" in reader.locator(".sentence").inner_text()
    axe_is_content(reader)
    assert reader.evaluate("document.documentElement.scrollWidth") <= reader.viewport_size["width"]
    reader.get_by_role("link", name="globex").click()
    reader.wait_for_url("**filter.consumer=globex**")
    assert reader.locator(".totals .requests dd").inner_text().startswith("8")
    assert reader.locator(".totals .error_rate dd").inner_text().startswith("100")
    reader.get_by_role("link", name="Take out the filter Consumer globex").click()
    reader.wait_for_url(lambda url: "filter" not in url)
    assert reader.locator(".totals .requests dd").inner_text().startswith("16")
    reader.go_back()
    reader.wait_for_url("**filter.consumer=globex**")
    reader.locator(".totals .requests dd").get_by_text("8").wait_for()
    reader.reload()
    settled(reader)
    assert reader.locator(".totals .requests dd").inner_text().startswith("8")
    reader.get_by_role("link", name="Shop").first.click()
    reader.wait_for_url("**/projects/shop/**")
    assert reader.complaints == []


@ONE
def test_a_filter_is_chosen_without_a_mouse(reader: Any, live_server: Any, callers: Any) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/?{RANGE}")
    settled(reader)
    reader.locator("#add-filter").focus()
    reader.keyboard.press("Enter")
    reader.get_by_label("Service", exact=True).wait_for()
    axe_is_content(reader)
    reader.locator("input[name='filter.service']:focus").wait_for()
    reader.get_by_label("Status", exact=True).fill("5xx")
    reader.keyboard.press("Enter")
    reader.wait_for_url("**filter.status=5xx**")
    settled(reader)
    assert "filter.service" not in reader.url, "what was left empty is not in the address"
    assert reader.locator(".totals .requests dd").inner_text().startswith("14")
    reader.get_by_role("switch").click()
    reader.wait_for_url("**filter.traffic=normal**")
    assert reader.get_by_role("switch").get_attribute("aria-checked") == "false"
    assert not reader.complaints


@ONE
def test_the_search_box_without_a_mouse(reader: Any, live_server: Any, callers: Any) -> None:
    sign_in(reader, live_server.url)
    settled(reader)
    reader.locator("h1").click()
    reader.keyboard.press("/")
    assert reader.evaluate("document.activeElement.id") == "find"
    reader.keyboard.type("glob")
    reader.locator("#found").get_by_role("link", name="globex").wait_for()
    axe_is_content(reader)
    reader.keyboard.press("ArrowDown")
    assert "globex" in reader.evaluate("document.activeElement.textContent")
    reader.keyboard.press("Escape")
    assert reader.locator("#found a").count() == 0
    reader.keyboard.type("/search")
    reader.locator("#found").get_by_role("link", name="/search").wait_for()
    assert reader.evaluate("document.documentElement.scrollWidth") <= reader.viewport_size["width"]
    reader.keyboard.press("Enter")
    reader.wait_for_url("**/endpoints/**")
    settled(reader)
    assert reader.complaints == []


def test_times_and_numbers_as_the_reader_writes_them(browser: Any, live_server: Any, callers: Any) -> None:
    context = browser.new_context(locale="de-DE", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    sign_in(page, live_server.url)
    settled(page)
    start = page.locator(".range time").first
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4}, \d\d:\d\d", start.inner_text())
    assert "," in page.locator(".totals .error_rate dd").inner_text()
    assert page.locator("#chart-errors .u-legend").count() == 0
    page.locator("#chart-errors summary").click()
    assert page.locator("#chart-errors td").filter(has_text=",0%").count()
    assert not complaints
    context.close()
