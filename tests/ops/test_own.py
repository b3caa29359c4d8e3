"""The application measures itself: what its real server was asked stands in the project endpoint-stats."""

import http.client
import json
from typing import Any

import pytest

from tests.crash.live import Server
from tests.integration.installation import wait_until

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("live")]

COUNTS = (
    "SELECT e.route, sum(r.requests) FROM endpoint_stats_rollupday r JOIN endpoint_stats_endpoint e"
    " ON e.project_id = r.project_id AND e.key = r.endpoint JOIN accounts_project p ON p.id = r.project_id"
    " WHERE p.slug = 'endpoint-stats' GROUP BY e.route"
)


def ask(server: Server, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def counts(installation: Any) -> dict[str, int]:
    project = installation.sql("SELECT id FROM accounts_project WHERE slug = 'endpoint-stats'")
    if not project:
        return {}
    done = installation.run("compact", "--project", "endpoint-stats")
    assert done.returncode == 0, done.stderr
    return {route: int(count) for route, count in installation.sql(COUNTS)}


def test_its_own_requests(installation: Any) -> None:
    server = Server(installation, MEASURE_ITSELF="true")
    try:
        server.start()
        for _ in range(30):
            assert ask(server, "/account/login/") == 200
        for number in range(20):
            assert ask(server, f"/api/v1/projects/nothing{number}/stats?token=hunter2") in (401, 403, 404)
        wanted = {"/account/login/": 30, "/api/v1/projects/<str:slug>/stats": 20}
        wait_until(lambda: wanted.items() <= counts(installation).items(), 30, "its requests are not counted")
        installation.check_ledger()
        names = json.dumps(installation.sql("SELECT route FROM endpoint_stats_endpoint"))
        assert "hunter2" not in names
        assert not installation.sql("SELECT 1 FROM endpoint_stats_endpoint WHERE project_id = 1")
    finally:
        server.kill_all()
