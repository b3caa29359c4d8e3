"""Real OpenTelemetry SDKs, traces and metrics both on, send 10,000 requests from three instrumented applications to the
real server: counts per route and status are what the applications counted, latencies agree within the stated error."""

import json
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.crash.live import Server, new_key
from tests.integration.installation import ROOT

APP = Path(__file__).parent / "otel_app.py"
REQUESTS = {"django": 3_334, "flask": 3_333, "fastapi": 3_333}

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("live")]


def run_apps(server: Server, secret: str, convention: str, requests: dict[str, int]) -> dict[str, Any]:
    """All at once; what each counted."""
    kept = {name: value for name, value in server.installation.env.items() if not name.startswith(("OTEL_", "DJANGO_"))}
    env = kept | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.port}/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{secret}",
        "OTEL_SEMCONV_STABILITY_OPT_IN": convention,
        "PYTHONWARNINGS": "ignore",
        # The old convention goes with explicit buckets, the stable one with exponential ones.
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
            "base2_exponential_bucket_histogram" if convention else "explicit_bucket_histogram"
        ),
    }
    running = {
        kind: subprocess.Popen(
            [sys.executable, str(APP), kind, str(count)],
            env=env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for kind, count in requests.items()
    }
    found = {}
    for kind, process in running.items():
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, err.decode()[-2000:]
        assert b"export" not in err.lower(), err.decode()[-2000:]
        found[kind] = json.loads(out.splitlines()[-1])
    return found


def ask(installation: Any, *more: str) -> dict[str, Any]:
    done = installation.run("stats", "--project", "shop", "--from", "-2h", "--to", "now", "--json", *more)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("convention", ["http", ""])
@pytest.mark.parametrize("counts_by", ["traces", "metrics"])
def test_three_applications(convention: str, counts_by: str, installation: Any) -> None:
    server = Server(installation)
    few = {kind: 150 for kind in REQUESTS}
    requests = REQUESTS if (convention, counts_by) in (("http", "traces"), ("", "metrics")) else few
    try:
        server.start()
        for kind in requests:
            installation.sql(
                "INSERT INTO endpoint_stats_countingsource (project_id, service, source, since) VALUES (1, ?, ?, ?)",
                kind, counts_by, "2026-01-01 00:00:00+00:00",
            )  # fmt: skip
        counted = run_apps(server, new_key(installation), convention, requests)
        rows = ask(installation, "--group-by", "service,route,status", "--metrics", "requests")["rows"]
        for kind, told in counted.items():
            found: Counter[str] = Counter()
            for row in rows:
                if row["service"] == kind:
                    assert row["route"].startswith("/")
                    assert row["method"] == "GET" if "method" in row else True
                    found[f"/{row['route'].split('/')[1]} {row['status']}"] += row["requests"]
            assert found == told["counts"], kind
            check_latency(installation, kind, told[counts_by])
        assert sum(row["requests"] for row in rows) == sum(requests.values())
        check_ledger(installation, requests, counts_by)
    finally:
        server.kill_all()


def check_latency(installation: Any, kind: str, durations: list[float]) -> None:
    answer = ask(installation, "--filter", f"service={kind}", "--metrics", "timed,p50,p95,p99")
    assert answer["totals"]["timed"] == len(durations)
    if answer["error_bound"] > 1:
        return  # some lie in a first or last bucket, of which the histogram says one end only; and so does the answer
    ordered = sorted(durations)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        true = ordered[math.ceil(share * len(ordered)) - 1] / 1e9
        allowed = true * answer["error_bound"] * 1.001 + 1e-9
        assert abs(answer["totals"][name] - true) <= allowed, (
            kind,
            name,
            true,
            answer["totals"][name],
            answer["error_bound"],
        )


def check_ledger(installation: Any, requests: dict[str, int], counts_by: str) -> None:
    done = installation.run("compact", "--project", "shop")
    assert done.returncode == 0, done.stderr
    installation.check_ledger()
    sources = dict(installation.sql("SELECT source, sum(stored) FROM endpoint_stats_batch GROUP BY source"))
    other = "metrics" if counts_by == "traces" else "traces"
    assert sources[other] == 0
    assert sources[counts_by] > 0
    if counts_by == "traces":
        assert sources["traces"] == sum(requests.values())
    if counts_by == "metrics" and sum(requests.values()) < 1_000:
        return  # the spans may have come before the first metrics, and so before there were endpoints
    # What does not count gives samples: of the traces there are some in any case.
    assert installation.sql("SELECT count(*) FROM endpoint_stats_sample WHERE trace_id <> ''")[0][0] > 0
