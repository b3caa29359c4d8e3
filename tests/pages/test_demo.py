"""The demo: a labelled project of its own, filled by a worker, removed at once, and gone for good when it is."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Membership, Project, Role, User
from accounts.services import create_project
from devtools.simulator import demo as traffic
from endpoint_stats.models import Batch, Journal, Upload
from endpoint_stats.pages import registry
from endpoint_stats.workers import tasks, uploads
from tests.integration.product import requests
from tests.pages.upload.conftest import said

pytestmark = pytest.mark.django_db(databases=["default", "local"])
END = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def small(monkeypatch):
    """The demo's own traffic, less of it."""
    monkeypatch.setattr(traffic, "REQUESTS", 400)
    monkeypatch.setattr(traffic, "name_of", lambda end: traffic.Traffic(end.replace(microsecond=0), 7, 400).name)


@pytest.fixture
def demo(client, small):
    """What the button makes, filled."""
    response = client.post("/load-demo/")
    assert response["Location"] == "/projects/demo-shop/"
    (found,) = uploads.uploads_to_import(timezone.now())
    assert uploads.import_upload(**found) == Upload.State.COMPLETE
    return Project.objects.get(slug="demo-shop")


def page(client, path):
    response = client.get(path)
    assert response.status_code == 200
    return said(response), response.content.decode()


def hits(name):
    return [json.loads(line) for line in traffic.lines_of(name)]


class TestLoading:
    def test_from_the_page_without_projects(self, client, small):
        text, raw = page(client, "/")
        assert "Load the demo" in text
        assert 'action="/load-demo/"' in raw
        response = client.post("/load-demo/", follow=True)
        text = said(response)
        assert "waits for a worker" in text
        assert "Waiting for the first request" not in text
        assert 'hx-trigger="every 1s"' in response.content.decode()
        assert requests(Project.objects.get()) == 0, "a worker fills it"

    def test_from_an_empty_overview(self, client, owner):
        create_project("shop", owner=owner)
        assert "Load the demo" in page(client, "/projects/shop/")[0]

    def test_no_button_where_nobody_offers_one(self, client, owner, monkeypatch):
        monkeypatch.setattr(registry, "_demos", {})
        create_project("shop", owner=owner)
        assert "Load the demo" not in page(client, "/projects/shop/")[0]
        assert client.post("/load-demo/").status_code == 404

    def test_all_that_the_name_says_is_there(self, client, demo, owner):
        assert (demo.demo, demo.name) == (True, "Demo shop")
        assert [one.user for one in Membership.objects.filter(project=demo, role=Role.OWNER)] == [owner]
        batch = Batch.objects.get(project=demo)
        expected = hits(batch.name)
        assert len(expected) == 400
        assert (batch.read, batch.stored, batch.rejected) == (400, 400, {})
        assert requests(demo) == 400

    def test_how_far_it_is(self, client, small, monkeypatch):
        client.post("/load-demo/")
        seen = []
        note = uploads.Pulse.note

        def listen(pulse, done, total, **more):
            pulse.noted = 0
            note(pulse, done, total, **more)
            seen.append(said(client.get(f"/projects/demo-shop/upload/{pulse.upload.id}/progress/?on=overview")))

        monkeypatch.setattr(uploads.Pulse, "note", listen)
        uploads.import_upload(**uploads.uploads_to_import(timezone.now())[0])
        assert any("Making the traffic of an invented shop" in text for text in seen)
        assert any("Importing demo traffic 400" in text and "%" in text for text in seen)
        upload = Upload.objects.get()
        done = client.get(f"/projects/demo-shop/upload/{upload.id}/progress/?on=overview")
        assert done["HX-Refresh"] == "true", "the page turns into charts"

    def test_a_second_click_leads_to_the_one_there_is(self, client, demo):
        assert client.post("/load-demo/")["Location"] == "/projects/demo-shop/"
        assert Project.objects.count() == 1
        assert Upload.objects.count() == 1

    def test_somebody_else_has_one_of_their_own(self, client, demo):
        other = Client()
        other.force_login(User.objects.create_user("other@example.org", "a long password"))
        response = other.post("/load-demo/")
        assert response["Location"].startswith("/projects/demo-shop-")
        assert Project.objects.filter(demo=True).count() == 2

    def test_a_task_that_died_makes_the_same_lines_again(self, client, small):
        client.post("/load-demo/")
        upload = Upload.objects.get()
        assert uploads.claim(upload.id, timezone.now()) is not None  # and then its worker is killed
        assert traffic.lines_of(upload.name) is not None
        assert hits(upload.name) == hits(upload.name)
        Upload.objects.update(heartbeat=timezone.now() - timedelta(seconds=61))
        assert uploads.import_upload(upload_id=str(upload.id)) == Upload.State.COMPLETE
        assert requests(Project.objects.get()) == 400

    def test_what_is_no_name_of_it(self):
        for name in ("access.log", "demo traffic 5 in 7 days to now, seed 1", ""):
            with pytest.raises(ValueError, match="no name"):
                traffic.lines_of(name)


class TestLabel:
    def test_everywhere_it_is_listed(self, client, demo, owner):
        create_project("aaa", owner=owner)
        for path in ("/projects/aaa/", "/account/", "/projects/demo-shop/", "/projects/demo-shop/ledger/"):
            assert "Demo shop Demo" in page(client, path)[0], path
        listed = client.get("/api/v1/projects").json()["results"]
        assert {one["slug"]: one["demo"] for one in listed} == {"aaa": False, "demo-shop": True}

    def test_a_banner_on_its_pages_and_on_no_others(self, client, demo, owner):
        create_project("aaa", owner=owner)
        endpoint = re.search(r'href="(/projects/demo-shop/endpoints/[^"?]+)', page(client, "/projects/demo-shop/")[1])[
            1
        ]
        for path in ("", "ledger/", "settings/", "settings/keys/", "upload/", "search/?q=orders"):
            assert "Invented traffic of a shop. Remove it" in page(client, f"/projects/demo-shop/{path}")[0], path
        assert "Invented traffic" in page(client, endpoint)[0]
        assert "Invented traffic" not in page(client, "/projects/aaa/ledger/")[0]

    def test_only_its_owner_sees_the_button(self, demo):
        user = User.objects.create_user("viewer@example.org", "a long password")
        Membership.objects.create(project=demo, user=user, role=Role.EDITOR)
        viewer = Client()
        viewer.force_login(user)
        text = page(viewer, "/projects/demo-shop/ledger/")[0]
        assert "Invented traffic of a shop." in text
        assert "Remove it" not in text
        assert viewer.post("/projects/demo-shop/remove-demo/").status_code == 403
        assert Project.objects.filter(pk=demo.pk, delete_after=None).exists()


class TestRemoving:
    def test_it_is_gone_at_once_and_all_of_it_soon(self, client, demo):
        response = client.post("/projects/demo-shop/remove-demo/", follow=True)
        assert "Demo shop is removed." in said(response)
        assert client.get("/projects/demo-shop/").status_code == 404
        assert "Demo shop" not in page(client, "/account/")[0].replace("Demo shop is removed", "")
        (task,) = [one.task for one in OrmQ.objects.all()]
        assert task["func"].endswith("purge_project")
        assert tasks.purge_project(**task["kwargs"]) is True
        assert not Project.objects.filter(pk=demo.pk).exists()
        for model in apps.get_app_config("endpoint_stats").get_models():
            if any(field.name == "project" for field in model._meta.fields):
                assert not model.objects.filter(project_id=demo.pk).exists(), model

    def test_a_task_that_was_lost_is_made_up_for(self, client, demo):
        client.post("/projects/demo-shop/remove-demo/")
        OrmQ.objects.all().delete()
        assert tasks.projects_to_purge(timezone.now()) == [{"project_id": demo.pk}]

    def test_while_it_is_being_filled(self, client, small, monkeypatch):
        client.post("/load-demo/")
        project = Project.objects.get()
        begun = uploads.Pulse.begun

        def removed(pulse, batch):
            begun(pulse, batch)
            client.post("/projects/demo-shop/remove-demo/")
            assert tasks.purge_project(project_id=project.pk) is True

        monkeypatch.setattr(uploads.Pulse, "begun", removed)
        assert uploads.import_upload(**uploads.uploads_to_import(timezone.now())[0]) == ""
        assert not Journal.objects.filter(project_id=project.pk).exists()
        assert not Batch.objects.filter(project_id=project.pk).exists()

    def test_no_other_project_is_removed_at_once(self, client, owner):
        create_project("shop", owner=owner)
        response = client.post("/projects/shop/remove-demo/", follow=True)
        assert "Only a demo is removed at once." in said(response)
        assert client.get("/projects/shop/").status_code == 200

    def test_it_can_be_loaded_again(self, client, demo):
        client.post("/projects/demo-shop/remove-demo/")
        tasks.purge_project(project_id=demo.pk)
        assert client.post("/load-demo/")["Location"] == "/projects/demo-shop/"
        assert Project.objects.get().pk != demo.pk
        assert User.objects.get().demo_removed is None


class TestCommand:
    """What scripts/run.sh does at each start."""

    @pytest.fixture
    def boss(self, client, owner):
        owner.is_superuser = True
        owner.save()
        return owner

    def start(self):
        out = StringIO()
        call_command("simulate", project="demo", demo=True, requests=300, stdout=out)
        return out.getvalue()

    def test_its_demo_is_labelled_and_can_be_removed(self, client, boss):
        assert "300 requests stored" in self.start()
        project = Project.objects.get()
        assert (project.slug, project.name, project.demo) == ("demo", "Demo shop", True)
        assert "Invented traffic of a shop. Remove it" in page(client, "/projects/demo/")[0]
        assert client.post("/load-demo/")["Location"] == "/projects/demo/", "it is the one there is"
        assert self.start() == ""

    @pytest.mark.parametrize("purged", [False, True])
    def test_one_that_was_removed_does_not_come_back(self, client, boss, purged):
        self.start()
        project = Project.objects.get()
        client.post("/projects/demo/remove-demo/")
        if purged:
            tasks.purge_project(project_id=project.pk)
        for _ in range(2):
            said = self.start()
        assert ("stays away" in said) is purged
        tasks.purge_project(project_id=project.pk)
        assert Project.objects.count() == 0
        assert "Load the demo" in page(client, "/")[0]

    def test_a_project_that_is_somebodys_own_is_not_called_a_demo(self, client, boss):
        create_project("demo", owner=boss)
        self.start()
        assert Project.objects.get().demo is False

    def test_traffic_into_a_project_that_is_no_demo(self, boss):
        call_command("simulate", project="mine", requests=50, stdout=StringIO())
        assert Project.objects.get().demo is False


def test_the_story_of_the_demo_itself():
    """Of the traffic that the button loads, counted from its lines: release, quiet endpoint, burst, slow consumer."""
    found = hits(traffic.Traffic(END, traffic.DAYS, 60_000, traffic.SEED).name)
    for one in found:
        one["ago"] = END - datetime.fromisoformat(one["time"])
    pay = [one for one in found if one["path"].startswith("/checkout/") and one["path"].endswith("/pay")]
    failed = Counter(one["version"] for one in pay if one["status"] == 500)
    by_version = Counter(one["version"] for one in pay)
    assert failed["5.2.0"] / by_version["5.2.0"] > 5 * failed["5.1.3"] / by_version["5.1.3"]
    rates = [one["ago"] for one in found if one["path"] == "/v1/exchange-rates"]
    assert len(rates) > 100
    assert min(rates) >= timedelta(hours=48)
    burst = [one["ago"] for one in found if one["path"].startswith("/search") and one["status"] == 503]
    assert len(burst) >= 10
    assert max(burst) - min(burst) <= timedelta(minutes=12)
    mine = [one for one in found if one.get("consumer") == "northwind-erp" and one["path"].split("?")[0] == "/v1/orders"
            and one.get("duration") is not None]  # fmt: skip
    slow = sorted(one["duration"] for one in mine if one["ago"] < timedelta(hours=72))
    usual = sorted(one["duration"] for one in mine if one["ago"] > timedelta(hours=72))
    assert slow[len(slow) // 2] > 4 * usual[len(usual) // 2]
