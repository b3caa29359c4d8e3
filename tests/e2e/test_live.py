"""The live page as its reader sees it: what comes in appears by itself, and nothing else moves."""

import json
from typing import Any
from unittest import mock

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import Membership, User
from accounts.services import create_project
from endpoint_stats.models import Journal
from endpoint_stats.pages.live import shown
from tests.e2e.test_overview import AXE, sign_in
from tests.e2e.windows import ONE, TWO

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]

WITHIN = 5_000  # milliseconds, in which what was acknowledged must be seen


@pytest.fixture
def shop(transactional_db: None) -> Any:
    user = User.objects.create_user("reader@example.com", "a long password")
    return create_project("shop", owner=user, name="Shop", time_zone="Asia/Kolkata")


@pytest.fixture
def send(shop: Any) -> Any:
    _, secret = create_key(shop, "ingest", "tests")

    def make(count: int, route: str = "/orders", seconds: int = 0, **more: Any) -> None:
        """So many hits, ``seconds`` ago."""
        moment = timezone.now().timestamp() - seconds
        hit = {"service": "web", "method": "GET", "path": route, "route": route, "status": 200, "duration": 0.1}
        answer = Client().post(
            "/api/v1/ingest/hits", json.dumps([{**hit, "time": moment, **more}] * count),
            content_type="application/json", headers={"Authorization": f"Bearer {secret}"},
        )  # fmt: skip
        assert answer.status_code == 200 and answer.json()["stored"] == count, answer.content

    return make


def look(reader: Any, base: str, slug: str = "shop") -> None:
    sign_in(reader, base)
    reader.goto(f"{base}/projects/{slug}/live/")
    if reader.locator("#live[data-empty=false]").count():
        reader.locator("figure.chart[data-ready]").nth(1).wait_for()


def axe_is_content(reader: Any) -> None:
    found = Axe().run(reader, options=AXE)
    assert found.response["violations"] == [], found.generate_report()


def requests(reader: Any, text: str) -> None:
    reader.locator("#live-totals .requests dd").get_by_text(text, exact=True).wait_for(timeout=WITHIN)


def tops(reader: Any) -> list[int]:
    """Where the parts of the page stand."""
    places = "['live-sentence', 'live-totals', 'chart-requests', 'chart-latency', 'live-endpoints', 'live-failing']"
    found: list[int] = reader.evaluate(
        f"{places}.map(id => Math.round(document.getElementById(id).getBoundingClientRect().top + scrollY))"
    )
    return found


@TWO
def test_a_hit_appears_by_itself_and_nothing_moves(reader: Any, live_server: Any, send: Any) -> None:
    send(30, seconds=600)
    send(12)
    look(reader, live_server.url)
    requests(reader, "12")
    axe_is_content(reader)
    before = tops(reader)
    reader.evaluate("window.untouched = true")
    send(3)
    requests(reader, "15")
    send(8, "/pay", status=503)
    reader.get_by_text("GET /pay fails: 8 of 8 in the last 5 minutes", exact=False).first.wait_for(timeout=WITHIN)
    assert reader.locator("#live-endpoints tbody tr").first.inner_text().split()[1] == "/pay"
    bars = reader.evaluate("JSON.parse(document.getElementById('chart-requests-data').textContent)")
    assert sum(value or 0 for one in bars["series"] for value in one["values"]) == 53
    assert tops(reader) == before
    assert reader.evaluate("window.untouched"), "without a reload"
    assert reader.locator("#live-said").inner_text().startswith("GET /pay fails: 8 of 8")
    send(1, "/pay", status=503)
    reader.locator("#live-sentence", has_text="9 of 9").wait_for(timeout=WITHIN)
    assert "8 of 8" in reader.locator("#live-said").inner_text(), "of numbers alone nothing is said"
    axe_is_content(reader)
    assert reader.evaluate("document.documentElement.scrollWidth") <= reader.viewport_size["width"]
    assert reader.complaints == []


@ONE
def test_the_first_hit_ever_turns_the_page(reader: Any, live_server: Any, send: Any) -> None:
    look(reader, live_server.url)
    reader.get_by_text("Nothing ever came in.").first.wait_for()
    axe_is_content(reader)
    reader.evaluate("window.untouched = true")
    send(4)
    requests(reader, "4")
    reader.locator("figure.chart[data-ready]").nth(1).wait_for()
    send(1)
    requests(reader, "5")
    assert reader.evaluate("window.untouched")
    assert reader.complaints == []


def test_a_page_that_is_not_had_is_asked_for_again(window: Any, live_server: Any, send: Any) -> None:
    sign_in(window, live_server.url)
    with mock.patch.object(shown, "ask", side_effect=OperationalError("gone")):
        assert window.goto(f"{live_server.url}/projects/shop/live/").status == 503
        window.get_by_text("The database does not answer.").wait_for()
        window.wait_for_timeout(2_500)  # and once more
    nothing = window.get_by_text("Nothing ever came in.").first
    nothing.wait_for(timeout=3 * WITHIN)
    renewals: list[Any] = []
    window.route("**/shop/live/", lambda route: renewals.append(route))
    with window.expect_request("**/shop/live/"):
        send(4)
    window.wait_for_timeout(100)
    with window.expect_request("**/shop/live/"):
        renewals[0].fulfill(status=503, content_type="text/html", body="<div id='page'>The database is busy.</div>")
    assert nothing.is_visible(), "what it has is kept"
    # An answer that is under way while the page is put in anew is not for the new one.
    polls: list[Any] = []
    window.route("**/live/now/", lambda route: polls.append(route))
    with window.expect_request("**/live/now/"):
        pass
    renewals[1].continue_()
    requests(window, "4")
    window.unroute("**/live/now/")
    polls[0].continue_()
    with window.expect_response("**/live/now/"):
        send(1)
    requests(window, "5")
    assert len(renewals) == 2


@ONE
def test_paused_and_gone_on(reader: Any, live_server: Any, send: Any) -> None:
    send(5)
    look(reader, live_server.url)
    reader.get_by_role("button", name="Pause").focus()
    reader.keyboard.press("Enter")
    reader.locator("#live-state", has_text="Paused at").wait_for()
    asked: list[str] = []
    reader.on("request", lambda request: asked.append(request.url))
    send(2)
    reader.wait_for_timeout(WITHIN)
    assert asked == [], "nothing is asked meanwhile"
    assert reader.locator("#live-totals .requests dd").inner_text() == "5"
    axe_is_content(reader)
    reader.get_by_role("button", name="Go on").click()
    requests(reader, "7")
    reader.locator("#live-state", has_text="As of").wait_for()
    assert reader.complaints == []


@ONE
def test_a_server_that_does_not_answer(reader: Any, live_server: Any, send: Any) -> None:
    send(5)
    look(reader, live_server.url)
    requests(reader, "5")
    before = tops(reader)
    reader.context.set_offline(True)
    lost = reader.locator("#live-state", has_text="Not reached since")
    lost.wait_for(timeout=WITHIN)
    assert lost.inner_text().endswith("; what is shown is of then.")
    assert reader.locator("#live-said").inner_text() == lost.inner_text()
    axe_is_content(reader)
    assert tops(reader) == before
    send(1)
    reader.context.set_offline(False)
    requests(reader, "6")
    reader.locator("#live-state", has_text="As of").wait_for()
    assert all("ERR_INTERNET_DISCONNECTED" in one for one in reader.complaints), reader.complaints


@ONE
def test_nobody_asks_while_nobody_looks(reader: Any, live_server: Any, send: Any) -> None:
    send(5)
    look(reader, live_server.url)
    turn = """hidden => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    reader.evaluate(turn, True)
    reader.wait_for_timeout(500)  # one that was asked before
    asked: list[str] = []
    reader.on("request", lambda request: asked.append(request.url))
    reader.wait_for_timeout(4_500)
    assert asked == []
    send(2)
    with reader.expect_request("**/live/now/", timeout=1_000):
        reader.evaluate(turn, False)
    requests(reader, "7")
    assert reader.complaints == []


@ONE
def test_who_is_taken_out_or_signed_out_is_told(reader: Any, live_server: Any, send: Any, shop: Any) -> None:
    send(5)
    look(reader, live_server.url)
    Membership.objects.filter(project=shop).delete()
    reader.evaluate("document.getElementById('live').dataset.pass = 'over'")  # as a minute later
    reader.locator("#live-state", has_text="You can no longer see this project").wait_for(timeout=WITHIN)
    axe_is_content(reader)
    Membership.objects.create(project=shop, user=User.objects.get(), role="viewer")
    reader.reload()
    reader.locator("figure.chart[data-ready]").nth(1).wait_for()
    reader.context.clear_cookies()
    reader.locator("#live-state", has_text="You are signed out").wait_for(timeout=WITHIN)
    reader.get_by_role("link", name="Sign in again").click()
    reader.wait_for_url("**/account/login/**")
    refused = [one for one in reader.complaints if "404" not in one]
    assert refused == []


@ONE
def test_the_crosshair_stays_where_it_is(reader: Any, live_server: Any, send: Any) -> None:
    send(5, seconds=240)
    send(5)
    look(reader, live_server.url)
    chart = reader.locator("#chart-requests")
    chart.focus()
    reader.keyboard.press("End")
    panel = chart.locator(".chart-panel")
    panel.get_by_text("All").wait_for()
    when = panel.locator(".when").inner_text()
    canvas = reader.evaluate_handle("document.querySelector('#chart-requests canvas')")
    send(4)
    requests(reader, "14")
    panel.locator(".total", has_text="9").wait_for()
    assert panel.locator(".when").inner_text() == when
    assert canvas.evaluate("one => one.isConnected"), "the same drawing"
    assert reader.evaluate("document.activeElement.id") == "chart-requests"
    assert reader.complaints == []


@ONE
def test_rows_that_are_pointed_at_stay(reader: Any, live_server: Any, send: Any) -> None:
    send(9, "/first")
    send(5, "/second")
    look(reader, live_server.url)
    rows = reader.locator("#live-endpoints tbody tr")
    link = reader.locator("#live-endpoints a.route", has_text="/second")
    link.focus()
    send(30, "/second")
    rows.nth(1).locator("td.requests", has_text="35").wait_for(state="attached", timeout=WITHIN)
    assert link.evaluate("one => document.activeElement === one")
    Journal.objects.order_by("id")[0].delete()  # as if its five minutes were over
    reader.locator("#live-endpoints a.route", has_text="/first").wait_for(state="detached", timeout=WITHIN)
    assert link.evaluate("one => document.activeElement === one"), "a row above left"
    reader.get_by_role("button", name="Pause").focus()
    send(1, "/third", status=500)
    reader.locator("#live-endpoints tbody tr:nth-child(2) a.route", has_text="/second").wait_for(timeout=WITHIN)
    heights = rows.evaluate_all("rows => rows.map(row => row.offsetHeight)")
    assert len(set(heights)) == 1
    assert reader.complaints == []


@ONE
def test_a_stretch_of_a_chart_is_looked_at_on_the_overview(reader: Any, live_server: Any, send: Any) -> None:
    send(5, seconds=300)
    look(reader, live_server.url)
    reader.locator("#chart-latency").focus()
    reader.keyboard.press("Home")
    for _ in range(9):
        reader.keyboard.press("Shift+ArrowRight")
    reader.keyboard.press("Enter")
    reader.wait_for_url("**/projects/shop/?from=*")
    assert "live" not in reader.url
    assert reader.complaints == []


def test_without_a_script(browser: Any, live_server: Any, send: Any) -> None:
    send(5)
    with browser.new_context() as scripted:
        page = scripted.new_page()
        sign_in(page, live_server.url)
        state = scripted.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        page = context.new_page()
        page.goto(f"{live_server.url}/projects/shop/live/")
        assert page.locator("#live-totals .requests dd").inner_text() == "5"
        assert not page.locator("#live-pause").is_visible()
        send(2)
        page.wait_for_timeout(2_200)
        page.get_by_role("link", name="Reload").click()
        page.locator("#live-totals .requests dd").get_by_text("7", exact=True).wait_for()
