"""Projects from their making to their deletion; accounts, too."""

import json
from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.keys import create_key, known_keys
from accounts.models import ApiKey, AuditEvent, Membership, Project, Role, User
from accounts.services import create_project, projects, users
from endpoint_stats.models import Batch, Endpoint, Journal, RollupMinute, RoutePattern
from endpoint_stats.store.compact import compact
from endpoint_stats.store.purge import tables
from endpoint_stats.workers import tasks
from tests.accounts.people import at_once
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])

HIT = {
    "service": "web", "method": "GET", "path": "/a", "status": 200, "duration": 0.1, "consumer": "ada", "version": "1",
    "time": "2025-11-10T12:00:00Z",
}  # fmt: skip


@pytest.fixture
def shop(owner: Any) -> Any:
    return create_project("shop", owner=owner, name="Shop")


def rows_of(project_id: int) -> dict[str, int]:
    """How many rows each table of the core has of a project: counted from the models, not by what deletes them."""
    found = {}
    for model in apps.get_app_config("endpoint_stats").get_models():
        names = {field.name for field in model._meta.get_fields()}
        if "project" in names:
            found[model.__name__] = model._default_manager.filter(project_id=project_id).count()
    return found


class TestNames:
    @pytest.mark.parametrize(
        ("name", "slug"),
        [
            ("Web shop", "web-shop"),
            ("  ÄÖ & Söhne!", "ao-sohne"),
            ("ada’s project", "adas-project"),
            ("x" * 99, "x" * 60),
        ],
    )
    def test_slugs(self, name: str, slug: str) -> None:
        assert projects.slug_of(name) == slug

    def test_a_slug_that_is_taken_or_empty_gets_an_end(self, owner: Any) -> None:
        first, second, third = (projects.create_named(name, owner) for name in ("Shop", "shop", "日本"))
        assert first.slug == "shop"
        assert second.slug.startswith("shop-") and third.slug
        for made in (first, second, third):
            made.full_clean()

    @pytest.mark.parametrize(
        "body", [{"name": ""}, {"name": "x", "time_zone": "Mars"}, {"name": "x" * 121}, {"name": "\0"}]
    )
    def test_what_is_wrong_is_said_and_kept(self, client: Client, body: Any) -> None:
        answer = client.post("/new-project/", {"time_zone": "UTC", **body})
        assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()
        assert not Project.objects.exists()


class TestDeletion:
    def test_wants_the_name_and_can_be_undone(self, client: Client, shop: Any) -> None:
        client.post("/projects/shop/settings/delete/", {"slug": "wrong"})
        shop.refresh_from_db()
        assert shop.delete_after is None
        client.post("/projects/shop/settings/delete/", {"slug": "shop"})
        shop.refresh_from_db()
        assert shop.closed and shop.delete_after > timezone.now() + timedelta(days=13)
        assert "This project is deleted on" in client.get("/projects/shop/settings/members/").content.decode()
        client.post("/projects/shop/settings/restore/")
        shop.refresh_from_db()
        assert (shop.archived, shop.delete_after) == (None, None)

    def test_kept_it_is_as_it_was(self, client: Client, shop: Any) -> None:
        client.post("/projects/shop/settings/archive/")
        client.post("/projects/shop/settings/delete/", {"slug": "shop"})
        assert "stays, in the archive" in client.post("/projects/shop/settings/restore/", follow=True).content.decode()
        shop.refresh_from_db()
        assert shop.archived and not shop.delete_after
        client.post("/projects/shop/settings/restore/")
        shop.refresh_from_db()
        assert not shop.closed

    def test_a_closed_one_says_so_everywhere_and_gives_no_key(self, client: Client, shop: Any) -> None:
        _, secret = create_key(shop, "ingest", "agent")
        for how, said in (("archive", "is archived since"), ("delete", "is deleted on")):
            client.post(f"/projects/shop/settings/{how}/", {"slug": "shop"})
            for page in ("", "ledger/", "settings/", "settings/keys/"):
                assert said in client.get(f"/projects/shop/{page}").content.decode(), page
            assert "Show me the curl" not in client.get("/projects/shop/").content.decode()
            assert client.post("/projects/shop/settings/first-key/").status_code == 403
            known_keys.forget()
            sent = Client(headers={"Authorization": f"Bearer {secret}"}).post(
                "/api/v1/ingest/hits", json.dumps(HIT), content_type="application/json"
            )
            assert (sent.status_code, sent.json()["code"]) == (403, "project_archived")
            client.post("/projects/shop/settings/restore/")

    def test_nothing_is_left_and_others_keep_theirs(self, owner: Any, shop: Any, tmp_path: Any) -> None:
        other = create_project("other", owner=owner)
        for project in (shop, other):
            store_hits(project, tmp_path, [HIT], compacted=False)
            store_hits(project, tmp_path, [{**HIT, "path": "/b"}])
            RoutePattern.objects.create(project=project, pattern="/x/{id}")
            create_key(project, "read", "x")
        before = rows_of(other.pk)
        assert rows_of(shop.pk) == before and sum(before.values()) > 10
        now = timezone.now()
        assert tasks.projects_to_purge(now) == []
        projects.delete(shop, now, by=owner)
        assert tasks.projects_to_purge(now + timedelta(days=13)) == []
        due = tasks.projects_to_purge(now + timedelta(days=15))
        assert due == [{"project_id": shop.pk}]
        assert not tasks.purge_project(project_id=shop.pk), "it is not due yet"
        Project.objects.filter(pk=shop.pk).update(delete_after=now)
        assert tasks.purge_project(project_id=shop.pk)
        assert not tasks.purge_project(project_id=shop.pk), "once"
        assert set(rows_of(shop.pk).values()) == {0}
        assert rows_of(other.pk) == before
        assert not Project.objects.filter(pk=shop.pk).exists()
        assert not Membership.objects.filter(project_id=shop.pk).exists()
        assert ApiKey.objects.get().project == other
        # Who deleted it stays known to staff.
        lines = AuditEvent.objects.filter(action__in=("project_deleted", "project_purged"), target="shop")
        assert [line.project_id for line in lines] == [None, None]

    def test_in_rounds_and_again_after_it_was_killed(
        self, owner: Any, shop: Any, tmp_path: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("endpoint_stats.store.purge.ROWS_A_ROUND", 3)
        store_hits(shop, tmp_path, [{**HIT, "path": f"/p{'a' * number}"} for number in range(10)])
        assert RollupMinute.objects.filter(project=shop).count() == 10
        from endpoint_stats.store import purge

        real, calls = purge._delete_all, []

        def killed(model: Any, project_id: int) -> int:
            calls.append(model)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return real(model, project_id)

        monkeypatch.setattr(purge, "_delete_all", killed)
        projects.delete(shop, timezone.now() - timedelta(days=15), by=owner)
        with pytest.raises(KeyboardInterrupt):
            tasks.purge_project(project_id=shop.pk)
        assert Project.objects.filter(pk=shop.pk).exists()
        assert tasks.purge_project(project_id=shop.pk)
        assert set(rows_of(shop.pk).values()) == {0}

    def test_every_table_of_the_core_is_known(self) -> None:
        """A table without a project is one that no project's rows are in."""
        without = {model.__name__ for model in apps.get_app_config("endpoint_stats").get_models()} - {
            model.__name__ for model in tables()
        }
        assert without == {"Beat", "JobRun"}


class TestAccounts:
    def test_a_new_user_starts_with_a_project(self, settings: Any) -> None:
        settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "none"
        client = Client()
        client.post("/account/signup/", {"email": "grace@example.org", "password1": "seven green bicycles"})
        page = client.get("/", follow=True)
        assert "grace’s project" in page.content.decode()
        assert "Waiting for the first request" in page.content.decode()
        slug = page.redirect_chain[-1][0].split("/")[2]
        part = client.post(f"/projects/{slug}/settings/first-key/").content.decode()
        key = part.partition("Bearer ")[2].partition("&quot;")[0].partition('"')[0]
        hit = {"time": timezone.now().timestamp(), "method": "GET", "path": "/a", "status": 200}
        answer = Client(headers={"Authorization": f"Bearer {key}"}).post(
            "/api/v1/ingest/hits", json.dumps(hit), content_type="application/json"
        )
        assert answer.json()["stored"] == 1

    @pytest.mark.parametrize("email", [f"{'a' * 130}@example.org", "a\u2028b@example.org", "日本@example.org"])
    def test_whatever_their_address_is(self, settings: Any, email: str) -> None:
        settings.SIGN_UP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "none"
        client = Client()
        answer = client.post("/account/signup/", {"email": email, "password1": "seven green bicycles"})
        assert answer.status_code in (200, 302)
        assert all(user.memberships.count() == 1 for user in User.objects.all())

    @pytest.mark.django_db(transaction=True, databases=["default", "local"])
    def test_many_of_one_name_at_once(self) -> None:
        people = [User.objects.create_user(f"info@example{number}.org", "a long password") for number in range(6)]
        made = at_once(*(partial(projects.create_first, one) for one in people))
        assert len({project.slug for project in made}) == 6
        assert "infos-project" in {project.slug for project in made}

    @pytest.mark.parametrize("name", ["Shop\nBcc: all@example.org", "a\x00b", "a\u2028b", "\x1b[2J"])
    def test_a_name_is_one_line(self, client: Client, shop: Any, name: str) -> None:
        for address in ("/new-project/", "/projects/shop/settings/"):
            answer = client.post(address, {"name": name, "time_zone": "UTC"})
            assert answer.status_code == 422, address
        client.post("/account/profile/", {"name": name})
        assert Project.objects.get().name == "Shop" and User.objects.get().name != name

    def test_deletion_leaves_others_lines_of_the_admin_as_they_are(self, owner: Any) -> None:
        ann = User.objects.create_user("ann@example.org", "a long password")
        joann = User.objects.create_user("joann@example.org", "a long password")
        for user in (ann, joann):
            LogEntry.objects.create(
                user=owner, object_repr=str(user), action_flag=2, change_message=f"was {user.email}, and more"
            )
        users.delete(ann, timezone.now(), by=owner)
        kept = set(LogEntry.objects.values_list("object_repr", "change_message"))
        gone = f"deleted user {ann.pk or kept}"
        assert ("joann@example.org", "was joann@example.org, and more") in kept
        assert "ann@example.org" not in {said for line in kept for said in line}
        assert not [line for line in kept if "was ann@" in line[1]], gone

    def test_deletion_takes_projects_of_ones_own_and_leaves_the_others(self, owner: Any, shop: Any) -> None:
        shared = create_project("shared", owner=owner)
        grace = User.objects.create_user("grace@example.org", "a long password")
        member = Membership.objects.create(project=shared, user=grace, role=Role.VIEWER)
        with pytest.raises(ValidationError, match="only owner of Shared"):
            users.delete(owner, timezone.now())
        member.role = Role.OWNER
        member.save()
        users.delete(owner, timezone.now())
        assert not User.objects.filter(email="ada@example.org").exists()
        shop.refresh_from_db()
        shared.refresh_from_db()
        assert shop.delete_after and not shared.delete_after
        lines = AuditEvent.objects.values_list("actor_name", "target", "details")
        assert lines and "ada@" not in repr(list(lines))

    def test_the_export_has_what_is_known_and_no_secret(self, owner: Any, shop: Any, client: Client) -> None:
        create_key(shop, "read", "grafana", by=owner)
        other = create_project("foreign", owner=User.objects.create_user("grace@example.org", "a long password"))
        assert other
        asked = client.post("/account/data/export/")
        assert asked.status_code == 302 and "reauthenticate" in asked["Location"]
        client.post(asked["Location"], {"password": "a long password"})
        answer = client.post("/account/data/export/")
        assert answer["Content-Disposition"].startswith("attachment")
        said = answer.json()
        assert said["account"]["email"] == "ada@example.org"
        assert [one["slug"] for one in said["projects"]] == ["shop"]
        assert [one["name"] for one in said["api_keys_created"]] == ["grafana"]
        text = answer.content.decode()
        for secret in (owner.password, ApiKey.objects.get().hashed_key, "foreign", "grace"):
            assert secret not in text

    def test_what_others_add_to_it(self, owner: Any, monkeypatch: Any) -> None:
        from accounts import registry

        monkeypatch.setattr(registry, "exports", {})
        registry.register_export("files", lambda user: [f"of {user.email}"])
        assert users.export(owner)["files"] == ["of ada@example.org"]
        with pytest.raises(ValueError, match="twice"):
            registry.register_export("files", lambda user: [])


def test_ended_sessions_are_forgotten_by_few_questions(owner: Any, client: Client) -> None:
    for number in range(30):
        UserSession.objects.create(user=owner, ip="192.0.2.1", user_agent="x", session_key=f"gone{number}")
    client.get("/account/")
    alive = UserSession.objects.create(
        user=owner, ip="192.0.2.1", user_agent="x", session_key=client.session.session_key
    )
    with CaptureQueriesContext(connection) as asked:
        tasks.tidy()
    assert list(UserSession.objects.all()) == [alive]
    assert len(asked) < 20


def test_keys_that_a_command_makes_stand_in_the_audit_log(shop: Any) -> None:
    call_command("create_api_key", project="shop", scope="write", stdout=StringIO())
    line = AuditEvent.objects.get(action="key_created")
    assert (line.project, line.actor_name, line.details["scope"]) == (shop, "create_api_key", "write")


def test_what_nobody_needs_is_forgotten(owner: Any, client: Client, settings: Any) -> None:
    client.get("/")
    old = timezone.now() - timedelta(days=settings.AUDIT_DAYS + 1)
    AuditEvent.objects.update(time=old)
    kept = AuditEvent.objects.create(action="sign_in", actor=owner)
    assert tasks.tidy() >= 1
    assert AuditEvent.objects.get() == kept


def test_the_rows_are_really_there(shop: Any, tmp_path: Any) -> None:
    store_hits(shop, tmp_path, [HIT], compacted=False)
    assert Journal.objects.filter(project=shop).exists() and Batch.objects.filter(project=shop).exists()
    compact(shop.pk)
    assert Endpoint.objects.filter(project=shop).exists()
