"""The page on which links are made, and the way to it."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership, User
from accounts.services import create_project, projects
from endpoint_stats import sharing
from endpoint_stats.models import Endpoint, SharedLink
from endpoint_stats.pages.address import TITLES
from tests.pages.test_overview import text
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

PAGE = "/projects/shop/settings/sharing/"


@pytest.fixture
def shop(owner, tmp_path):
    project = create_project("shop", owner=owner)
    hit = {"service": "web", "method": "GET", "path": "/a/{id}", "route": "/a/{id}", "status": 200, "duration": 0.1,
           "time": "2025-11-30T12:00:00Z", "consumer": "acme", "version": "1.0"}  # fmt: skip
    store_hits(project, tmp_path, [hit])
    return project


@pytest.fixture
def viewer(shop):
    user = User.objects.create_user("viewer@example.org", "a long password")
    Membership.objects.create(project=shop, user=user, role="viewer")
    made = Client()
    made.force_login(user)
    return made


def form(**changed):
    usual = {"name": "For Acme", "kind": "page", "metric": "availability", "days": "30", "lasts": "30",
             "filter.consumer": "acme", "filter.service": ""}  # fmt: skip
    wanted = usual | {name.replace("__", "."): value for name, value in changed.items()}
    return {name: value for name, value in wanted.items() if value is not None}


def made_at(answer):
    """The path of the link that the answer shows."""
    return re.search(r'id="address">http://testserver(/[^<]+)<', answer.content.decode())[1]


class TestMaking:
    def test_it_is_shown_once_and_works(self, client, shop, owner):
        answer = client.post(PAGE, form())
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        address = made_at(answer)
        assert Client().get(address).status_code == 200
        link = SharedLink.objects.get()
        assert (link.name, link.kind, link.filters, link.days) == ("For Acme", "page", [["consumer", ["acme"]]], 30)
        assert (link.created_by, link.metric) == (owner, "")
        assert timedelta(days=29) < link.expires - timezone.now() <= timedelta(days=30)
        again = client.get(PAGE).content.decode()
        assert address not in again and "For Acme" in again
        (event,) = AuditEvent.objects.filter(action="link_created")
        assert (event.actor, event.project, event.target) == (owner, shop, "For Acme (page)")
        assert address.split("/")[2] not in str(event.details)
        assert "shared by the link For Acme (page)" in text(client.get("/projects/shop/settings/audit/"))

    def test_a_badge_comes_with_its_markdown(self, client, shop):
        answer = client.post(PAGE, form(kind="badge", metric="p95", name="a]b *c*", lasts="1825"))
        markdown = unescape(re.search(r'id="markdown">([^<]+)<', answer.content.decode())[1])
        assert markdown == rf"![a\]b \*c\*](http://testserver{made_at(answer)})"
        assert Client().get(made_at(answer))["Content-Type"] == "image/svg+xml"
        assert SharedLink.objects.get().metric == "p95"

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"name": "  "}, "Say what the link is called"),
            ({"name": "a\nb"}, "Write it in one line."),
            ({"name": "x" * 101}, "at most 100 characters"),
            ({"kind": "nothing"}, "There is no kind"),
            ({"kind": "badge", "metric": "secret"}, "A badge shows one of"),
            ({"lasts": "1825"}, "works for a year at most"),
            ({"kind": "badge", "lasts": "1831"}, "works for five years at most"),
            ({"lasts": "0"}, "works for a year at most"),
            ({"lasts": None, "days": "-3"}, "the last 1 to 400 days"),
            ({"days": "401"}, "the last 1 to 400 days"),
            ({"filter__consumer": ""}, "The link would show the whole project"),
            ({"filter__consumer": "", "filter__traffic": "normal"}, "The link would show the whole project"),
            ({"filter__consumer": "acmee"}, "No consumer of this project is called “acmee”"),
            ({"filter__consumer": "a\0b"}, "at most 50 names"),
            ({"filter__release": "1.0"}, "Leave one of the two out."),
            ({"filter__status": "teapot"}, "status is a number"),
            ({"filter__endpoint": "018f0000-0000-7000-8000-000000000001"}, "No endpoint of this project"),
            ({"filter__endpoint": "GET /a/{id}"}, "No endpoint of this project"),
            ({"filter__nonsense": "1"}, "There is no group or filter"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_makes_no_link_and_keeps_what_was_written(self, client, shop, changed, said):
        answer = client.post(PAGE, form(**changed))
        assert answer.status_code == 422
        assert said in text(answer)
        assert not SharedLink.objects.exists()
        if "name" not in changed:
            assert 'value="For Acme"' in answer.content.decode()

    @pytest.mark.parametrize(
        "changed",
        [{"everything": "1", "filter__consumer": ""}, {"filter__service": "web"},
         {"filter__traffic": "normal", "filter__consumer": None, "filter__route": "/a/{id}"}],
    )  # fmt: skip
    def test_what_can_be_locked(self, client, shop, changed):
        assert client.post(PAGE, form(**changed)).status_code == 200
        wanted = [[name.removeprefix("filter."), [value]] for name, value in sorted(form(**changed).items())
                  if name.startswith("filter.") and value]  # fmt: skip
        assert SharedLink.objects.get().filters == wanted

    def test_another_projects_endpoint_cannot_be_named(self, client, shop, tmp_path):
        other = create_project("other")
        hit = {
            "service": "secret",
            "method": "GET",
            "path": "/b",
            "route": "/b",
            "status": 200,
            "time": "2025-11-30T12:00:00Z",
        }
        store_hits(other, tmp_path, [hit])
        foreign = str(Endpoint.objects.get(project=other).pk)
        answer = client.post(PAGE, form(filter__endpoint=foreign))
        assert answer.status_code == 422 and "/b" not in text(answer)

    def test_only_so_many(self, client, shop, monkeypatch):
        monkeypatch.setattr(sharing, "MOST_LINKS", 1)
        assert client.post(PAGE, form()).status_code == 200
        assert "1 links work already" in text(client.post(PAGE, form()))
        SharedLink.objects.update(expires=datetime(2020, 1, 1, tzinfo=UTC))
        assert client.post(PAGE, form()).status_code == 200

    def test_nothing_of_a_closed_project(self, client, shop, owner):
        projects.archive(shop, timezone.now(), by=owner)
        assert "Nothing of this project is shared" in text(client.post(PAGE, form()))


class TestList:
    def test_revoked_and_had_back(self, client, shop, owner):
        address = made_at(client.post(PAGE, form()))
        link = SharedLink.objects.get()
        answer = client.post(f"{PAGE}{link.pk}/revoke/", follow=True)
        assert "For Acme is revoked" in text(answer) and "Undo" in text(answer)
        assert Client().get(address).status_code == 404
        answer = client.post(f"{PAGE}{link.pk}/restore/", follow=True)
        assert "For Acme works again, at the same address." in text(answer)
        assert Client().get(address).status_code == 200
        actions = AuditEvent.objects.filter(action__startswith="link_").order_by("id").values_list("action", flat=True)
        assert list(actions) == ["link_created", "link_revoked", "link_restored"]

    def test_not_after_an_hour(self, client, shop):
        address = made_at(client.post(PAGE, form()))
        SharedLink.objects.update(revoked=timezone.now() - sharing.UNDO)
        link = SharedLink.objects.get()
        assert "Undo" not in text(client.get(PAGE))
        assert "revoked too long ago" in text(client.post(f"{PAGE}{link.pk}/restore/", follow=True))
        assert Client().get(address).status_code == 404

    def test_revoking_twice_is_revoking_once(self, client, shop):
        client.post(PAGE, form())
        link = SharedLink.objects.get()
        client.post(f"{PAGE}{link.pk}/revoke/", follow=True)
        first = SharedLink.objects.get().revoked
        answer = client.post(f"{PAGE}{link.pk}/revoke/", follow=True)
        assert "For Acme was revoked before." in text(answer) and "is revoked" not in text(answer)
        assert first is not None and SharedLink.objects.get().revoked == first
        assert AuditEvent.objects.filter(action="link_revoked").count() == 1

    def test_it_says_what_each_shows_and_why_it_does_not(self, client, shop, owner):
        endpoint = Endpoint.objects.get(project=shop)
        client.post(PAGE, form(filter__consumer=None, filter__endpoint=str(endpoint.pk), filter__traffic="normal"))
        said = text(client.get(PAGE))
        assert "Endpoint GET /a/{id} , without bots and health checks" in said and "never opened" in said
        SharedLink.objects.update(expires=datetime(2025, 1, 1, tzinfo=UTC), last_used=timezone.now())
        said = text(client.get(PAGE))
        assert "ended 1 January 2025" in said and "last opened" in said
        maker = User.objects.create_user("maker@example.org", "a long password")
        SharedLink.objects.update(expires=timezone.now() + timedelta(days=1), created_by=maker)
        assert "who made it may no longer share" in text(client.get(PAGE))

    def test_empty(self, client, shop):
        assert "Nothing is shared yet" in text(client.get(PAGE))


class TestTheWayThere:
    def test_from_a_page_with_its_filters(self, client, shop):
        overview = client.get("/projects/shop/", {"filter.consumer": "acme", "order": "p95"}).content.decode()
        (link,) = re.findall(r'id="share" href="([^"]+)"', overview)
        assert link == f"{PAGE}?filter.consumer=acme#new-link"
        page = client.get(link.partition("#")[0]).content.decode()
        assert 'name="filter.consumer" value="acme"' in page
        assert re.search(r'id="name"[^>]* value="acme"', page)

    def test_from_an_endpoint(self, client, shop):
        endpoint = Endpoint.objects.get(project=shop)
        page = client.get(f"/projects/shop/endpoints/{endpoint.pk}/", {"filter.traffic": "normal"}).content.decode()
        (link,) = re.findall(r'id="share" href="([^"]+)"', page)
        prefilled = client.get(unescape(link).partition("#")[0])
        assert f'name="filter.endpoint" value="{endpoint.pk}" checked' in prefilled.content.decode()
        assert "Endpoint GET /a/{id}" in text(prefilled)
        assert 'name="filter.traffic" value="normal" checked' in prefilled.content.decode()

    def test_viewers_share_nothing(self, viewer, client, shop):
        assert 'id="share"' not in viewer.get("/projects/shop/").content.decode()
        assert viewer.get(PAGE).status_code == viewer.post(PAGE, form()).status_code == 403
        client.post(PAGE, form())
        link = SharedLink.objects.get()
        for what in ("revoke", "restore"):
            assert viewer.post(f"{PAGE}{link.pk}/{what}/").status_code == 403
        link.refresh_from_db()
        assert link.revoked is None

    def test_every_filter_of_a_page_has_a_field(self, client, shop):
        page = client.get(PAGE, {f"filter.{name}": "x" for name in TITLES}).content.decode()
        assert all(f'name="filter.{name}"' in page for name in TITLES)
