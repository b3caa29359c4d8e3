"""The first page as its reader sees it."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Membership, Role, User
from accounts.services import create_project
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
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Shop").wait_for()


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


def test_a_stranger_sees_a_foreign_project_as_missing(reader: Any, live_server: Any, shop: Any) -> None:
    create_project("foreign")
    Membership.objects.filter(project=shop).update(role=Role.VIEWER)
    sign_in(reader, live_server.url)
    for slug in ("foreign", "there-is-none"):
        response = reader.goto(f"{live_server.url}/projects/{slug}/")
        assert response.status == 404
        assert reader.get_by_role("heading", level=1).inner_text() == "Nothing here"


def test_a_project_without_hits_says_what_to_do(reader: Any, live_server: Any, shop: Any) -> None:
    create_project("zebra", owner=User.objects.get(), name="Zebra")
    sign_in(reader, live_server.url)
    reader.get_by_role("link", name="Zebra").click()
    assert "manage.py import_log /var/log/nginx/access.log --project zebra" in reader.locator("pre").inner_text()
