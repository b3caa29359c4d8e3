"""What could not run, and why: the last lines of the suite say it, and CI accepts none of it.

``@pytest.mark.needs("redis")`` marks a test that cannot run without a service or a program. Where that is
missing the test is skipped; with ``CI=true`` it fails instead. A skip by ``pytest.skip("… is not installed")``
counts the same. What ``scripts/test.sh`` has run before on PostgreSQL is left out on SQLite, and said.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CI = os.environ.get("CI") == "true"
URL = os.environ.get("DATABASE_URL", "")


def _program(name: str, package: str) -> Callable[[], str]:
    # Daemons lie where a user's PATH need not lead.
    places = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = f"{name} is not installed (Debian: apt-get install {package})"
    return lambda: "" if shutil.which(name, path=places) else missing


def _variable(name: str, example: str) -> Callable[[], str]:
    return lambda: "" if os.environ.get(name) else f"{name} is not set (for example {example})"


def _postgresql() -> str:
    return "" if URL.startswith("postgres") else "DATABASE_URL does not point to PostgreSQL"


def server_programs() -> Path | None:
    """The folder of PostgreSQL's own programs, which Debian keeps off the path."""
    found = shutil.which("pg_ctl")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return folders[-1].parent if folders else Path(found).parent if found else None


# What a test may need -> why it is not to be had; empty where it is.
SERVICES: dict[str, Callable[[], str]] = {
    "postgresql": _postgresql,
    "sqlite": lambda: "" if _postgresql() else "DATABASE_URL points to PostgreSQL",
    "redis": _variable("REDIS_URL", "redis://127.0.0.1:6379/0"),
    "s3": _variable("S3_ENDPOINT_URL", "http://127.0.0.1:8333"),
    "chromium": _program("chromium", "chromium"),
    "goaccess": _program("goaccess", "goaccess"),
    "pg_ctl": lambda: "" if server_programs() else "PostgreSQL's server is not installed (Debian: postgresql)",
    "promtool": _program("promtool", "prometheus"),
    "prometheus-alertmanager": _program("prometheus-alertmanager", "prometheus-alertmanager"),
    "curl": _program("curl", "curl"),
    "openssl": _program("openssl", "openssl"),
    "nginx": _program("nginx", "nginx-light"),
    "syslog-ng": _program("syslog-ng", "syslog-ng-core syslog-ng-mod-http"),
}
# The other database's run covers these.
DATABASES = {"postgresql", "sqlite"}

_reasons: "Counter[str]" = Counter()
_elsewhere: "Counter[str]" = Counter()


def covered_elsewhere(service: str) -> bool:
    """scripts/test.sh runs the suite on both databases; then a test of one is no gap in the run of the other."""
    if service == "postgresql":
        return os.environ.get("RAN_ON_POSTGRESQL") == "1"
    return service == "sqlite"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, left_out = [], []
    for item in items:
        reason = ""
        for service in [name for mark in item.iter_markers("needs") for name in mark.args]:
            if service not in SERVICES:
                raise pytest.UsageError(f"{item.nodeid} needs {service!r}; known are {', '.join(SERVICES)}.")
            reason = SERVICES[service]()
            if reason and covered_elsewhere(service):
                _elsewhere[service] += 1
                break
            if reason:
                item.add_marker(pytest.mark.skip(reason=f"needs {service}: {reason}"))
                reason = ""
        (left_out if reason else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """In CI a test that found its service missing has failed: an unnoticed gap is how a promise rots."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = _reason(report)
        if reason.startswith("needs ") or "not installed" in reason or "is not set" in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: skipped ({reason}), but with CI=true nothing may be."
    return report


def _reason(report: Any) -> str:
    place = report.longrepr
    text = str(place[2]) if isinstance(place, tuple) else str(place)
    return text.removeprefix("Skipped: ")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _reasons[_reason(report)] += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """In the process that reports: with xdist, reports come to it, and the others print nothing."""
    lines = [f"{count} tests: {reason}" for reason, count in sorted(_reasons.items())]
    lines += [f"{count} tests of {name} alone: they belong to the other run" for name, count in _elsewhere.items()]
    if not URL.startswith("postgres") and os.environ.get("RAN_ON_POSTGRESQL") != "1":
        lines.append("everything on PostgreSQL: set DATABASE_URL and start scripts/test.sh")
    if not os.environ.get("REDIS_URL"):
        lines.append("everything on Redis: set REDIS_URL")
    if lines:
        terminalreporter.section("not run, and why")
        for line in lines:
            terminalreporter.line(line)
