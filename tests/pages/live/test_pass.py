"""Who may ask for the last minutes, and for how long."""

import time
from datetime import timedelta
from unittest import mock

import pytest
from django.core import signing
from django.test import Client

from accounts.models import Membership, User
from accounts.services import create_project, members, projects
from endpoint_stats.pages.live import shown as live_shown
from endpoint_stats.pages.live.passes import HEADER
from tests.pages.live.conftest import (
    NOW,
    Counting,
    pass_of,
    poll,
    some,
)

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestPass:
    """Who brings one that is good is told by it alone; anyone else is looked up."""

    @pytest.fixture
    def given(self, client, shop, send):
        send(some(3, 2))
        return pass_of(client)

    @pytest.fixture
    def looked_up(self):
        """Calls of the view, which is behind the session and the membership."""
        from endpoint_stats.pages.live import views

        with mock.patch.object(views, "find_project", side_effect=views.find_project) as called:
            yield called

    def test_a_good_one(self, client, given, looked_up):
        answer = poll(client, given)
        assert answer.status_code == 200 and not looked_up.called
        assert HEADER not in answer
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Security-Policy"] and answer["X-Frame-Options"] == "DENY"

    def test_none(self, client, given, looked_up):
        answer = poll(client)
        assert answer.status_code == 200 and looked_up.called
        assert poll(client, answer[HEADER]).status_code == 200
        assert looked_up.call_count == 1, "it brought a new one"

    @pytest.mark.parametrize(("age", "checks"), [(59, 0), (61, 1)])
    def test_after_a_minute_who_asks_is_looked_up(self, client, given, looked_up, age, checks):
        with mock.patch("django.core.signing.time.time", return_value=time.time() + age):
            answer = poll(client, given)
        assert answer.status_code == 200 and looked_up.call_count == checks
        assert (HEADER in answer) == bool(checks)

    def test_who_is_out_sees_nothing_newer_than_a_minute_after(self, client, shop, given, owner, looked_up):
        other = User.objects.create_user("eve@example.org", "another password")
        member = Membership.objects.create(project=shop, user=other, role="owner")
        browser = Client()
        browser.force_login(other)
        theirs = pass_of(browser)
        members.remove(member, by=owner)
        with mock.patch("django.core.signing.time.time", return_value=time.time() + 61):
            assert poll(browser, theirs).status_code == 404
        assert poll(browser).status_code == 404

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda given: given[:-1] + ("a" if given[-1] != "a" else "b"),
            lambda given: given.replace(":", "", 1),
            lambda given: "x",
            lambda given: "é" * 9,
            lambda given: signing.dumps([1, "shop", 1, "x"], salt="endpoint_stats.pages.live"),
            lambda given: signing.dumps(signing.loads(given, salt="endpoint_stats.pages.live"), salt="other"),
        ],
        ids=["tampered", "cut", "no pass", "no ASCII", "of no session", "of another use"],
    )
    def test_one_that_is_not_ours(self, client, shop, given, looked_up, spoil):
        assert poll(client, spoil(given)).status_code == 200
        assert looked_up.call_count == 1
        assert poll(Client(), spoil(given)).status_code == 302
        stranger = Client()
        stranger.force_login(User.objects.create_user("eve@example.org", "another password"))
        assert poll(stranger, spoil(given)).status_code == 404

    def test_of_another_browser(self, client, shop, given, owner):
        """A pass that leaked is worthless: to nobody, to a stranger, and to the same person in another session."""
        assert poll(Client(), given).status_code == 302
        stranger = Client()
        stranger.force_login(User.objects.create_user("eve@example.org", "another password"))
        assert poll(stranger, given).status_code == 404
        again = Client()
        again.force_login(owner)
        with Counting() as counted:
            assert HEADER in poll(again, given)
        assert counted.count > 0

    def test_of_another_project(self, client, given, owner, looked_up):
        create_project("other", owner=owner)
        assert poll(client, given, slug="other").json()["substance"] == "never"
        assert looked_up.call_count == 1
        foreign = create_project("foreign", owner=User.objects.create_user("eve@example.org", "another password"))
        assert poll(client, given, slug=foreign.slug).status_code == poll(client, given, slug="none").status_code == 404

    def test_who_signed_out(self, client, given):
        client.logout()
        assert poll(client, given).status_code == 302

    def test_a_project_that_is_gone(self, client, shop, given, owner):
        projects.delete(shop, NOW, by=owner)
        assert poll(client, given).status_code == 200, "it can be had back for a while"
        assert projects.purge(shop.pk, NOW + timedelta(days=15))
        live_shown.store.forget()
        assert poll(client, given).status_code == 404

    def test_under_a_name_that_is_not_ours(self, given, client):
        answer = client.get("/projects/shop/live/now/", headers={HEADER: given, "host": "evil.example"})
        assert answer.status_code == 400

    def test_it_opens_nothing_else(self, client, given):
        for method in ("post", "put", "delete", "patch"):
            assert getattr(client, method)("/projects/shop/live/now/", headers={HEADER: given}).status_code == 405
        assert Client().get("/projects/shop/", headers={HEADER: given}).status_code == 302
        assert client.head("/projects/shop/live/now/", headers={HEADER: given}).status_code == 200

    def test_no_word_of_it_in_the_body_or_an_address(self, client, given):
        body = poll(client, given).content.decode()
        assert given not in body and "Live-Pass" not in body
