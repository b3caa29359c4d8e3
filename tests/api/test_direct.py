"""Ingest before Django's own handler: what holds for every request holds there too, and the unusual goes to Django."""

import io
import json
import logging

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import DataError, InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse
from django.utils import timezone

from accounts.keys import create_key
from endpoint_stats.api import direct
from endpoint_stats.api.direct import Direct, DirectRequest
from endpoint_stats.ingest.live.door import Door
from endpoint_stats.models import Journal

pytestmark = pytest.mark.django_db(databases=["default", "local"])

HITS = "/api/v1/ingest/hits"


@pytest.fixture
def key(project):
    return create_key(project, "ingest", "tests")[1]


@pytest.fixture
def looked_at(monkeypatch):
    """Times at which a connection was asked whether it is still good; a test's own one may not be closed."""
    times = []
    monkeypatch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda self: times.append(self.alias))
    return times


@pytest.fixture
def make(settings, looked_at):
    """``make(**settings)``: the application under other settings."""
    settings.ALLOWED_HOSTS = ["stats.example.org"]
    settings.DIRECT_MIDDLEWARE = []

    def build(**changes):
        for name, value in changes.items():
            setattr(settings, name, value)
        return Direct(WSGIHandler())

    return build


def call(application, key="", body=None, path=HITS, **environ):
    """(status, headers, body) of a request as a server hands it on."""
    now = timezone.now().timestamp()
    body = json.dumps([{"time": now, "method": "GET", "path": "/", "status": 200}]).encode() if body is None else body
    given = {
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "HTTP_HOST": "stats.example.org",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": f"Bearer {key}",
        "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http", "wsgi.errors": io.StringIO(),
    } | environ  # fmt: skip
    said = []
    answer = b"".join(application(given, lambda status, headers, error=None: said.append((status, headers))))
    ((status, headers),) = said
    return int(status.split()[0]), dict(headers), answer


@pytest.fixture
def django(monkeypatch):
    """Requests that were left to Django."""
    seen = []
    handle = WSGIHandler.__call__

    def noted(self, environ, start_response):
        seen.append(environ["PATH_INFO"])
        return handle(self, environ, start_response)

    monkeypatch.setattr(WSGIHandler, "__call__", noted)
    return seen


def test_it_answers_itself_and_says_what_django_says(make, key, django, looked_at):
    application = make()
    status, headers, body = call(application, key)
    assert (status, json.loads(body)["stored"]) == (200, 1)
    assert headers["Content-Length"] == str(len(body))
    assert django == []
    assert looked_at == ["default", "default"], "before the request and after it"
    assert Journal.objects.count() == 1

    by_django = {**call(WSGIHandler(), key)[1]}
    security = ("X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Content-Type")
    assert {name: headers[name] for name in security} == {name: by_django[name] for name in security}


def test_other_addresses_are_djangos(make, django):
    assert call(make(), path="/health/live", REQUEST_METHOD="GET")[0] == 200
    assert call(make(), path=HITS + "/")[0] == 404
    assert django == ["/health/live", HITS + "/"]


def test_a_name_that_is_not_ours(make, key, django):
    application = make()
    for host in ("evil.example", "", "stats.example.org:x", "stats.example.org@evil.example"):
        assert call(application, key, HTTP_HOST=host)[0] == 400
    assert len(django) == 4
    assert call(application, key, HTTP_HOST="STATS.example.org:8443")[0] == 200
    assert Journal.objects.count() == 1


def test_names_that_are_remembered_are_bounded(make, key, monkeypatch):
    monkeypatch.setattr(direct, "MAX_HOSTS", 10)
    application = make(ALLOWED_HOSTS=["*"])
    for number in range(50):
        assert call(application, key, HTTP_HOST=f"h{number}.example")[0] == 200
    assert len(application.hosts) <= 10


def test_without_tls_where_it_is_wanted(make, key, django):
    application = make(
        SECURE_SSL_REDIRECT=True, SECURE_HSTS_SECONDS=60, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")
    )
    status, headers, _ = call(application, key)
    assert (status, headers["Location"]) == (301, f"https://stats.example.org{HITS}")
    assert len(django) == 1
    assert Journal.objects.count() == 0

    status, headers, _ = call(application, key, HTTP_X_FORWARDED_PROTO="https")
    assert (status, headers["Strict-Transport-Security"]) == (200, "max-age=60")
    assert call(application, key, HTTP_X_FORWARDED_PROTO="http", **{"wsgi.url_scheme": "https"})[0] == 301
    assert len(django) == 2
    assert "Strict-Transport-Security" not in call(make(SECURE_SSL_REDIRECT=False), key)[1]


def test_a_defect_is_logged_and_answered(make, key, monkeypatch, caplog):
    def broken(request):
        raise ZeroDivisionError

    monkeypatch.setitem(direct.VIEWS, HITS, broken)
    with caplog.at_level(logging.ERROR):
        status, headers, body = call(make(), key)
    assert (status, json.loads(body)["code"]) == (500, "internal_error")
    assert headers["Content-Type"] == "application/problem+json"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(("error", "expected"), [
    (OperationalError("away"), 503), (InterfaceError("closed"), 503), (DataError("no NUL"), 500),
])  # fmt: skip
@pytest.mark.parametrize("path", [HITS, "/otlp/v1/traces"])
def test_what_the_database_says(make, key, monkeypatch, path, error, expected):
    """Away: send it again. A value that it cannot hold: there is no use in that."""

    def fails(*given):
        raise error

    monkeypatch.setattr(Door, "deliver", fails)
    assert call(make(), key, None if path == HITS else b"", path, CONTENT_TYPE="application/x-protobuf")[0] == expected


class Noting:
    """Middleware as settings name it."""

    seen: list = []

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        self.seen.append((request.method, request.path, response.status_code))
        response["X-Noted"] = "yes"
        return response


def test_middleware_that_settings_name(make, key):
    application = make(DIRECT_MIDDLEWARE=["tests.api.test_direct.Noting"])
    assert call(application, key)[1]["X-Noted"] == "yes"
    assert call(application, "wrong")[0] == 401
    assert Noting.seen == [("POST", HITS, 200), ("POST", HITS, 401)]


def test_middleware_that_is_not_used(make, key):
    """The middleware of the sender, which tests turn off."""
    application = make(DIRECT_MIDDLEWARE=["endpoint_stats_sender.middleware.EndpointStatsMiddleware"])
    assert application.handle is direct._answer
    assert call(application, key)[0] == 200


@pytest.mark.parametrize(
    ("length", "expected"), [("5", b"01234"), ("", b""), ("-3", b""), ("²", b""), ("99", b"0123456789")]
)
def test_no_more_is_read_than_was_announced(length, expected):
    request = DirectRequest(
        {"REQUEST_METHOD": "POST", "PATH_INFO": HITS, "CONTENT_LENGTH": length, "wsgi.input": io.BytesIO(b"0123456789")}
    )
    assert request.read(100) == expected


def test_what_comes_in_the_query(make, key, monkeypatch):
    def view(request):
        return HttpResponse(json.dumps(dict(request.GET)))

    monkeypatch.setitem(direct.VIEWS, HITS, view)
    query = "service=shop&format=%24a+b&empty=&twice=1&twice=2"
    found = json.loads(call(make(), key, QUERY_STRING=query)[2])
    assert found == {"service": "shop", "format": "$a b", "empty": "", "twice": "2"}
