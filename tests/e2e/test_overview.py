"""The first page as its reader sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from accounts.models import Membership, Role, User
from accounts.services import create_project
from tests.e2e.windows import ONE, TWO
from tests.integration.product import import_file

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]

LINE = '192.0.2.{n} - - [20/Nov/2026:10:{m:02d}:00 +0000] "{request} HTTP/1.1" {status} 512 "-" "curl/8.1" 0.{ms:03d}\n'


@pytest.fixture
def shop(tmp_path: Path, transactional_db: None) -> Any:
    """A project with 60 hits, six of them failing."""
    user = User.objects.create_user("reader@example.com", "a long password")
    project = create_project("shop", owner=user, name="Shop")
    lines = []
    for minute in range(60):
        failing = minute % 10 == 0
        request = f"POST /checkout/{minute}/pay" if failing else f"GET /orders/{minute}"
        lines.append(LINE.format(n=minute, m=minute, request=request, status=500 if failing else 200, ms=minute + 10))
    log = tmp_path / "access.log"
    log.write_text("".join(lines))
    assert import_file(project, log).stored == 60
    return project


def sign_in(page: Any, base: str) -> None:
    page.goto(f"{base}/")
    page.get_by_label("E-mail").fill("reader@example.com")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1, name="Shop").wait_for()


@TWO
def test_the_page_says_what_fails_and_shows_the_numbers(reader: Any, live_server: Any, shop: Any) -> None:
    sign_in(reader, live_server.url)
    assert reader.locator(".sentence").inner_text() == "POST /checkout/{id}/pay fails most: 6 of 6 requests (100.0%)."
    totals = reader.locator(".totals").inner_text().split()
    assert totals[totals.index("Requests") + 1] == "60"
    rows = reader.locator("table.endpoints tbody tr")
    assert rows.count() == 2
    assert "/orders/{id}" in rows.nth(0).inner_text()
    assert "54" in rows.nth(0).locator("td.requests").inner_text()
    reader.get_by_role("link", name="Errors").click()
    reader.wait_for_url("**order=-error_rate**")
    assert "/checkout/{id}/pay" in rows.nth(0).inner_text()
    assert reader.evaluate("document.documentElement.scrollWidth") <= reader.viewport_size["width"]
    assert reader.complaints == []


@ONE
def test_a_stranger_sees_a_foreign_project_as_missing(reader: Any, live_server: Any, shop: Any) -> None:
    create_project("foreign")
    Membership.objects.filter(project=shop).update(role=Role.VIEWER)
    sign_in(reader, live_server.url)
    for slug in ("foreign", "there-is-none"):
        response = reader.goto(f"{live_server.url}/projects/{slug}/")
        assert response.status == 404
        assert reader.get_by_role("heading", level=1).inner_text() == "Nothing here"


@TWO
def test_a_project_without_hits_says_what_to_do(reader: Any, live_server: Any, shop: Any) -> None:
    create_project("zebra", owner=User.objects.get(), name="Zebra")
    sign_in(reader, live_server.url)
    reader.get_by_role("link", name="Zebra").click()
    reader.get_by_text("manage.py import_log /var/log/nginx/access.log --project zebra").wait_for()
    reader.get_by_role("button", name="Show me the curl").wait_for()


RANGE = "from=2026-11-20T10:00Z&to=2026-11-20T11:00Z"


@ONE
def test_search_sort_range_and_back_keep_the_address(reader: Any, live_server: Any, shop: Any) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/?{RANGE}")
    rows = reader.locator("table.endpoints tbody tr")
    reader.get_by_label("Search endpoints").press_sequentially("post pay")
    reader.wait_for_url("**q=post%20pay**")
    assert rows.count() == 1
    assert reader.get_by_label("Search endpoints").input_value() == "post pay"
    assert reader.evaluate("document.activeElement.id") == "q", "the field keeps the focus"
    reader.get_by_role("link", name="p95").click()
    reader.wait_for_url("**order=-p95**")
    assert "q=post" in reader.url
    reader.go_back()
    reader.wait_for_url(lambda url: "order" not in url)
    assert rows.count() == 1
    reader.reload()
    assert reader.get_by_label("Search endpoints").input_value() == "post pay"
    reader.get_by_role("link", name="6 h").click()
    reader.wait_for_url("**from=2026-11-20T05**")
    assert "q=post" in reader.url
    reader.locator("figure.chart[data-ready]").first.wait_for()
    assert reader.locator("figure.chart[data-ready]").count() == 4
    assert reader.complaints == []


@ONE
def test_another_range_by_hand_and_by_zoom(reader: Any, live_server: Any, shop: Any) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/?{RANGE}")
    reader.get_by_text("Other range").click()
    reader.get_by_label("From", exact=True).fill("2026-11-20T10:00")
    reader.get_by_label("To", exact=True).fill("2026-11-20T10:30")
    reader.get_by_role("button", name="Show").click()
    reader.wait_for_url("**to=2026-11-20T10%3A30**")
    assert reader.locator(".totals .requests dd").inner_text().startswith("30")
    chart = reader.locator("#chart-requests")
    chart.locator("canvas").first.wait_for()
    chart.focus()
    reader.keyboard.press("Home")
    for _ in range(9):
        reader.keyboard.press("Shift+ArrowRight")
    reader.keyboard.press("Enter")
    reader.wait_for_url("**to=2026-11-20T10%3A10Z**")
    reader.locator(".totals .requests dd").get_by_text("10").wait_for()
    assert reader.complaints == []


HOSTILE = (
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "/{{7*7}}",
    "\u202e/rtl/\u0645\u0631\u062d\u0628\u0627",
    "/" + "long/" * 399,
    "/</script><script>alert(2)</script>",
    "/a%00b",
    "/emoji/\U0001f600",
    "/" + "w" * 1_900,
)


@pytest.fixture
def crowded(shop: Any, tmp_path: Path) -> Any:
    """5,000 endpoints, some of them of a kind that breaks pages."""
    from endpoint_stats.models import ProjectSettings

    ProjectSettings.objects.update_or_create(project=shop, defaults={"endpoint_cap": 6_000})
    names = [
        *HOSTILE,
        *(
            f"/shelf/{at % 77}/kind-{chr(97 + at % 26)}{chr(97 + at // 26 % 26)}{chr(97 + at // 676)}"
            for at in range(5_000)
        ),
    ]
    hits = [
        {"time": f"2026-11-20T10:{at % 60:02}:00Z", "method": "GET", "route": name, "path": "/x", "status": 200,
         "duration": 0.01 + at / 1e5, "consumer": name[:100]}
        for at, name in enumerate(names)
    ]  # fmt: skip
    path = tmp_path / "crowd.ndjson"
    path.write_text("\n".join(json.dumps(hit) for hit in hits) + "\n", encoding="utf-8")
    assert import_file(shop, path, format="hits", service="<b>svc</b>").stored == len(hits)
    return shop


@TWO
def test_thousands_of_endpoints_and_hostile_names(reader: Any, live_server: Any, crowded: Any) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/?{RANGE}&all=1&order=endpoint")
    assert reader.locator("table.endpoints tbody tr").count() > 4_900
    assert reader.evaluate("document.documentElement.scrollWidth") <= reader.viewport_size["width"]
    heights = reader.evaluate("[...document.querySelectorAll('table.endpoints tbody tr')].map(row => row.offsetHeight)")
    assert max(heights) <= 64, "a long name does not make a tall row"
    shown = reader.evaluate("[...document.querySelectorAll('.route')].map(one => one.textContent)")
    assert any("<script>alert(1)</script>" in name for name in shown)
    assert reader.complaints == []


AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}


@pytest.mark.parametrize("state", [RANGE, f"{RANGE}&q=nothing", "from=2020-01-01&to=2020-01-02", "from=nonsense"])
@TWO
def test_axe_finds_nothing(reader: Any, live_server: Any, shop: Any, state: str) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/?{state}")
    reader.wait_for_timeout(300)
    # Injected by the test's own hand, past the page's Content Security Policy.
    found = Axe().run(reader, options=AXE)
    assert found.response["violations"] == [], found.generate_report()


@TWO
def test_axe_finds_nothing_on_an_empty_project(reader: Any, live_server: Any, shop: Any) -> None:
    create_project("zebra", owner=User.objects.get(), name="Zebra")
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/zebra/")
    found = Axe().run(reader, options=AXE)
    assert found.response["violations"] == [], found.generate_report()
