"""Every page of the user area: readable by everybody, in both themes and widths."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from axe_playwright_python.sync_playwright import Axe
from django.test import Client

from accounts.keys import create_key
from accounts.models import Membership, User
from accounts.services import create_project, members, projects
from tests.e2e.test_overview import AXE, sign_in
from tests.e2e.windows import TWO

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True, databases="__all__")]

SIGNED_OUT = ("/account/login/", "/account/signup/", "/account/password/reset/", "/invitation/nothing/")
OWN = ("/account/", "/account/email/", "/account/password/change/", "/account/2fa/", "/account/sessions/",
       "/account/data/", "/new-project/")  # fmt: skip
OF_A_PROJECT = ("", "members/", "keys/", "ingest/", "sharing/", "audit/")


@pytest.fixture
def shop(transactional_db: None, settings: Any) -> Any:
    """A project with everything that its settings show."""
    settings.SIGN_UP = "open"
    owner = User.objects.create_user("reader@example.com", "a long password")
    project = create_project("shop", owner=owner, name="Shop")
    other = User.objects.create_user(f"{'a' * 60}@example.org", "a long password", name="Grace \u202eHopper")
    Membership.objects.create(project=project, user=other, role="viewer")
    members.invite("invited@example.org", project, "editor", by=owner)
    for scope in ("ingest", "write"):
        create_key(project, scope, f"{scope} of a name as long as it may be", by=owner)
    projects.change(project, {"name": "Shop"}, by=owner)
    return project


def look(page: Any, address: str) -> None:
    page.goto(address)
    found = Axe().run(page, options=AXE)
    assert found.response["violations"] == [], f"{address}: {found.generate_report()}"
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.viewport_size["width"], f"{address} is {wide} wide"
    assert page.title().endswith("Endpoint Stats") and len(page.title()) > 16, address


@TWO
def test_every_page(reader: Any, live_server: Any, shop: Any) -> None:
    for path in SIGNED_OUT:
        look(reader, live_server.url + path)
    sign_in(reader, live_server.url)
    for path in OWN:
        look(reader, live_server.url + path)
    for path in OF_A_PROJECT:
        look(reader, f"{live_server.url}/projects/shop/settings/{path}")
    # What is shown once, and what was done wrong.
    reader.goto(f"{live_server.url}/projects/shop/settings/keys/")
    reader.get_by_role("button", name="Make the key").click()
    reader.wait_for_selector("text=Its key is shown this once")
    assert Axe().run(reader, options=AXE).response["violations"] == []
    reader.goto(f"{live_server.url}/projects/shop/settings/ingest/")
    reader.fill("#id_trace_url", "nowhere")
    reader.get_by_role("button", name="Save").click()
    reader.wait_for_selector("text=Nothing was saved")
    assert Axe().run(reader, options=AXE).response["violations"] == []
    assert [said for said in reader.complaints if "DOM" not in said and "status of" not in said] == []


def test_a_viewer_is_shown_no_button_that_would_refuse(shop: Any) -> None:
    viewer = Client()
    viewer.force_login(Membership.objects.get(project=shop, role="viewer").user)
    for path, absent in (("", "Archive"), ("members/", "Invite")):
        page = viewer.get(f"/projects/shop/settings/{path}").content.decode()
        assert absent not in page and "API keys" not in page
    refused = viewer.get("/projects/shop/settings/keys/")
    assert refused.status_code == 403 and "Ask an owner" in refused.content.decode()
    assert not Authenticator.objects.exists()
