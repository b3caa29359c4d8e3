"""The middleware in a Django application, as its handlers run it; sync and async."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import override_settings

from endpoint_stats_sender import middleware
from endpoint_stats_sender.middleware import EndpointStatsMiddleware
from tests.sender import site
from tests.sender.conftest import Memory, wait_for

SITE = "tests.sender.site"
GIVEN = {"TRANSPORT": f"{SITE}.transport", "SERVICE": "shop", "VERSION": "1.4.2", "INTERVAL": 30}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def application(monkeypatch):
    """The site with the middleware; senders are this test's own."""
    monkeypatch.setattr(site, "memory", Memory())
    monkeypatch.setattr(middleware, "_senders", {})
    with override_settings(
        ROOT_URLCONF=SITE,
        MIDDLEWARE=["endpoint_stats_sender.middleware.EndpointStatsMiddleware"],
        # Django's own pages for errors.
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        ENDPOINT_STATS=GIVEN,
    ):
        yield
    site.memory.gate.set()
    for sender in middleware._senders.values():
        sender.close(0.5)


def sent():
    """The hits so far."""
    for sender in middleware._senders.values():
        assert sender.flush(10)
    return site.memory.stored


def get(path, **headers):
    return Client(raise_request_exception=False).get(path, headers=headers)


class TestWhatIsRecorded:
    def test_a_hit(self):
        before = time.time()
        client = Client()
        response = client.post(
            "/orders/7/?token=secret", b"12345", content_type="text/plain",
            headers={"user-agent": "curl/8", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
        )  # fmt: skip
        after = time.time()
        assert response.status_code == 201
        (hit,) = sent()
        assert before - 0.1 <= hit.pop("time") <= after
        assert 0 < hit.pop("duration") <= after - before + 0.1
        assert hit == {
            "service": "shop", "version": "1.4.2", "method": "POST", "path": "/orders/7/", "route": "/orders/<int:pk>/",
            "status": 201, "request_size": 5, "response_size": len("order 7"), "user_agent": "curl/8",
            "trace_id": TRACE,
        }  # fmt: skip

    def test_no_query_string_anywhere(self):
        get("/orders/7/?token=secret")
        get("/nowhere?token=secret")
        assert "secret" not in repr(sent())

    @pytest.mark.parametrize(
        ("path", "route"),
        [
            ("/", "/"),
            ("/orders/7/", "/orders/<int:pk>/"),
            ("/api/items/a", "/api/items/(?P<slug>[^/]+)$"),
            ("/old/7", "/old/([0-9]+)$"),
            ("/files/a/b", "/files/<path:name>"),
        ],
    )
    def test_routes_begin_with_a_slash(self, path, route):
        get(path)
        assert sent()[0]["route"] == route

    def test_an_unknown_address_has_no_route(self):
        assert get("/wp-login.php").status_code == 404
        (hit,) = sent()
        assert (hit["path"], hit["status"]) == ("/wp-login.php", 404)
        assert "route" not in hit

    def test_paths_stand_as_in_the_request_line(self):
        get("/files/a%3Fb%20c%0Ad/gr%C3%BC%C3%9Fe")
        assert sent()[0]["path"] == "/files/a%3Fb%20c%0Ad/gr%C3%BC%C3%9Fe"

    def test_a_hostile_request(self):
        handler = EndpointStatsMiddleware(lambda request: HttpResponse())
        request = RequestFactory().generic(
            "A" * 10_000, "/" + "ü" * 10_000, HTTP_USER_AGENT="\x00\xff" * 5_000, CONTENT_LENGTH="9" * 5_000,
            HTTP_TRACEPARENT="00-" + "0" * 10_000,
        )  # fmt: skip
        handler(request)
        (hit,) = sent()
        assert {name: len(hit[name]) for name in ("method", "path", "user_agent")} == {
            "method": 200, "path": 2_000, "user_agent": 500,
        }  # fmt: skip
        assert "request_size" not in hit
        assert "trace_id" not in hit

    @pytest.mark.parametrize(
        ("path", "size"), [("/", 8), ("/stream", None), ("/sized-stream", 2), ("/files/" + "a" * 300, 300)]
    )
    def test_response_sizes(self, path, size):
        get(path)
        assert sent()[0].get("response_size") == size

    def test_a_stream_is_left_alone(self):
        assert b"".join(get("/stream").streaming_content) == b"a" * 10 + b"b" * 10

    def test_head_sends_no_body(self):
        Client().head("/")
        assert sent()[0]["response_size"] == 0

    def test_ignored_paths(self):
        with override_settings(ENDPOINT_STATS={**GIVEN, "IGNORE": ["^/health", r"\.php$"]}):
            for path in ("/health/live", "/wp-login.php", "/", "/files/health"):
                get(path)
        assert [hit["path"] for hit in sent()] == ["/", "/files/health"]


class TestExceptions:
    def test_of_a_view(self):
        with pytest.raises(RuntimeError, match="oops"):
            Client().get("/fail")
        (hit,) = sent()
        assert (hit["status"], hit["route"]) == (500, "/fail")

    @pytest.mark.parametrize("error", [RuntimeError("oops"), SystemExit(3), KeyboardInterrupt()])
    def test_that_pass_through_are_the_same_afterwards(self, error):
        def handler(request):
            raise error

        with pytest.raises(type(error)) as caught:
            EndpointStatsMiddleware(handler)(RequestFactory().get("/a"))
        assert caught.value is error
        (hit,) = sent()
        assert (hit["status"], hit["path"]) == (500, "/a")
        assert "response_size" not in hit


class TestConsumers:
    def test_named_by_a_callable(self):
        with override_settings(ENDPOINT_STATS={**GIVEN, "CONSUMER": f"{SITE}.consumer"}):
            get("/", **{"x-consumer": "acme"})
            get("/")
        assert [hit.get("consumer") for hit in sent()] == ["acme", None]

    def test_numbers_become_text(self):
        with override_settings(ENDPOINT_STATS={**GIVEN, "CONSUMER": f"{SITE}.number_consumer"}):
            get("/")
        assert sent()[0]["consumer"] == "7"

    def test_an_error_is_logged_once_and_costs_only_the_name(self, caplog):
        with override_settings(ENDPOINT_STATS={**GIVEN, "CONSUMER": f"{SITE}.broken_consumer"}):
            client = Client()
            assert [client.get("/").status_code for _ in range(3)] == [200] * 3
        assert len(sent()) == 3
        records = [record for record in caplog.records if record.name == "endpoint_stats_sender"]
        assert len(records) == 1
        assert "CONSUMER failed" in records[0].getMessage()
        assert records[0].exc_info[0] is LookupError


class TestItNeverBreaksTheApplication:
    @pytest.mark.parametrize("broken", ["response_of_no_kind", "record"])
    def test_recording_fails(self, broken, monkeypatch, caplog):
        response = object() if broken == "response_of_no_kind" else HttpResponse("a")
        handler = EndpointStatsMiddleware(lambda request: response)
        if broken == "record":
            monkeypatch.setattr(handler._sender, "record", None)
        for _ in range(3):
            assert handler(RequestFactory().get("/a")) is response
        assert [record.getMessage() for record in caplog.records] == ["Endpoint Stats: a request could not be recorded"]

    def test_a_server_that_hangs_slows_nothing(self):
        site.memory.gate.clear()
        with override_settings(ENDPOINT_STATS={**GIVEN, "MAX_QUEUE": 20, "MAX_BATCH": 10}):
            client = Client()
            begin = time.monotonic()
            for _ in range(100):
                client.get("/")
            assert time.monotonic() - begin < 5
            (sender,) = middleware._senders.values()
            assert sender.stats.queued <= 30
            assert sender.stats.recorded == 100

    def test_one_sender_however_often_it_is_loaded(self):
        for _ in range(5):
            get("/")
        (sender,) = middleware._senders.values()
        assert sender.stats.recorded == 5

    def test_many_threads(self):
        client_threads = [
            threading.Thread(target=lambda: [Client().get("/orders/1/") for _ in range(20)]) for _ in range(5)
        ]
        for thread in client_threads:
            thread.start()
        for thread in client_threads:
            thread.join()
        assert len(sent()) == 100


class TestSettings:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({}, "URL and KEY missing"),
            ({"URL": "https://stats.example.org"}, "KEY missing"),
            ({"URL": "stats.example.org", "KEY": "k"}, "URL must be like"),
            ({"URL": "https://stats.example.org", "KEY": "a b"}, "KEY must be an API key"),
            (None, "must be a dictionary"),
            ({**GIVEN, "CONSUMER": "nowhere.at.all"}, "nowhere"),
            ({**GIVEN, "CONSUMER": f"{SITE}.async_consumer"}, "CONSUMER is a coroutine function"),
            ({**GIVEN, "TRANSPORT": f"{SITE}.BrokenTransport"}, "no such cluster"),
            ({**GIVEN, "SERVISE": "shop"}, "SERVISE: there is no such name"),
        ],
    )
    def test_what_cannot_be_used_is_said_and_the_application_runs(self, given, said, caplog, monkeypatch):
        monkeypatch.delenv("ENDPOINT_STATS_KEY", raising=False)
        with override_settings(ENDPOINT_STATS=given):
            assert get("/").status_code == 200
            with pytest.raises(MiddlewareNotUsed):
                EndpointStatsMiddleware(lambda request: HttpResponse())
        assert site.memory.batches == []
        assert middleware._senders == {}
        warnings = [record.getMessage() for record in caplog.records if record.name == "endpoint_stats_sender"]
        assert warnings
        assert all(said in line for line in warnings)

    def test_no_setting_at_all(self, caplog, settings):
        del settings.ENDPOINT_STATS
        assert get("/").status_code == 200
        assert "URL and KEY missing" in caplog.text

    def test_switched_off_it_says_nothing(self, caplog):
        with override_settings(ENDPOINT_STATS={"ENABLED": False}):
            assert get("/").status_code == 200
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    def test_the_key_may_come_from_the_environment(self, monkeypatch):
        monkeypatch.setenv("ENDPOINT_STATS_KEY", "es_1.secret")
        with override_settings(ENDPOINT_STATS={"URL": "https://stats.example.org"}):
            EndpointStatsMiddleware(lambda request: HttpResponse())
        (wanted,) = middleware._senders
        assert wanted.key == "es_1.secret"


def async_get(path, **headers):
    return asyncio.run(AsyncClient(raise_request_exception=False).get(path, headers=headers))


class TestAsync:
    def test_a_hit(self):
        assert async_get("/async/orders/7/?token=secret").status_code == 200
        (hit,) = sent()
        assert (hit["path"], hit["route"], hit["status"]) == ("/async/orders/7/", "/async/orders/<int:pk>/", 200)
        assert hit["response_size"] == len("order 7")
        assert 0 < hit["duration"] < 5
        assert "secret" not in repr(hit)

    def test_a_sync_view_under_asgi(self):
        async_get("/orders/7/")
        assert sent()[0]["route"] == "/orders/<int:pk>/"

    def test_no_thread_lies_between_it_and_an_async_view(self):
        """Django would adapt a middleware that is only sync through a thread a request."""
        handler = ASGIHandler()
        assert asyncio.iscoroutinefunction(handler._middleware_chain)
        made = EndpointStatsMiddleware(site.async_fail)
        assert middleware.iscoroutinefunction(made)
        assert not middleware.iscoroutinefunction(EndpointStatsMiddleware(site.fail))

    def test_an_exception(self):
        assert async_get("/async/fail").status_code == 500
        assert sent()[0]["status"] == 500

    def test_one_that_passes_through(self):
        made = EndpointStatsMiddleware(site.async_fail)
        with pytest.raises(RuntimeError, match="oops"):
            asyncio.run(made(RequestFactory().get("/a")))
        assert sent()[0]["status"] == 500

    def test_a_client_that_goes_away_is_no_error_of_the_server(self):
        async def leave():
            task = asyncio.create_task(EndpointStatsMiddleware(site.forever)(RequestFactory().get("/forever")))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(leave())
        assert sent()[0]["status"] == 499

    @pytest.mark.parametrize("name", ["consumer", "async_consumer"])
    def test_consumers(self, name):
        with override_settings(ENDPOINT_STATS={**GIVEN, "CONSUMER": f"{SITE}.{name}"}):
            async_get("/async/orders/7/", **{"x-consumer": "acme"})
        assert sent()[0]["consumer"] == "acme"

    @pytest.mark.parametrize("name", ["broken_consumer", "broken_async_consumer"])
    def test_a_consumer_that_fails(self, name, caplog):
        with override_settings(ENDPOINT_STATS={**GIVEN, "CONSUMER": f"{SITE}.{name}"}):
            assert async_get("/async/orders/7/").status_code == 200
        assert len(sent()) == 1
        assert "CONSUMER failed" in caplog.text

    def test_recording_fails(self, monkeypatch, caplog):
        with override_settings(ENDPOINT_STATS={**GIVEN, "CONSUMER": f"{SITE}.async_consumer"}):
            made = EndpointStatsMiddleware(site.async_ok)
        monkeypatch.setattr(made._sender, "record", None)
        assert asyncio.run(made(RequestFactory().get("/a"))).status_code == 200
        assert "a request could not be recorded" in caplog.text

    def test_an_exception_is_not_asked_for_its_consumer_asynchronously(self):
        with override_settings(ENDPOINT_STATS={**GIVEN, "CONSUMER": f"{SITE}.async_consumer"}):
            made = EndpointStatsMiddleware(site.async_fail)
            with pytest.raises(RuntimeError, match="oops"):
                asyncio.run(made(RequestFactory().get("/a", headers={"x-consumer": "acme"})))
        assert "consumer" not in sent()[0]

    def test_many_at_once(self):
        async def all_at_once():
            client = AsyncClient()
            await asyncio.gather(*[client.get(f"/async/orders/{number}/") for number in range(50)])

        asyncio.run(all_at_once())
        assert sorted(hit["path"] for hit in sent()) == sorted(f"/async/orders/{number}/" for number in range(50))
        wait_for(lambda: len(site.memory.stored) == 50, "all")
