"""What readers of a link may cost."""

from datetime import timedelta
from unittest import mock

import pytest
from django.db import InterfaceError, OperationalError, connections
from django.test.utils import CaptureQueriesContext

from accounts.models import Attempts
from accounts.user_cache import PublicCache
from endpoint_stats.pages import shared
from endpoint_stats.query.spec import QueryError
from tests.pages.shared.conftest import NOW, anybody, badge

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestCost:
    def statements(self, address):
        with CaptureQueriesContext(connections["default"]) as captured:
            anybody().get(address)
        return [query["sql"] for query in captured if "json_cache" not in query["sql"]]

    def test_a_wrong_token_is_one_look_up(self, make):
        make()
        assert len(self.statements("/shared/never-was/")) == 1

    def test_what_was_asked_is_kept_for_a_minute(self, make):
        """The link is looked up, and its maker; nothing is counted anew."""
        for _, address in (make(), badge(make)):
            anybody().get(address)
            with mock.patch.object(shared, "reading", side_effect=AssertionError("read again")):
                assert len(self.statements(address)) == 2

    def test_links_do_not_share_what_is_kept(self, make):
        first = anybody().get(make()[1])
        second = anybody().get(make((("consumer", ("globex",)),), name="For Globex")[1])
        assert "globex" not in first.content.decode() and "acme" not in second.content.decode()

    def test_many_ranges_are_held_back(self, make, monkeypatch):
        monkeypatch.setattr(shared, "FRESH", shared.limits.Limit(2, timedelta(minutes=1)))
        address = make()[1]
        found = [anybody().get(address, {"from": f"-{hours}h"}).status_code for hours in (100, 101, 102, 100)]
        assert found == [200, 200, 429, 200]
        assert anybody().get(address, {"from": "-103h"})["Retry-After"] == "60"
        assert anybody().get(make()[1], {"from": "-102h"}).status_code == 200, "of another link"

    def test_what_cannot_be_read_shuts_it_to_nobody(self, make, monkeypatch):
        monkeypatch.setattr(shared, "FRESH", shared.limits.Limit(2, timedelta(minutes=1)))
        address = make()[1]
        for at in range(5):
            assert anybody().get(address, {"from": f"x{at}"}).status_code == 422
        assert not Attempts.objects.exists()
        assert [anybody().get(address, {"from": f"-{hours}h"}).status_code for hours in (100, 101, 102)] == [
            200,
            200,
            429,
        ]
        assert anybody().get(address).status_code == 200, "without a range"

    def test_what_takes_all_its_time_counts(self, make, monkeypatch):
        monkeypatch.setattr(shared, "FRESH", shared.limits.Limit(1, timedelta(minutes=1)))
        address = make()[1]
        with mock.patch.object(shared, "ask", side_effect=QueryError("time_limit", "It took too long.")) as asked:
            found = [anybody().get(address, {"from": f"-{hours}h"}).status_code for hours in (100, 100, 101)]
        assert (found, asked.call_count) == ([503, 503, 429], 1)

    def test_the_plain_page_has_a_limit_where_the_cache_is_away(self, make, monkeypatch):
        monkeypatch.setattr(shared, "FRESH", shared.limits.Limit(2, timedelta(minutes=1)))
        monkeypatch.setattr(PublicCache, "MOST", 0)
        for address in (make()[1], badge(make)[1]):
            assert [anybody().get(address).status_code for _ in range(3)] == [200, 200, 429]

    def test_who_is_refused_writes_nothing(self, make, monkeypatch):
        monkeypatch.setattr(shared, "FRESH", shared.limits.Limit(1, timedelta(minutes=1)))
        address = make()[1]
        assert anybody().get(address, {"from": "-100h"}).status_code == 200
        with CaptureQueriesContext(connections["default"]) as captured:
            assert anybody().get(address, {"from": "-101h"}).status_code == 429
        assert len(captured) == 3, "the link, its maker, and whether it is asked too often"
        assert {query["sql"].split()[0] for query in captured} == {"SELECT"}

    @pytest.mark.parametrize("error", [OperationalError("database is locked"), InterfaceError("closed")])
    def test_a_database_that_takes_no_writes_refuses_nobody(self, make, error):
        with mock.patch.object(shared.limits, "count", side_effect=error):
            assert anybody().get(make()[1]).status_code == 200

    def test_when_it_was_used_is_written_once_an_hour(self, make, monkeypatch):
        link, address = make()
        for minutes, seen in ((0, 0), (59, 0), (61, 61)):
            monkeypatch.setattr("django.utils.timezone.now", lambda minutes=minutes: NOW + timedelta(minutes=minutes))
            anybody().get(address)
            link.refresh_from_db()
            assert link.last_used == NOW + timedelta(minutes=seen)
