"""A log is dropped on the page and becomes charts; the demo is loaded and removed."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from django.utils import timezone

from accounts.models import Project, User
from accounts.services import create_project
from devtools.simulator import demo as traffic
from endpoint_stats.models import Upload
from endpoint_stats.workers import canary, scheduler, tasks, uploads
from tests.e2e.windows import ONE, TWO

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]
LINE = '192.0.2.9 - - [20/Nov/2026:10:{m:02d}:00 +0000] "GET /orders/{n} HTTP/1.1" 200 512 "-" "curl/8.1" 0.050\n'


@pytest.fixture
def shop(transactional_db: None) -> Any:
    user = User.objects.create_user("reader@example.com", "a long password")
    return create_project("shop", owner=user, name="Shop")


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """Does what scheduler and worker do, in a thread."""
    stop = threading.Event()

    def live() -> None:
        while not stop.wait(0.3):
            now = timezone.now()
            scheduler.beat(now)
            canary.ask(now)
            canary.answer(now, now)
            for found in uploads.uploads_to_import(now):
                uploads.import_upload(upload_id=str(found["upload_id"]))
        connections.close_all()

    thread = threading.Thread(target=live)
    thread.start()
    yield
    stop.set()
    thread.join()


def sign_in(page: Any, base: str) -> None:
    page.goto(f"{base}/")
    page.get_by_label("E-mail").fill("reader@example.com")
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", level=1).wait_for()


def drop(page: Any, text: str, name: str = "access.log") -> None:
    """As a file manager drops a file, once the page is there with its script."""
    page.wait_for_load_state()
    make = "([text, name]) => { const data = new DataTransfer(); data.items.add(new File([text], name)); return data; }"
    data = page.evaluate_handle(make, [text, name])
    area = page.locator("form.drop")
    area.dispatch_event("dragover", {"dataTransfer": data})
    assert "over" in (area.get_attribute("class") or "")
    area.dispatch_event("drop", {"dataTransfer": data})


def clean(page: Any) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def log(count: int = 60) -> str:
    return "".join(LINE.format(m=at % 60, n=at) for at in range(count))


@ONE
def test_a_dropped_file_becomes_charts(reader: Any, live_server: Any, shop: Any, worker: None) -> None:
    sign_in(reader, live_server.url)
    reader.get_by_text("Drop a log here").wait_for()
    clean(reader)
    drop(reader, log() + "no line\n")
    reader.get_by_text("is a log in the format combined_time, 61 lines.").wait_for()
    assert reader.locator("table.preview tbody tr").count() == 10
    assert "/orders/{id}" in reader.locator("table.preview tbody tr").first.inner_text()
    clean(reader)
    reader.get_by_label("Service whose log this is").fill("shop-api")
    reader.get_by_role("button", name="Import", exact=True).click()
    reader.get_by_text("61 lines of access.log: 60 stored, 0 duplicate, 1 rejected.").wait_for()
    clean(reader)
    reader.get_by_role("link", name="Show its charts").click()
    reader.locator("figure.chart[data-ready]").first.wait_for()
    assert reader.locator(".totals .requests dd").inner_text().startswith("60")
    assert reader.complaints == []


@ONE
def test_by_the_keyboard_from_the_ledger_and_without_a_worker(reader: Any, live_server: Any, shop: Any) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/ledger/")
    reader.get_by_role("link", name="Upload a log").press("Enter")
    reader.get_by_label("Drop a log here").set_input_files(
        {"name": "mine.log", "mimeType": "text/plain", "buffer": log(3).encode()}
    )
    reader.get_by_role("button", name="Upload").press("Enter")
    reader.get_by_role("button", name="Import", exact=True).press("Enter")
    reader.get_by_text("mine.log waits for a worker").wait_for()
    reader.get_by_text("start manage.py up").wait_for()
    clean(reader)
    reader.get_by_role("button", name="Stop and discard").press("Enter")
    reader.get_by_text("mine.log is discarded, and its file removed.").wait_for()
    assert reader.complaints == []


def test_a_poll_that_fails_changes_nothing(window: Any, live_server: Any, shop: Any) -> None:
    sign_in(window, live_server.url)
    drop(window, log(3))
    window.get_by_role("button", name="Import", exact=True).click()
    window.get_by_text("access.log waits for a worker").wait_for()
    progress = "**/progress/**"
    window.route(
        progress, lambda route: route.fulfill(status=503, content_type="text/html", body="<h1>Unavailable</h1>")
    )
    for _ in range(2):
        with window.expect_response(progress):
            pass
    assert window.get_by_text("access.log waits for a worker").is_visible()
    assert not window.get_by_role("heading", name="Unavailable").count()
    window.unroute(progress)
    # Whoever is about to stop it can, however often it is put in anew.
    stop = window.get_by_role("button", name="Stop and discard")
    stop.focus()
    Upload.objects.update(state=Upload.State.IMPORTING, total=100, progress=40)
    window.get_by_text("Importing access.log: 40 %").wait_for()
    assert stop.evaluate("one => document.activeElement === one")
    window.context.clear_cookies()
    window.wait_for_url("**/account/login/**")


def test_a_form_that_was_put_in_later_and_is_come_back_to(window: Any, live_server: Any, shop: Any) -> None:
    sign_in(window, live_server.url)
    window.wait_for_load_state()
    window.evaluate("window.untouched = true")
    window.locator("#range-1").click()
    window.locator("#range-1[aria-current]").wait_for()
    assert window.evaluate("window.untouched"), "a part of the page was put in, no page loaded"
    upload = "**/projects/shop/upload/"
    held: list[Any] = []
    window.route(upload, lambda route: held.append(route))
    drop(window, log(3))
    sent = window.locator("form.drop .sending")
    sent.wait_for()
    # As the browser shows a page again that was left.
    window.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    sent.wait_for(state="hidden")
    assert window.get_by_role("button", name="Upload", exact=True).is_enabled()
    held[0].abort()
    window.unroute(upload)
    drop(window, log(4))
    window.get_by_text("is a log in the format combined_time, 4 lines.").wait_for()


@TWO
def test_what_is_too_large_or_no_log_is_said_beside_the_form(
    reader: Any, live_server: Any, shop: Any, settings: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 5_000
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/upload/")
    said = reader.locator("form.drop .problem")
    drop(reader, log(200))
    said.get_by_text("larger than 5.00 kB").wait_for()
    drop(reader, "\0\0\0\0", "image.png")
    said.get_by_text("image.png is binary, not a log.").wait_for()
    clean(reader)
    # A browser that was told nothing of the limit hears of it from the server.
    reader.locator("form.drop").evaluate("form => { form.dataset.limit = '999999'; }")
    drop(reader, log(200))
    said.get_by_text("larger than 5.00 kB").wait_for()
    drop(reader, log(9), "good.log")
    reader.get_by_text("is a log in the format combined_time, 9 lines.").wait_for()


def test_without_scripts(browser: Any, live_server: Any, shop: Any, tmp_path: Path) -> None:
    window = browser.new_context(java_script_enabled=False)
    page = window.new_page()
    sign_in(page, live_server.url)
    page.goto(f"{live_server.url}/projects/shop/upload/")
    path = tmp_path / "plain.log"
    path.write_text(log(5))
    page.get_by_label("Drop a log here").set_input_files(path)
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("is a log in the format combined_time, 5 lines.").wait_for()
    window.close()


@TWO
def test_the_demo_comes_and_goes(
    reader: Any, live_server: Any, shop: Any, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "name_of", lambda end: traffic.Traffic(end.replace(microsecond=0), 7, 3000).name)
    sign_in(reader, live_server.url)
    reader.get_by_role("button", name="Load the demo").click()
    reader.wait_for_url("**/projects/demo-shop/")
    reader.locator("figure.chart[data-ready]").first.wait_for(timeout=20_000)
    reader.get_by_text("Invented traffic of a shop.").wait_for()
    # The first look begins at a full hour, a little after the first of its 3,000 requests.
    assert re.match(r"3,000|2,9\d\d", reader.locator(".totals .requests dd").inner_text())
    clean(reader)
    reader.get_by_role("button", name="Remove it").click()
    reader.get_by_text("Demo shop is removed.").wait_for()
    gone = Project.objects.get(slug="demo-shop")
    assert reader.goto(f"{live_server.url}/projects/demo-shop/").status == 404
    assert tasks.purge_project(project_id=gone.pk) is True
