"""What a link shows: the numbers of the signed-in page under the locked filters, and nothing else."""

from unittest import mock
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.user_cache import PublicCache
from endpoint_stats.models import Endpoint, SharedLink
from endpoint_stats.pages import registry, shared
from endpoint_stats.pages.registry import Mark
from tests.pages.shared.conftest import FILTERS, PARAMETERS, SECRETS, START, STATE, VALUES, anybody, rows, totals
from tests.pages.test_overview import charts, text

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestNumbers:
    @pytest.mark.parametrize("filters", FILTERS)
    @pytest.mark.parametrize("times", [{}, {"from": "2025-11-10T00:00Z", "to": "2025-11-10T02:00Z"}])
    def test_they_are_those_of_the_signed_in_page(self, client, make, filters, times):
        own = {f"filter.{name}": values for name, values in filters}
        signed_in = client.get(
            "/projects/shop/", own | {"from": "2025-11-09T00:00Z", "to": "2025-11-10T02:00Z"} | times
        )
        chosen = times or {"from": "2025-11-09T00:00Z", "to": "2025-11-10T02:00Z"}
        page = anybody().get(make(filters)[1], chosen)
        assert page.status_code == 200
        assert totals(page) == totals(signed_in)
        drop = ("marks",)
        shown, wanted = (
            {name: {key: one for key, one in chart.items() if key not in drop} for name, chart in charts(one).items()}
            for one in (page, signed_in)
        )
        assert shown == wanted
        assert rows(page) == rows(signed_in)

    def test_counted_by_hand(self, make):
        page = anybody().get(make()[1])
        found = dict(totals(page))
        assert (found["Requests"].strip(), found["Server errors"].strip()) == ("40", "10.0%")
        assert "40 requests, 4 of them failed." in text(page)

    def test_it_says_how_it_counts(self, make):
        said = text(anybody().get(make()[1]))
        assert "Only requests with Consumer acme are counted." in said
        assert "Bots and health checks are counted too." in said
        assert "(Europe/Berlin)" in said and "was measured" in said
        assert "Percentiles are within ±1 % of the exact ones, n = 40." in said
        assert "As of 12 Nov 2025 01:00" in said
        without = make((("service", ("shop",)), ("traffic", ("normal",))))[1]
        assert "Bots and health checks are left out." in text(anybody().get(without))

    def test_of_an_endpoint_it_says_the_name(self, shop, make):
        orders = Endpoint.objects.get(project=shop, route="/orders/{id}")
        page = anybody().get(make((("endpoint", (str(orders.pk),)),))[1])
        assert "Only requests with Endpoint GET /orders/{id} are counted." in text(page)
        assert dict(totals(page))["Requests"].strip() == "47"


class TestNothingElse:
    def test_no_name_of_anything_else(self, make):
        for query in ("", "?all=1&order=endpoint", "?from=-3d&to=now", "?from=nonsense"):
            page = anybody().get(make()[1] + query).content.decode()
            assert not [word for word in SECRETS if word in page], query
            assert "/projects/" not in page and "/account/" not in page and "csrf" not in page

    def test_what_another_service_does_is_not_named(self, make):
        """Of a version that two services have, or of a whole project: rows, but no names of services."""
        page = anybody().get(make((("method", ("GET",)),))[1])
        assert "/invoices" in text(page) and "billing" not in page.content.decode()
        assert "Services are not named here" in text(page)

    def test_each_language_has_a_page_of_its_own(self, make):
        """Kept for a minute, but not for who writes numbers otherwise."""
        address = make()[1]
        pages = [
            anybody().get(address, headers={"Accept-Language": language}).content.decode()
            for language in ("en", "de", "en")
        ]
        assert ['data-decimal=","' in page for page in pages] == [False, True, False]

    @given(st.lists(st.tuples(st.sampled_from(PARAMETERS), st.sampled_from(VALUES)), max_size=4))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_parameter_leads_out(self, make, parameters):
        """Whatever else stands in the address: byte for byte the page without it."""
        if not hasattr(make, "kept"):
            make.address = make()[1]
            make.kept = anybody().get(make.address).content
        PublicCache(f"link:{SharedLink.objects.get().pk}").set("", None)
        with (
            mock.patch.object(shared.limits, "reached", return_value=False),
            mock.patch.object(shared.limits, "count", return_value=True) as made_anew,
        ):
            answer = anybody().get(f"{make.address}?{urlencode(parameters)}")
        assert made_anew.call_count == 1
        assert (answer.status_code, answer.content) == (200, make.kept)

    @given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in STATE.items()}))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_range_leads_further_back(self, make, state):
        """The old hit lies before what the link may show, and is not even compared with."""
        if not hasattr(make, "address"):
            make.address = make()[1]
        with mock.patch.object(shared.limits, "reached", return_value=False):
            answer = anybody().get(f"{make.address}?{urlencode(state)}")
        assert answer.status_code in (200, 422)
        page = answer.content.decode()
        assert "/old" not in page
        assert not [word for word in SECRETS if word in page]
        assert answer.status_code == 422 or dict(totals(answer))["Requests"].strip() in ("0", "31", "40")

    def test_what_lies_before_is_not_compared_with(self, make):
        week = {"from": "2025-11-03T02:00Z", "to": "2025-11-10T02:00Z"}
        assert 'class="change"' not in anybody().get(make(days=7)[1], week).content.decode()
        assert anybody().get(make(days=1)[1], {"from": "2025-11-01"}).status_code == 200
        before = anybody().get(make(days=1)[1], {"from": "2025-10-01", "to": "2025-10-25"})
        assert before.status_code == 422 and "This shows the last day, and nothing before." in text(before)

    def test_marks_are_those_of_a_service_that_is_named(self, make, monkeypatch):
        marks = [Mark(START, "shop 1.0", "release"), Mark(START, "shop is down", "alert")]
        monkeypatch.setattr(registry, "_marks", {"test": lambda project, start, end, filters: marks})
        assert charts(anybody().get(make()[1]))["requests"]["marks"] == []
        found = charts(anybody().get(make((("service", ("shop",)),))[1]))["requests"]["marks"]
        assert [mark["label"] for mark in found] == ["shop 1.0"]
