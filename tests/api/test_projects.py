"""Projects and their keys by the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import ApiKey, AuditEvent, Membership, User
from accounts.services import create_project

pytestmark = pytest.mark.django_db(databases=["default", "local"])

KEYS = "/api/v1/projects/shop/keys"


@pytest.fixture
def shop(owner: Any) -> Any:
    return create_project("shop", owner=owner)


@pytest.fixture
def writing(shop: Any) -> Client:
    return by(create_key(shop, "write", "deploys")[1])


def by(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def member(project: Any, role: str) -> Client:
    user = User.objects.create_user(f"{role}@example.org", "a long password")
    Membership.objects.create(project=project, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


def sent(client: Client, method: str, path: str, body: Any = None, **more: Any) -> Any:
    return getattr(client, method)(path, body, content_type="application/json", **more)


def test_who_sees_which(client: Client, shop: Any, writing: Client) -> None:
    create_project("foreign")
    for asking in (client, writing):
        assert [one["slug"] for one in asking.get("/api/v1/projects").json()["results"]] == ["shop"]
        assert asking.get("/api/v1/projects/shop").json()["time_zone"] == "UTC"
        assert asking.get("/api/v1/projects/foreign").status_code == 404


class TestChange:
    def test_by_its_owner(self, client: Client, shop: Any) -> None:
        answer = sent(client, "patch", "/api/v1/projects/shop", {"name": "Web shop", "time_zone": "Europe/Vienna"})
        assert answer.status_code == 200 and answer.json()["name"] == "Web shop"
        shop.refresh_from_db()
        assert (shop.name, shop.time_zone) == ("Web shop", "Europe/Vienna")
        line = AuditEvent.objects.filter(project=shop, action="project_changed").get()
        assert line.details == {"name": ["Shop", "Web shop"], "time_zone": ["UTC", "Europe/Vienna"]}

    def test_not_by_others(self, shop: Any, writing: Client) -> None:
        for asking in (member(shop, "editor"), member(shop, "viewer"), writing):
            answer = sent(asking, "patch", "/api/v1/projects/shop", {"name": "Mine"})
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        shop.refresh_from_db()
        assert shop.name == "Shop"

    def test_not_from_another_site(self, shop: Any, owner: Any) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(owner)
        assert sent(client, "patch", "/api/v1/projects/shop", {"name": "Mine"}).status_code == 403

    @pytest.mark.parametrize(
        "body", [{"time_zone": "Mars/Base"}, {"name": ""}, {"slug": "x"}, ["name"], {"name": "\0"}]
    )
    def test_what_is_wrong_changes_nothing(self, client: Client, shop: Any, body: Any) -> None:
        answer = sent(client, "patch", "/api/v1/projects/shop", body)
        assert answer.status_code == 422 and answer.json()["detail"]
        shop.refresh_from_db()
        assert (shop.name, shop.time_zone) == ("Shop", "UTC")


class TestKeys:
    @pytest.mark.parametrize("who", ["client", "writing"])
    def test_a_key_is_shown_once_and_works(self, who: str, shop: Any, request: pytest.FixtureRequest) -> None:
        asking = request.getfixturevalue(who)
        answer = sent(asking, "post", KEYS, {"scope": "read", "name": "grafana", "days": 30, "hits_per_minute": 9})
        assert answer.status_code == 201 and answer["Cache-Control"] == "no-store"
        made = answer.json()
        assert by(made["key"]).get("/api/v1/projects/shop/stats").status_code == 200
        listed = asking.get(KEYS)
        assert made["key"] not in listed.content.decode()
        row = next(one for one in listed.json()["results"] if one["prefix"] == made["prefix"])
        assert (row["name"], row["scope"], row["revoked"]) == ("grafana", "read", False)
        stored = ApiKey.objects.get(prefix=made["prefix"])
        assert made["key"].partition(".")[2] not in stored.hashed_key
        assert stored.expiry_date is not None and stored.hits_per_minute == 9
        assert timedelta(days=29) < stored.expiry_date - timezone.now() <= timedelta(days=30)

    def test_a_key_makes_none_that_may_as_much(self, writing: Client) -> None:
        answer = sent(writing, "post", KEYS, {"scope": "write"})
        assert answer.status_code == 422 and "member" in answer.json()["detail"]
        assert ApiKey.objects.count() == 1

    def test_who_may_not(self, shop: Any) -> None:
        reading = by(create_key(shop, "read", "x")[1])
        for asking in (reading, member(shop, "viewer")):
            assert asking.get(KEYS).status_code == 403
            assert sent(asking, "post", KEYS, {"scope": "ingest"}).status_code == 403
            assert asking.delete(f"{KEYS}/{ApiKey.objects.get().prefix}").status_code == 403
        assert member(shop, "editor").get(KEYS).status_code == 200

    def test_revoked_at_once_and_by_its_project_only(self, client: Client, shop: Any) -> None:
        other = create_project("other")
        key, secret = create_key(shop, "read", "x")
        foreign, _ = create_key(other, "read", "y")
        assert by(secret).get("/api/v1/projects/shop/stats").status_code == 200
        missing = client.delete(f"{KEYS}/aaaaaaaa")
        assert client.delete(f"{KEYS}/{foreign.prefix}").content == missing.content
        assert client.delete(f"{KEYS}/{key.prefix}").status_code == 204
        assert client.delete(f"{KEYS}/{key.prefix}").status_code == 204
        assert by(secret).get("/api/v1/projects/shop/stats").status_code == 401
        foreign.refresh_from_db()
        assert not foreign.revoked
        assert AuditEvent.objects.filter(action="key_revoked", project=shop).count() == 1

    @pytest.mark.parametrize(
        "body",
        [{}, {"scope": "admin"}, {"scope": "read", "days": -1}, {"scope": "read", "name": "x" * 51}, {"scope": 5}],
    )
    def test_what_is_wrong_makes_none(self, client: Client, shop: Any, body: Any) -> None:
        assert sent(client, "post", KEYS, body).status_code == 422
        assert not ApiKey.objects.exists()


def test_an_archived_project_takes_nothing_in_and_can_be_read(client: Client, shop: Any) -> None:
    ingest, read = (create_key(shop, scope, scope)[1] for scope in ("ingest", "read"))
    hit = {"time": timezone.now().timestamp(), "method": "GET", "path": "/a", "status": 200}
    assert sent(by(ingest), "post", "/api/v1/ingest/hits", hit).status_code == 200
    assert client.post("/projects/shop/settings/archive/").status_code == 302
    refused = sent(by(ingest), "post", "/api/v1/ingest/hits", hit)
    assert (refused.status_code, refused.json()["code"]) == (403, "project_archived")
    assert by(read).get("/api/v1/projects/shop/stats").json()["totals"]["requests"] == 1
    assert client.post("/projects/shop/settings/restore/").status_code == 302
    assert sent(by(ingest), "post", "/api/v1/ingest/hits", hit).status_code == 200
