"""The ledger's page: what was received and what became of it; who may take an import back."""

import json
import re
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import AuditEvent, Membership, User
from accounts.services import create_project
from endpoint_stats.models import Batch
from endpoint_stats.query.ledger import lines
from endpoint_stats.store.compact import compact
from tests.integration.lines import START, join, line
from tests.integration.product import import_file

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.fixture
def shop(owner):
    return create_project("shop", owner=owner, time_zone="Europe/Vienna")


@pytest.fixture
def imported(shop, tmp_path):
    path = tmp_path / "access <b>.log"
    path.write_bytes(join([line(START, "/a")] * 7) + b"no line password=hunter2\n")
    return import_file(shop, path)


def send(project, *hits, secret=""):
    secret = secret or create_key(project, "ingest", "x")[1]
    headers = {"Authorization": f"Bearer {secret}"}
    response = Client().post("/api/v1/ingest/hits", json.dumps(hits), content_type="application/json", headers=headers)
    assert response.status_code == 200


def hit(**more):
    return {"time": timezone.now().timestamp(), "method": "GET", "path": "/a", "status": 200, **more}


def page(client, **state):
    response = client.get("/projects/shop/ledger/", state)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def member(project, role):
    user = User.objects.create_user(f"{role}@example.org", "a long password")
    Membership.objects.create(project=project, user=user, role=role)
    found = Client()
    found.force_login(user)
    return found


def test_nothing_yet(client, shop):
    assert "Nothing was received yet" in page(client)


def test_an_import_and_what_a_key_sent(client, shop, imported):
    send(shop, hit(), hit(), hit(status=7))
    said = page(client)
    assert "11 received in the last 24 hours, 2 of them rejected." in said
    assert "8 7 0 1 Take back" in said  # received, stored, duplicate, rejected
    assert "3 2 0 1" in said
    assert "1 × format_mismatch : The line does not have the shape of the log format." in said
    assert "hunter2" not in said
    raw = client.get("/projects/shop/ledger/").content.decode()
    assert "access &lt;b&gt;.log" in raw
    compact(shop.pk)
    assert page(client) == said


def test_taking_an_import_back(client, shop, imported):
    response = client.post(f"/projects/shop/ledger/{imported.batch}/roll-back/", follow=True)
    said = response.content.decode()
    assert "7 hits no longer count. Import it again to undo." in said
    assert Batch.objects.get(id=imported.batch).state == "rolled_back"
    assert AuditEvent.objects.get(action="batch_taken_back").project_slug == "shop"
    again = client.post(f"/projects/shop/ledger/{imported.batch}/roll-back/", follow=True)
    assert "was rolled back already" in again.content.decode()
    assert "Take back" not in page(client)


def test_what_a_key_sent_cannot_be_taken_back(client, shop):
    send(shop, hit())
    compact(shop.pk)
    (row,) = lines(shop.pk)
    response = client.post(f"/projects/shop/ledger/{row.id}/roll-back/", follow=True)
    assert "only imports can be taken back" in response.content.decode()
    assert lines(shop.pk)[0].stored == 1


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("editor", True)])
def test_who_may_take_back(shop, imported, role, may):
    asks = member(shop, role)
    assert ("Take back" in page(asks)) == may
    response = asks.post(f"/projects/shop/ledger/{imported.batch}/roll-back/", follow=True)
    assert ("no longer count" in response.content.decode()) == may
    assert (Batch.objects.get(id=imported.batch).state == "rolled_back") == may


def test_a_foreign_project_and_a_foreign_import(client, shop, imported, make_project):
    other = make_project("other")
    stranger = member(other, "owner")
    assert stranger.get("/projects/shop/ledger/").status_code == 404
    assert stranger.post(f"/projects/other/ledger/{imported.batch}/roll-back/").status_code == 404
    assert stranger.get("/projects/shop/waiting/").status_code == 404
    assert Client().get("/projects/shop/ledger/").status_code == 302
    assert Batch.objects.get(id=imported.batch).state == "complete"


def test_pages_neither_miss_nor_repeat(client, shop):
    for number in range(230):
        Batch.objects.create(project=shop, name=f"log {number:03}", state="complete")
    seen, before = [], {}
    while True:
        body = client.get("/projects/shop/ledger/", before).content.decode()
        seen += re.findall(r"<bdi title=\"(log \d+)\"", body)
        following = re.search(r"\?before=([0-9a-f-]+)", body)
        if not following:
            break
        before = {"before": following[1]}
    assert sorted(seen, reverse=True) == seen
    assert len(seen) == len(set(seen)) == 230
    assert client.get("/projects/shop/ledger/", {"before": "x"}).status_code == 404


def test_waiting_until_the_first_request_is_counted(client, shop):
    said = client.get("/projects/shop/").content.decode()
    assert "Waiting for the first request" in said
    assert client.get("/projects/shop/waiting/").status_code == 204
    send(shop, hit(status=7))
    assert client.get("/projects/shop/waiting/").status_code == 204
    send(shop, hit())
    response = client.get("/projects/shop/waiting/")
    assert (response.status_code, response["HX-Refresh"]) == (200, "true")
    assert "Waiting for the first request" not in client.get("/projects/shop/").content.decode()
