"""What a link shows: the numbers of the signed-in page under the locked filters, to whoever has it; nothing else."""

import re
from datetime import UTC, datetime, timedelta
from unittest import mock
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from django.db import InterfaceError, OperationalError, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Attempts, Membership, User
from accounts.services import create_project, members, projects
from accounts.user_cache import PublicCache
from endpoint_stats import sharing
from endpoint_stats.ingest.live.samples import shown_path
from endpoint_stats.models import Endpoint, ProjectSettings, SharedLink
from endpoint_stats.pages import badge as drawing
from endpoint_stats.pages import registry, shared
from endpoint_stats.pages.address import TITLES
from endpoint_stats.pages.registry import Mark
from endpoint_stats.query.spec import FILTER, QueryError
from tests.pages.test_overview import charts, text
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

NOW = datetime(2025, 11, 12, tzinfo=UTC)
START = datetime(2025, 11, 10, tzinfo=UTC)
SECRETS = ("globex", "billing", "/invoices", "billing-9.9", "Hidden project", "ada@example.org")


def hit(minute, who="acme", service="shop", route="/orders/{id}", **more):
    return {
        "service": service, "method": "GET", "path": route, "route": route, "status": 200, "duration": 0.1,
        "time": (START + timedelta(minutes=minute)).isoformat(), "consumer": who, "version": "1.0", **more,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    """The product's clock stands still."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.fixture
def shop(owner, tmp_path):
    """Of acme forty hits, four of them failing; of globex others, partly of another service."""
    project = create_project("shop", owner=owner, name="Hidden project", time_zone="Europe/Berlin")
    ProjectSettings.objects.create(project=project)
    hits = [hit(minute, status=503 if minute % 10 == 0 else 200) for minute in range(40)]
    hits += [hit(minute, "globex", status=404) for minute in range(7)]
    hits += [hit(minute, "globex", "billing", "/invoices", version="billing-9.9", duration=3.0) for minute in range(90)]
    hits += [hit(-60 * 24 * 20, "acme", route="/old")]
    store_hits(project, tmp_path, hits)
    return project


@pytest.fixture
def make(shop, owner):
    """``make(filters, **wanted)``: a link and its address."""

    def made(filters=(("consumer", ("acme",)),), project=shop, by=owner, **wanted):
        given = {"name": "For Acme", "kind": "page", "filters": filters, "days": 7} | wanted
        link, token = sharing.create(project, sharing.Wanted(**given), NOW, by=by)
        return link, f"/shared/{token}/" + ("badge.svg" if link.kind == "badge" else "")

    return made


def badge(make, **wanted):
    return make(**({"kind": "badge", "metric": "availability", "name": "shop"} | wanted))


def anybody():
    return Client(raise_request_exception=True)


def rows(response):
    """The table of endpoints without its links."""
    found = re.findall(r"<tbody>(.*?)</tbody>", response.content.decode(), re.S)[-1]
    return re.sub(r"\s+", " ", re.sub(r"<(?!title)[^>]*>", " ", found)).strip()


def totals(response):
    return re.findall(r"<dt>([^<]+)</dt><dd[^>]*>([^<]+)", response.content.decode())


FILTERS = [
    (("consumer", ("acme",)),),
    (("service", ("shop",)),),
    (("route", ("/orders/{id}",)), ("status", ("5xx",))),
    (("release", ("1.0",)), ("traffic", ("normal",))),
]


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


PARAMETERS = [*(f"{FILTER}{name}" for name in TITLES), "consumer", "filters", "group_by", "project", "slug", "q",
              "token", "metrics", "zone", "compare", "limit", "interval", FILTER, "filter"]  # fmt: skip
VALUES = ["globex", "billing", "/invoices", "GET", "billing-9.9", "shop", "acme", "", "5xx", "*", "\0"]
STATE = {
    "from": ["2025-10-01", "2000-01-01", "-300d", "1970-01-01", "-9d", "now", "x", "2025-11-10"],
    "to": ["now", "2025-10-22", "2025-11-10T00:30Z", "2400-01-01", "-1w", "", "y"],
    "order": ["endpoint", "-p95", "consumer", "-requests", "drop table"],
    "all": ["1", "0"],
}


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


class TestOver:
    def nothing(self, address="/shared/never-was/"):
        return anybody().get(address)

    def same(self, address):
        """As of a link that never was: status, headers and body."""
        told, nothing = anybody().get(address), self.nothing()
        assert told.status_code == nothing.status_code == 404
        assert dict(told.headers) == dict(nothing.headers)
        return told.content == nothing.content

    @pytest.mark.parametrize("kind", ["page", "badge"])
    @pytest.mark.parametrize("end", ["revoked", "expired", "archived", "deleted", "purged", "viewer", "out", "left",
                                     "inactive", "gone", "other kind"])  # fmt: skip
    def test_all_ends_are_answered_alike(self, end, kind, shop, make, owner, monkeypatch):
        maker = User.objects.create_user("maker@example.org", "a long password")
        member = Membership.objects.create(project=shop, user=maker, role="editor")
        link, address = (badge if kind == "badge" else lambda given, **more: given(**more))(make, by=maker)
        assert anybody().get(address).status_code == 200
        if end == "revoked":
            sharing.revoke(link, NOW, by=owner)
        elif end == "expired":
            later = link.expires
            monkeypatch.setattr("django.utils.timezone.now", lambda: later)
        elif end == "archived":
            projects.archive(shop, NOW, by=owner)
        elif end in ("deleted", "purged"):
            projects.delete(shop, NOW, by=owner)
            if end == "purged":
                assert projects.purge(shop.pk, NOW + timedelta(days=999))
                assert not SharedLink.objects.exists()
        elif end == "viewer":
            members.set_role(member, "viewer", by=owner)
        elif end == "out":
            members.remove(member, by=owner)
        elif end == "left":
            members.remove(member, by=maker)
        elif end == "inactive":
            User.objects.filter(pk=maker.pk).update(is_active=False)
        elif end == "gone":
            member.delete()
            maker.delete()
        else:
            address = address.removesuffix("badge.svg") if kind == "badge" else f"{address}badge.svg"
        assert self.same(address)

    @pytest.mark.parametrize("tried", ["digest", "id", "cut", "longer", "%00", "%ED%A0%80", "x" * 5000])
    def test_what_is_known_of_a_link_opens_nothing(self, tried, make):
        link, address = make()
        token = address.split("/")[2]
        known = {"digest": link.token_digest, "id": str(link.pk), "cut": token[:-1], "longer": f"{token}A"}
        assert self.same(f"/shared/{known.get(tried, tried)}/")

    def test_it_is_had_back_by_the_same_address(self, make, owner):
        link, address = make()
        sharing.revoke(link, NOW, by=owner)
        assert not sharing.restore(link, NOW + sharing.UNDO, by=owner)
        assert self.same(address)
        assert sharing.restore(link, NOW + sharing.UNDO - timedelta(seconds=1), by=owner)
        assert anybody().get(address).status_code == 200


class TestWhoAsks:
    def test_it_is_the_same_for_everybody(self, client, make, owner):
        owner.is_staff = True
        owner.save()
        for address in (make()[1], badge(make)[1], "/shared/never-was/"):
            told = [one.get(address) for one in (anybody(), client, Client())]
            assert len({one.content for one in told}) == 1
            assert len({one["Cache-Control"] for one in told}) == 1
            assert not any(one.cookies for one in told)

    def test_no_session_is_looked_at(self, client, make, monkeypatch):
        """Not even one that is due for its renewal, by which other pages set its cookie anew."""
        client.get("/projects/shop/")
        monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(minutes=10))
        for address in (make()[1], badge(make)[1], "/shared/never-was/"):
            with (
                CaptureQueriesContext(connections["local"]) as local,
                CaptureQueriesContext(connections["default"]) as own,
            ):
                answer = client.get(address)
            assert not [one for captured in (local, own) for one in captured if "session" in one["sql"]]
            assert not answer.cookies
            assert "Cookie" not in answer.get("Vary", "")
        assert client.get(badge(make)[1])["Cache-Control"] == "public, max-age=300"
        assert client.get("/projects/shop/").cookies, "it was due"

    def test_who_lacks_a_factor_sees_it_too(self, client, make, settings):
        settings.REQUIRE_SECOND_FACTOR = "everybody"
        assert client.get("/projects/shop/")["Location"] == "/account/2fa/"
        assert [client.get(address).status_code for address in (make()[1], badge(make)[1])] == [200, 200]

    def test_other_methods_and_names_of_hosts(self, make):
        for address in (make()[1], badge(make)[1]):
            assert anybody().head(address).status_code == 200
            assert Client(enforce_csrf_checks=True).post(address).status_code == 405
            assert Client(headers={"host": "evil.example"}).get(address).status_code == 400
        assert anybody().get("/shared/").status_code == 404

    def test_headers(self, make):
        for answer in (anybody().get(make()[1]), anybody().get("/shared/never-was/")):
            assert answer["Referrer-Policy"] == "no-referrer"
            assert answer["X-Robots-Tag"] == "noindex"
            assert answer["Cache-Control"] == "private, no-store"
            assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        image = anybody().get(badge(make)[1])
        assert image["Content-Type"] == "image/svg+xml"
        assert image["Cache-Control"] == "public, max-age=300"
        assert image["Cross-Origin-Resource-Policy"] == "cross-origin", "it stands in pages of other sites"
        assert "script-src 'self'" in image["Content-Security-Policy"]
        assert image["X-Robots-Tag"] == "noindex"

    def test_the_token_is_kept_nowhere(self, make):
        link, address = make()
        token = address.split("/")[2]
        assert re.fullmatch(r"[\w-]{43}", token)
        assert link.token_digest != token and len(link.token_digest) == 64
        assert token not in str(SharedLink.objects.values().get())
        assert token not in shown_path(address, ()), "nor in a sample of the installation's own requests"

    @pytest.mark.parametrize("query", ["?from=nonsense", "badge.svg", "?from=-5h"])
    def test_nor_in_the_log(self, make, caplog, query, monkeypatch):
        address = make()[1]
        monkeypatch.setattr(
            shared, "FRESH", shared.limits.Limit(0 if query == "?from=-5h" else 9, timedelta(minutes=1))
        )
        assert anybody().get(f"{address}{query}").status_code == {"?from=nonsense": 422, "badge.svg": 404}.get(
            query, 429
        )
        assert address.split("/")[2] not in caplog.text


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


SVG = "{http://www.w3.org/2000/svg}"


def parsed(answer):
    """Label, value, the value's colour and the title."""
    root = ElementTree.fromstring(answer if isinstance(answer, str) else answer.content.decode())
    label, value = (one.text for one in root.iter(f"{SVG}text"))
    colour = [one.get("fill") for one in root.iter(f"{SVG}rect")][-1]
    return label, value, colour, root.find(f"{SVG}title").text


class TestBadge:
    @pytest.mark.parametrize(
        ("metric", "filters", "value", "colour"),
        [
            ("availability", (("consumer", ("acme",)),), "90.0%", "#b3261e"),
            ("error_rate", (("consumer", ("acme",)),), "10.0%", "#b3261e"),
            ("requests", (("consumer", ("acme",)),), "40", "#0b5cad"),
            ("availability", (("consumer", ("globex",)),), "100.0%", "#0b5cad"),
            ("error_rate", (("status", ("201",)),), "no data", "#59626d"),
        ],
    )
    def test_values(self, make, metric, filters, value, colour):
        found = parsed(anybody().get(badge(make, metric=metric, filters=filters)[1]))
        assert found[:3] == ("shop", value, colour)
        assert f"shop: {value}" in found[3] and "the last 7 days" in found[3]

    def test_a_percentile_is_within_its_error(self, make):
        _, value, colour, _ = parsed(anybody().get(badge(make, metric="p95")[1]))
        assert colour == "#0b5cad"
        assert 99 <= int(value.removesuffix(" ms")) <= 101

    def test_it_says_how_things_are_and_not_how_they_were(self, make, monkeypatch):
        """A page shows old data as such; a badge has no room to."""
        address = badge(make)[1]
        monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(days=8))
        assert parsed(anybody().get(address))[1] == "no data"

    @pytest.mark.parametrize("kept", ["hour", "day"])
    def test_of_what_is_no_longer_kept(self, shop, make, kept):
        """Whole days where hours are gone."""
        address = badge(make, metric="requests")[1]
        floor = (NOW - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(minutes=1) - 60
        floors = {"minute_floor": floor} | ({"hour_floor": floor} if kept != "hour" else {})
        shop.store_state.__class__.objects.filter(project=shop).update(**floors)
        assert parsed(anybody().get(address))[1] == "40"

    @pytest.mark.parametrize(
        "name",
        ['"><script>alert(1)</script>', "a & b < c", "]]>", "<!--", "'\"`", "\u202eevil", "日本語のサービス",
         "\ufffe\uffff x", "W" * 100, "&amp;", "e\u0301\u0301\u0301", "x\ud800"],
    )  # fmt: skip
    def test_whatever_it_is_called_it_is_one_text(self, name):
        made = drawing.svg(name, "1", drawing.Colour.VALUE, "what")
        label, value, _, title = parsed(made)
        assert value == "1" and title.startswith(label)
        assert len(label) <= drawing.MOST
        tags = {one.tag.removeprefix(SVG) for one in ElementTree.fromstring(made).iter()}
        assert tags == {"svg", "title", "clipPath", "rect", "g", "text"}
        assert not re.search(r"\sstyle=|\son\w+=|href", re.sub(r'"[^"]*"|>[^<]*<', "", made))

    @given(st.text(max_size=120), st.text(max_size=40))
    def test_any_text_at_all(self, label, value):
        parsed(drawing.svg(label, value, drawing.Colour.NOTHING, label))

    def test_its_parts_are_as_wide_as_their_texts(self):
        root = ElementTree.fromstring(drawing.svg("availability", "99.9%", drawing.Colour.VALUE, "x"))
        left, right = list(root.iter(f"{SVG}rect"))[1:]
        whole = float(root.get("width"))
        assert float(left.get("width")) + float(right.get("width")) == whole
        for text_of, part in zip(root.iter(f"{SVG}text"), (left, right), strict=True):
            assert float(text_of.get("textLength")) + 2 * drawing.PADDING == float(part.get("width"))

    @pytest.mark.parametrize("ground", [drawing.LABEL, *drawing.Colour])
    def test_white_is_read_on_its_colours(self, ground):
        channels = [int(ground[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
        luminance = sum(one * part for one, part in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
        assert 1.05 / (luminance + 0.05) >= 4.5
