"""Who sees an upload, and how far it is."""

import re
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Role, User
from accounts.services import create_project
from endpoint_stats.models import Upload
from endpoint_stats.workers import canary, scheduler
from tests.integration.lines import START, access_log, join, line
from tests.pages.upload.conftest import State, do, kept, part, said, send, sent, work

pytestmark = pytest.mark.django_db(databases=["default", "local"])


class TestProgress:
    def test_it_is_said_once_and_ends(self, client, shop):
        upload = sent(client, join(access_log(50, bad=0)))
        do(client, upload, "import")
        page = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        assert 'hx-trigger="every 1s"' in page
        assert 'aria-live="polite"' in page
        seen = re.search(r"progress/(\?seen=[^&]*)", page)[1]
        assert part(client, upload, seen).status_code == 204
        Upload.objects.update(state=State.IMPORTING, progress=40, total=100)
        response = part(client, upload, seen)
        assert "Importing access.log : 40 % of 100 B." in said(response)
        assert 'value="40"' in response.content.decode()
        Upload.objects.update(state=State.QUEUED)
        work(upload)
        done = part(client, upload, seen)
        assert "every 1s" not in done.content.decode()
        assert "50 stored" in said(done)

    def test_where_nobody_works(self, client, shop):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        assert 'aria-live="off"' not in part(client, upload).content.decode(), "it is read out"
        assert "start manage.py up" in said(part(client, upload))
        now = timezone.now()
        scheduler.beat(now)
        canary.ask(now)
        canary.answer(now, now)
        assert "Nobody works" not in said(part(client, upload))

    def test_only_what_became_of_it_is_read_out(self, client, shop, folder):
        """All of it stands in one live region: what moves in it is silent, and nothing is said twice by an alert."""
        scheduler.beat(timezone.now())
        canary.ask(timezone.now())
        canary.answer(timezone.now(), timezone.now())
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        Upload.objects.update(state=State.IMPORTING, progress=40, total=100)
        moving = part(client, upload).content.decode()
        assert moving.count("aria-live") == moving.count('aria-live="off"') == 1
        Upload.objects.update(state=State.QUEUED)
        (folder / str(upload.id)).unlink()
        assert work(upload) == State.FAILED
        failed = client.get(f"/projects/shop/upload/{upload.id}/").content.decode()
        outcome = failed[
            failed.index('<div aria-live="polite" class="narrow"') : failed.index('<form class="form narrow"')
        ]
        assert "Send it again" in outcome
        assert outcome.count("aria-live") == 1 and 'role="alert"' not in outcome


class TestWho:
    def member(self, project, role):
        user = User.objects.create_user(f"{role}@example.org", "a long password")
        Membership.objects.create(project=project, user=user, role=role)
        found = Client()
        found.force_login(user)
        return found

    def test_editors_send_and_viewers_do_not(self, client, shop, folder):
        assert send(self.member(shop, Role.EDITOR), line(START, "/a")).status_code == 302
        viewer = self.member(shop, Role.VIEWER)
        assert send(viewer, line(START, "/a")).status_code == 403
        upload = Upload.objects.get()
        assert viewer.get(f"/projects/shop/upload/{upload.id}/").status_code == 403
        assert do(viewer, upload, "discard").status_code == 403
        assert len(kept(folder)) == 1
        assert "Upload a log" not in said(viewer.get("/projects/shop/ledger/"))
        assert "Upload a log" in said(client.get("/projects/shop/ledger/"))

    def test_a_foreign_upload_is_as_a_missing_one(self, client, shop, owner):
        other = create_project("other")
        create_project("mine", owner=owner)
        stranger = self.member(other, Role.OWNER)
        upload = sent(client, line(START, "/a"))
        for asking, slug in ((stranger, "shop"), (stranger, "other"), (client, "mine")):
            for path in ("", "progress/"):
                foreign = asking.get(f"/projects/{slug}/upload/{upload.id}/{path}")
                missing = asking.get(f"/projects/{slug}/upload/{uuid4()}/{path}")
                assert foreign.status_code == missing.status_code == 404
                assert said(foreign) == said(missing)
        assert asking.post(f"/projects/mine/upload/{upload.id}/", {"do": "discard"}).status_code == 404
        upload.refresh_from_db()
        assert upload.state == State.PREVIEWED

    def test_a_form_of_another_site(self, shop, owner, folder):
        """The token stands in the form, which is read by our own handler: it is asked for all the same."""
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(owner)
        assert send(strict, line(START, "/a")).status_code == 403
        assert send(strict, line(START, "/a"), Origin="https://evil.example").status_code == 403
        assert (kept(folder), Upload.objects.count()) == ([], 0)
        page = strict.get("/projects/shop/upload/").content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        log = SimpleUploadedFile("a.log", line(START, "/a"))
        assert strict.post("/projects/shop/upload/", {"csrfmiddlewaretoken": token, "log": log}).status_code == 302

    def test_the_empty_overview_says_what_failed_and_keeps_its_doors(self, client, shop):
        upload = sent(client, line(START, "/a"))
        do(client, upload, "import")
        assert "waits for a worker" in said(client.get("/projects/shop/"))
        Upload.objects.update(state=State.FAILED, error="It broke.")
        page = client.get("/projects/shop/")
        assert "was not imported to its end. It broke." in said(page)
        assert f"/projects/shop/upload/{upload.id}/" in page.content.decode()
        assert "Drop a log here" in said(page)

    def test_the_empty_overview_has_it(self, client, shop):
        page = client.get("/projects/shop/").content.decode()
        assert "data-upload" in page
        assert "js/upload.js" in page
