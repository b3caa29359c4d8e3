"""Forms that keep what was given, and pages that say where one is."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, time_zones
from accounts.services import create_project

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.fixture
def shop(owner: Any) -> Any:
    return create_project("shop", owner=owner, name="Shop")


def test_a_key_made_at_the_second_try_expires_as_it_was_asked_to(client: Client, shop: Any) -> None:
    given = {"name": "reader", "scope": "read", "days": "30", "quota": "abc"}
    page = client.post("/projects/shop/settings/keys/", given)
    assert page.status_code == 422 and not ApiKey.objects.exists()
    said = page.content.decode()
    assert '<option value="30" selected>' in said and '<option value="read" selected>' in said
    assert 'value="reader"' in said and 'value="abc"' in said


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "Nowhere/Land", ""])
def test_a_time_zone_is_one_that_browsers_know(client: Client, shop: Any, zone: str) -> None:
    assert zone not in time_zones()
    answer = client.post("/projects/shop/settings/", {"name": "Shop", "time_zone": zone})
    assert answer.status_code == 422
    shop.refresh_from_db()
    assert shop.time_zone == "UTC"


@pytest.mark.parametrize("address", ["/account/", "/account/2fa/", "/account/email/", "/account/sessions/"])
def test_from_the_account_there_is_a_way_back_to_the_projects(client: Client, shop: Any, address: str) -> None:
    assert '<a href="/projects/shop/">Shop</a>' in client.get(address).content.decode()
    assert "/projects/shop/" not in Client().get("/account/login/").content.decode()


def test_the_answer_to_an_invitation_is_a_page_of_members(client: Client, shop: Any) -> None:
    address = "/projects/shop/settings/members/invite/"
    for answer in (client.get(address), client.post(address, {"email": "g@example.org", "role": "viewer"})):
        assert answer.status_code == 200
        assert '/settings/members/" aria-current="page"' in answer.content.decode()


def test_focus_is_where_something_is_wrong(client: Client, shop: Any) -> None:
    page = client.post("/new-project/", {"name": "", "time_zone": "UTC"}).content.decode()
    assert 'role="alert" tabindex="-1" autofocus' in page
