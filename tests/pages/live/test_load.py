"""How fresh the live page is, and what it costs."""

import time
from concurrent.futures import CancelledError
from unittest import mock

import pytest
from django.db import InterfaceError, OperationalError

from accounts.services import create_project
from endpoint_stats.models import Journal
from endpoint_stats.pages.live import shown as live_shown
from tests.pages.live.conftest import BOT, Counting, hit, page_of, pass_of, poll, some, total, viewers
from tests.pages.test_overview import text

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestFresh:
    def test_what_was_acknowledged_is_in_the_next_poll(self, client, shop, send, monkeypatch):
        given = pass_of(client)
        clock = time.monotonic()
        monkeypatch.setattr(live_shown.store, "clock", lambda: clock)
        live_shown.store.forget()
        for number in range(1, 6):
            send([hit(0)])
            clock += 2.0
            assert total(poll(client, given).json(), "requests") == str(number)
        assert Journal.objects.filter(project=shop).count() == 5, "nothing was compacted for it"

    def test_within_two_seconds_it_is_the_same_for_all(self, client, shop, send, monkeypatch):
        monkeypatch.setattr(live_shown.store, "clock", lambda: 1000.0)
        send([hit(0)])
        before = poll(client).content
        send([hit(0)])
        assert poll(client).content == before


class TestLoad:
    def test_twenty_viewers_cost_what_one_does(self, shop, send, monkeypatch):
        monkeypatch.setattr(live_shown.store, "clock", lambda: 1000.0)
        send(some(20, 2))
        browsers = viewers(shop, 20)
        passes = [pass_of(browser) for browser in browsers]
        live_shown.store.forget()
        with Counting() as one:
            assert poll(browsers[0], passes[0]).status_code == 200
        live_shown.store.forget()
        with Counting() as all_of_them:
            bodies = {poll(browser, given).content for browser, given in zip(browsers, passes, strict=True)}
        assert 0 < one.count == all_of_them.count <= 10
        assert len(bodies) == 1

    def test_a_poll_within_two_seconds_asks_nothing_at_all(
        self, client, shop, send, monkeypatch, django_assert_num_queries
    ):
        monkeypatch.setattr(live_shown.store, "clock", lambda: 1000.0)
        send(some(3, 2))
        given = pass_of(client)
        with django_assert_num_queries(0), django_assert_num_queries(0, using="local"):
            for _ in range(20):
                assert poll(client, given).status_code == 200

    def test_two_projects_and_both_states_of_the_switch_are_apart(self, client, shop, send, owner):
        send(some(3, 2) + some(4, 2, user_agent=BOT))
        create_project("other", owner=owner)
        assert total(poll(client).json(), "requests") == "7"
        assert total(poll(client, **{"filter.traffic": "normal"}).json(), "requests") == "3"
        assert poll(client, slug="other").json()["substance"] == "never"
        assert total(poll(client).json(), "requests") == "7"

    @pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed"), CancelledError()])
    def test_the_database_away_is_said_and_not_kept(self, client, shop, send, error):
        send(some(3, 2))
        given = pass_of(client)
        live_shown.store.forget()
        with mock.patch.object(live_shown, "ask", side_effect=error):
            answer = poll(client, given)
            assert (answer.status_code, answer.json()) == (503, {"problem": "The database does not answer."})
            page = page_of(client)
            assert page.status_code == 503 and "Try again" in text(page)
            assert page["Cache-Control"] == "no-store"
        assert poll(client, given).status_code == 200
