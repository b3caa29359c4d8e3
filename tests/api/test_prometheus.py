"""A project's numbers for Prometheus: its own tools understand them, and they are the same numbers."""

import io
import json
import re
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
from django.core.management import call_command
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.keys import create_key
from accounts.models import User
from accounts.services import create_project
from tests.api.conftest import HITS, get
from tests.ops.conftest import free_port
from tests.query.conftest import store_hits

HOSTILE = [
    HITS[0] | {"route": route, "service": "sh\"op\\\n", "duration": duration, "status": status, "consumer": "x"}
    for route, duration, status in (
        ("/quote\"s/{id}", 0.0, 200), ("/back\\slash", 64.5, 404), ("/línea‮", None, 500), ("/n{a,b}=1", 0.000251, 201),
    )
]  # fmt: skip


@pytest.fixture
def text(client, shop, tmp_path):
    store_hits(shop, tmp_path, [hit | {"service": "shop"} for hit in HOSTILE])
    response = get(client, what="metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    return response.content.decode()


@pytest.mark.django_db(databases=["default", "local"])
class TestText:
    @pytest.mark.needs("promtool")
    def test_promtool_finds_nothing_to_say(self, text):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")

    def test_counts_by_endpoint_and_status_are_the_stats(self, text, client, shop):
        families = {family.name: family for family in text_string_to_metric_families(text)}
        counted = {
            (sample.labels["method"], sample.labels["route"], int(sample.labels["status"])): sample.value
            for sample in families["endpoint_stats_http_requests"].samples
        }
        rows = get(client, group_by="endpoint,status", metrics="requests").json()["rows"]
        assert counted == {(row["method"], row["route"], row["status"]): row["requests"] for row in rows}

    def test_each_bucket_counts_the_hits_up_to_its_edge(self, text):
        family = next(f for f in text_string_to_metric_families(text) if f.name.endswith("duration_seconds"))
        hits = [*HITS, *HOSTILE]
        checked = 0
        for sample in family.samples:
            here = [hit["duration"] for hit in hits if hit["route"] == sample.labels["route"]]
            durations = [duration for duration in here if duration is not None]
            if sample.name.endswith("_bucket"):
                assert sample.value == sum(d <= float(sample.labels["le"]) for d in durations), sample
                checked += 1
            elif sample.name.endswith("_count"):
                assert sample.value == len(durations)
            elif sample.name.endswith("_sum"):
                assert sample.value == pytest.approx(sum(durations))
        assert checked == 5 * 20

    def test_of_nothing(self, client, owner):
        create_project("empty", owner=owner)
        assert "# TYPE endpoint_stats_http_requests_total counter" in get(client, "empty", "metrics").content.decode()

    def test_who_may(self, shop, by_key, owner):
        assert get(by_key("read"), what="metrics").status_code == 200
        assert get(by_key("ingest"), what="metrics").status_code == 403
        assert get(Client(), what="metrics").status_code == 401
        foreign, missing = (get(by_key("read"), slug, "metrics") for slug in ("other", "missing"))
        assert (foreign.status_code, foreign.content) == (404, missing.content)


def ask(port, expression):
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=5) as response:
        return json.load(response)["data"]["result"]


@pytest.mark.needs("promtool")
@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.timeout(90)
def test_a_real_prometheus_scrapes_the_same_numbers(live_server, shop, tmp_path):
    """Page, API, command and Prometheus: one question, one answer."""
    _, secret = create_key(shop, "read", "prometheus")
    url, port = urllib.parse.urlsplit(live_server.url), free_port()
    (tmp_path / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {
                        "job_name": "shop",
                        "metrics_path": "/api/v1/projects/shop/metrics",
                        "authorization": {"credentials": secret},
                        "static_configs": [{"targets": [url.netloc]}],
                    }
                ],
            }
        )
    )
    log = (tmp_path / "prometheus.log").open("wb")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        scraped = []
        end = time.monotonic() + 60
        while not scraped and time.monotonic() < end:
            time.sleep(0.5)
            try:
                scraped = ask(port, "endpoint_stats_http_requests_total")
            except OSError:
                continue
        by_prometheus = {series["metric"]["status"]: float(series["value"][1]) for series in scraped}
        ok = ask(
            port, 'sum(endpoint_stats_http_requests_total{status!~"5.."}) / sum(endpoint_stats_http_requests_total)'
        )
        median = ask(port, "histogram_quantile(0.5, endpoint_stats_http_request_duration_seconds_bucket)")
    finally:
        process.terminate()
        process.wait(20)
        log.close()
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    answer = get(client, group_by="status", metrics="requests,p50").json()
    assert by_prometheus == {str(row["status"]): row["requests"] for row in answer["rows"]} == {"200": 2, "500": 1}
    availability = get(client, metrics="availability").json()["totals"]["availability"]
    assert float(ok[0]["value"][1]) == pytest.approx(availability)
    # Its quantile interpolates within a bucket that is twice as wide as the one before.
    assert answer["totals"]["p50"] / 2 <= float(median[0]["value"][1]) <= answer["totals"]["p50"] * 2
    assert_page_and_command_agree(live_server, answer["totals"]["requests"])


def assert_page_and_command_agree(live_server, requests):
    out = io.StringIO()
    call_command("stats", "--project", "shop", "--from", "2025-11-10T12:00Z", "--to", "2025-11-10T13:00Z", "--json",
                 stdout=out)  # fmt: skip
    assert json.loads(out.getvalue())["totals"]["requests"] == requests
    signed_in = Client()
    signed_in.force_login(User.objects.get(email="ada@example.org"))
    page = signed_in.get("/projects/shop/", {"from": "2025-11-10T12:00Z", "to": "2025-11-10T13:00Z"}).content.decode()
    shown = re.search(r"<dt>Requests</dt>\s*<dd[^>]*>\s*([\d,]+)", page)
    assert shown is not None
    assert int(shown[1].replace(",", "")) == requests
