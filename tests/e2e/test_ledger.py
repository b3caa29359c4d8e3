"""The ledger and the page that waits, in a real browser."""

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import User
from accounts.services import create_project
from tests.e2e.test_overview import AXE, sign_in
from tests.e2e.windows import ONE, TWO
from tests.integration.product import import_file

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]


@pytest.fixture
def shop(transactional_db: None) -> Any:
    return create_project("shop", owner=User.objects.create_user("reader@example.com", "a long password"))


def send(project: Any, *statuses: int) -> None:
    secret = create_key(project, "ingest", "x")[1]
    hits = [
        {"time": timezone.now().timestamp(), "method": "GET", "path": "/a", "status": status} for status in statuses
    ]
    headers = {"Authorization": f"Bearer {secret}"}
    answer = Client().post("/api/v1/ingest/hits", json.dumps(hits), content_type="application/json", headers=headers)
    assert answer.status_code == 200


@ONE
def test_the_page_that_waits_turns_into_charts(reader: Any, live_server: Any, shop: Any) -> None:
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/")
    reader.wait_for_selector("text=Waiting for the first request")
    reader.get_by_role("button", name="Show me the curl").click()
    reader.wait_for_selector(f"text=curl {live_server.url}/api/v1/ingest/hits")
    reader.locator("#first-key p:focus").wait_for()
    send(shop, 200, 200, 500)
    reader.wait_for_selector("text=3 requests, 1 of them failed.")
    assert not reader.complaints


@TWO
def test_ledger(reader: Any, live_server: Any, shop: Any, tmp_path: Any) -> None:
    log = tmp_path / ("a" * 120 + " \u202e<script>.log")
    log.write_bytes(b'1.2.3.4 - - [20/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "-"\nbad\n')
    assert import_file(shop, log).stored == 1
    send(shop, 200, 7)
    sign_in(reader, live_server.url)
    reader.goto(f"{live_server.url}/projects/shop/ledger/")
    for closed in reader.query_selector_all("summary"):
        closed.click()
    found = Axe().run(reader, options=AXE)
    assert found.response["violations"] == [], found.generate_report()
    assert reader.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    reader.click("button:has-text('Take back')")
    reader.wait_for_selector("text=1 hit no longer counts. Import it again to undo.")
    assert not reader.complaints
