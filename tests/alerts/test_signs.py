"""Alerting says how it does: to the doctor, and to whoever watches from outside."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.utils import timezone

from accounts.services import create_project
from alerts import signs
from alerts.dispatch.outbox import NOBODY
from alerts.models import Channel, Delivery, Evaluation, Incident
from alerts.watch.rounds import watermark
from endpoint_stats.workers import doctor
from tests.alerts.making import everything

pytestmark = pytest.mark.django_db(databases=["default", "local"])

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def shop(owner, now):
    project = create_project("shop", owner=owner)
    everything(project, owner, now)
    Evaluation.objects.update(up_to=watermark(now))
    return project


def said(now):
    return [(found.state, found.message) for found in doctor.examine(now, "alerts")]


def test_all_is_well(shop, now):
    assert said(now) == [("ok", "Rules are evaluated in time.")]


@pytest.mark.parametrize(("minutes", "state"), [(2, "ok"), (3, "warn"), (10, "fail")])
def test_rules_that_nobody_evaluates(shop, now, minutes, state):
    Evaluation.objects.update(up_to=watermark(now) - minutes * MINUTE, error="disk full", failing_since=now)
    ((found, message),) = said(now)
    assert found == state
    if state != "ok":
        assert "Rules of 1 projects" in message and "shop: disk full" in message


def test_an_archived_project_waits_for_nobody(shop, now):
    Evaluation.objects.update(up_to=watermark(now) - 60 * MINUTE)
    shop.archived = now
    shop.save()
    assert said(now)[0][0] == "ok"


def test_who_cannot_be_told(shop, now):
    Channel.objects.update(failing_since=now - 20 * MINUTE, last_error="410 gone")
    Delivery.objects.update(created=now - 20 * MINUTE)
    Incident.objects.update(held=NOBODY)
    messages = [message for state, message in said(now) if state == "warn"]
    assert "1 messages have waited" in messages[0]
    assert "“Hook Errors” has failed for 20 min (410 gone)" in messages[1]
    assert "1 open incidents are told to nobody" in messages[2]


class TestHeartbeat:
    @pytest.fixture
    def watcher(self, settings):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            status = 200

            def do_GET(self):
                asked.append(self.path)
                self.send_response(Handler.status)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        settings.HEARTBEAT_URL = f"http://127.0.0.1:{server.server_port}/ping"
        yield asked, Handler
        server.shutdown()
        thread.join()
        server.server_close()

    def test_it_beats_while_rules_are_evaluated(self, shop, now, watcher):
        asked, _ = watcher
        assert signs.ping(now) is True and asked == ["/ping"]

    def test_and_not_otherwise(self, shop, now, watcher, caplog):
        asked, _ = watcher
        Evaluation.objects.update(up_to=watermark(now) - 3 * MINUTE)
        assert signs.ping(now) is False and asked == []
        assert "held back" in caplog.text

    def test_nobody_listens(self, shop, now, watcher, settings, caplog):
        asked, handler = watcher
        handler.status = 500
        assert signs.ping(now) is False and asked == ["/ping"] and "answered with 500" in caplog.text
        settings.HEARTBEAT_URL = "http://127.0.0.1:1/"
        assert signs.ping(now) is False and "could not be sent" in caplog.text
        settings.HEARTBEAT_URL = ""
        assert signs.ping(now) is False
