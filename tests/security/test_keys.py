"""Keys that ended a moment ago, and ingest before Django's own handler: the same doors, as well shut."""

import io
import random
from datetime import timedelta
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from accounts.models import ApiKey, Project
from bench.otlp_bodies import mixed_metrics_request, mixed_trace_request
from endpoint_stats.api.direct import VIEWS, Direct

from .asking import ANSWERS, Asker, ask
from .routes import ASKERS, ROUTES
from .rows import undone
from .world import World

pytestmark = pytest.mark.django_db(databases=["default", "local"])

PROTOBUF = "application/x-protobuf"


def something_of(path: str) -> tuple[bytes, str]:
    """A body that counts something, and its type."""
    now = timezone.now()
    if path.startswith("/otlp/"):
        make = mixed_trace_request if path.endswith("traces") else mixed_metrics_request
        return make(random.Random(1)).SerializeToString(), PROTOBUF
    if path.endswith("logs"):
        return f'192.0.2.1 - - [{now:%d/%b/%Y:%H:%M:%S} +0000] "GET /x HTTP/1.1" 200 1 "-" "-"\n'.encode(), "text/plain"
    return f'[{{"time": {now.timestamp()}, "method": "GET", "path": "/x", "status": 200}}]'.encode(), "application/json"


def through_django(asker: Asker, path: str, method: str = "POST") -> tuple[int, bytes]:
    body, content_type = something_of(path)
    answer = ask(asker, method, path, body, content_type)
    return answer.status_code, answer.content


@pytest.fixture
def through_direct(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda self: None)
    application = Direct(WSGIHandler())

    def call(asker: Asker, path: str, method: str = "POST") -> tuple[int, bytes]:
        body, content_type = something_of(path) if method == "POST" else (b"", "")
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": "",
            "SERVER_NAME": "testserver", "SERVER_PORT": "80", "HTTP_HOST": "testserver", "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(), **asker.environ,
        }  # fmt: skip
        said: list[str] = []
        content = b"".join(application(environ, lambda status, headers, error=None: said.append(status)))
        return int(said[0].split()[0]), content

    return call


def revoked(key: Any) -> None:
    key.update(revoked=True)


def expired(key: Any) -> None:
    key.update(expiry_date=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("end", [revoked, expired])
@pytest.mark.parametrize("path", VIEWS)
def test_a_key_that_just_ended_sends_nothing(path: str, end: Any, world: World, through_direct: Any) -> None:
    """Even where this process found it good a second ago: another one may have ended it."""
    asker = world.askers["ingest key"]
    with undone():
        assert through_django(asker, path)[0] == 200
    end(ApiKey.objects.filter(prefix=world.a.secrets["ingest"].partition(".")[0]))
    assert through_django(asker, path)[0] == 401
    assert through_direct(asker, path)[0] == 401
    assert {table for table, _ in world.changes()} == {"accounts.ApiKey"}


@pytest.mark.parametrize("path", VIEWS)
def test_both_doors_of_ingest_are_one(path: str, world: World, through_direct: Any) -> None:
    for who in ASKERS:
        for method in ("POST", "GET", "DELETE"):
            told: list[Any] = []
            for through in (through_django, through_direct):
                with undone():
                    told.append(through(world.askers[who], path, method))
            if ROUTES[path.removeprefix("/")].outcome(method, who) == ANSWERS:
                told = [status for status, _ in told]  # what was counted is said with the moment
            assert told[0] == told[1], (who, method, told)


def test_a_key_reads_one_project_and_its_own(world: World) -> None:
    slugs = list(Project.objects.values_list("slug", flat=True))
    assert len(slugs) >= 2
    for who, own in (("read key", world.a), ("write key", world.a), ("foreign key", world.b)):
        for slug in slugs:
            answer = ask(world.askers[who], "GET", f"/api/v1/projects/{slug}/stats")
            assert answer.status_code == (200 if slug == own.ids["slug"] else 404)


def test_a_session_beside_a_bad_key_opens_nothing(world: World) -> None:
    """Who brings a key is asked for the key."""
    owner = world.askers["owner"]
    for name in ("revoked", "expired", "ingest"):
        both = Asker(session=owner.session, authorization=f"Bearer {world.a.secrets[name]}")
        answer = ask(both, "GET", f"/api/v1/projects/{world.a.ids['slug']}/stats")
        assert answer.status_code == (403 if name == "ingest" else 401)
