"""What every tier shares: no network beyond loopback, projects, and whole installations in processes of their own."""

import asyncio
import ipaddress
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest

from tests.plugins import caches

_SERVICES = ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL")
_ALLOWED = {"", "localhost"} | {
    (urlsplit(os.environ[name]).hostname or "").lower() for name in _SERVICES if os.environ.get(name)
}
_EVENTS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0}


class NetworkForbidden(RuntimeError):
    """A test reached for a host that is neither this machine nor a service that the environment names."""


def _is_local(host: object) -> bool:
    if host is None:
        return True
    name = (host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)).lower().partition("%")[0]
    if name in _ALLOWED:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: it sees every socket of this interpreter, whoever opens it, and cannot be patched away."""
    place = _EVENTS.get(event)
    if place is None:
        return
    target = arguments[place]
    if event != "socket.getaddrinfo":
        if not isinstance(target, tuple):
            return  # a Unix socket's path, or an address given earlier
        target = target[0]
    if not _is_local(target):
        raise NetworkForbidden(f"{event} to {target!r}: tests use no network beyond this machine.")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The time by which codes of apps are made and judged."""
    from allauth.mfa.totp.internal import auth

    from tests.accounts.people import Clock

    made = Clock()
    monkeypatch.setattr(auth, "time", made)
    return made


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_guard)
    # How long an example takes says something of the machine, which may be busy, and nothing of the code.
    hypothesis.settings.register_profile(
        "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A parameter named ``page`` draws Playwright's page, and with it a browser amid other tests, whose database is
    then locked for those that follow."""
    browser = config.rootpath / "tests" / "e2e"
    strays = [
        item.nodeid
        for item in items
        if "playwright" in getattr(item, "fixturenames", ()) and not item.path.is_relative_to(browser)
    ]
    if strays:
        raise pytest.UsageError(
            f"Outside of tests/e2e a test asks for a fixture of the browser: {strays[0]}. "
            "Give its parameter a name other than page, browser and context."
        )


@pytest.fixture(autouse=True)
def no_loop_of_the_browser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Playwright leaves its event loop running in the thread of the worker that had a browser's test; what comes next
    there must be able to run one of its own."""
    if "playwright" in request.fixturenames:
        yield
        return
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """What a process remembers of keys, projects and caches ends with the test: the next one has another database."""
    caches.begin()
    cache = sys.modules.get("accounts.user_cache")
    if cache is not None:
        cache.counts, cache._patience = cache._Counts(), cache._Patience()
        cache.SLOW, slow = 60.0, cache.SLOW  # a busy machine is no cache that is away
    yield
    if cache is not None:
        cache.SLOW = slow
    shown = sys.modules.get("endpoint_stats.pages.live.shown")
    if shown is not None:
        shown.store.forget()
    door, keys = (sys.modules.get(name) for name in ("endpoint_stats.ingest.live.door", "accounts.keys"))
    if door is not None:
        door.close_doors()
    if keys is not None:
        keys.known_keys.forget()


_numbers = itertools.count(1)


@pytest.fixture
def make_project(db: None) -> Callable[..., Any]:
    """``make_project(slug="", **settings)``: a project, with its settings changed as asked."""
    from accounts.services import create_project
    from endpoint_stats.models import ProjectSettings

    def make(slug: str = "", **changes: object) -> Any:
        project = create_project(slug or f"project-{next(_numbers)}")
        ProjectSettings.objects.create(project=project, **changes)
        return project

    return make


@pytest.fixture
def project(make_project: Callable[..., Any]) -> Any:
    """A project as a user gets it."""
    return make_project()


@pytest.fixture
def owner(db: None) -> Any:
    """Ada, who owns what a test gives her."""
    from accounts.models import User

    return User.objects.create_user("ada@example.org", "a long password")


@pytest.fixture
def client(owner: Any) -> Any:
    """A client that is signed in as ``owner``."""
    from django.test import Client

    signed_in = Client()
    signed_in.force_login(owner)
    return signed_in


@pytest.fixture
def make_exact(make_project: Callable[..., Any]) -> Callable[..., Any]:
    """Makes projects that count every path as it stands, so that plain counting of lines is the expectation."""

    def make(**changes: object) -> Any:
        exact = {"lexical_rules": False, "group_static": False, "group_unmatched": False, "endpoint_cap": 1_000_000}
        return make_project(**(exact | changes))

    return make


@pytest.fixture
def exact(make_exact: Callable[..., Any]) -> Any:
    return make_exact()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A migrated SQLite installation that others are copied from."""
    from tests.integration.installation import SqliteTemplate

    made = SqliteTemplate(tmp_path_factory.mktemp("template"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same on the database under test."""
    from tests.integration.installation import PostgresTemplate

    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield request.getfixturevalue("sqlite_template")
        return
    made = PostgresTemplate(url, tmp_path_factory.mktemp("template-postgresql"))
    yield made
    made.close()


@pytest.fixture
def installation(template: Any, tmp_path: Path) -> Iterator[Any]:
    """An installation of its own (files or a scratch database) on the database under test, with project ``shop``."""
    made = template.copy(tmp_path / "installation")
    yield made
    made.close()


@pytest.fixture
def sqlite_installation(sqlite_template: Any, tmp_path: Path) -> Iterator[Any]:
    made = sqlite_template.copy(tmp_path / "sqlite-installation")
    yield made
    made.close()
