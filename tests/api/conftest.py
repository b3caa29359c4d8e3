"""A project of ada's with three hits, who asks about it, and who sends to it."""

import json

import pytest
from django.test import Client

from accounts.keys import create_key
from accounts.services import create_project
from tests.query.conftest import store_hits

RANGE = {"from": "2025-11-10T12:00:00Z", "to": "2025-11-10T13:00:00Z"}
HITS = [
    {"service": "shop", "method": "GET", "path": "/a", "route": "/a", "status": status, "duration": 0.1,
     "time": f"2025-11-10T12:{minute:02}:00Z", "consumer": "ada"}
    for minute, status in ((0, 200), (10, 200), (20, 500))
]  # fmt: skip


@pytest.fixture
def shop(owner, tmp_path):
    project = create_project("shop", owner=owner)
    store_hits(project, tmp_path, HITS)
    return project


@pytest.fixture
def by_key(shop):
    """``by_key(scope)``: a client that asks with a key of the shop's."""

    def make(scope="read", **more):
        _, secret = create_key(shop, scope, scope, **more)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def key(project):
    return create_key(project, "ingest", "tests")


@pytest.fixture
def send(key):
    """``send(body, path="hits", key=…, **headers)``: a request with the key; values that are no bytes go as JSON."""

    def make(body, what="hits", *, secret=key[1], **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {secret}"} if secret else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return Client().post(f"/api/v1/ingest/{what}", data, content_type="application/json", headers=given)

    return make


def get(client, slug="shop", what="stats", *, headers=None, **parameters):
    given = {name.replace("__", "."): value for name, value in parameters.items()}
    base = RANGE if what == "stats" else {}
    return client.get(f"/api/v1/projects/{slug}/{what}", base | given, headers=headers)


def assert_problem(response, status, code):
    assert response.status_code == status
    assert response["Content-Type"].startswith("application/problem+json")
    document = response.json()
    assert set(document) >= {"type", "title", "status", "detail", "code"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["detail"].endswith(".")
    return document
