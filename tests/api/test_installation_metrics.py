"""/metrics: an operator's Prometheus sees what the doctor sees, and no project's name."""

import subprocess
from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ
from prometheus_client.parser import text_string_to_metric_families

from endpoint_stats import __version__
from endpoint_stats.models import Beat
from endpoint_stats.workers import canary, scheduler
from tests.api.conftest import HITS
from tests.query.conftest import store_hits

pytestmark = pytest.mark.django_db(databases=["default", "local"])


def scraped() -> tuple[str, dict[str, float]]:
    response = Client(headers={"host": "localhost"}).get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    assert response["Cache-Control"] == "no-store"
    text = response.content.decode()
    return text, {one.name: one.value for family in text_string_to_metric_families(text) for one in family.samples}


def test_what_waits(shop, tmp_path):
    before = scraped()[1]
    store_hits(shop, tmp_path, HITS[:3], compacted=False)
    OrmQ.objects.create(key="x", payload="", lock=None)
    text, found = scraped()
    assert found["endpoint_stats_database_up"] == 1
    assert found["endpoint_stats_projects"] == 1
    assert found["endpoint_stats_journal_rows"] == before["endpoint_stats_journal_rows"] + 1
    assert found["endpoint_stats_journal_keys"] > before["endpoint_stats_journal_keys"]
    assert found["endpoint_stats_queue_tasks"] == 1
    assert found["endpoint_stats_failed_tasks"] == 0
    assert found["process_resident_memory_bytes"] > 1e6
    assert f'version="{__version__}"' in text
    assert shop.slug not in text


def test_workers_that_live_are_silent_or_never_were():
    assert "endpoint_stats_worker_last_seen_timestamp_seconds" not in scraped()[1]
    now = timezone.now()
    Beat.objects.create(name=scheduler.NAME, answered=now)
    beat = Beat.objects.create(name=canary.NAME, asked=now - timedelta(seconds=70), answered=now)
    found = scraped()[1]
    assert found["endpoint_stats_scheduler_last_seen_timestamp_seconds"] == pytest.approx(now.timestamp(), abs=0.01)
    assert found["endpoint_stats_worker_silence_seconds"] == 0
    beat.answered = now - timedelta(seconds=100)
    beat.save()
    assert 70 <= scraped()[1]["endpoint_stats_worker_silence_seconds"] < 100


def test_a_database_that_is_away():
    with mock.patch("endpoint_stats.store.journal.total", side_effect=OperationalError("away")):
        text, found = scraped()
    assert found["endpoint_stats_database_up"] == 0
    assert "endpoint_stats_journal_rows" not in found
    assert "away" not in text


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_say():
    Beat.objects.create(name=canary.NAME, asked=timezone.now(), answered=timezone.now())
    text = scraped()[0]
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
