"""Redis stops, or falls silent: every page answers, nobody is told of it, and people still sign in."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client

from accounts import user_cache
from accounts.services import create_project
from accounts.sign_in import limits
from bench.proxy import Proxy
from settings.databases import caches
from tests.accounts.people import Clock, code_of
from tests.query.conftest import store_hits

pytestmark = [pytest.mark.needs("redis"), pytest.mark.django_db(databases=["default", "local"])]

PAGES = ("/projects/shop/", "/projects/shop/ledger/", "/projects/shop/settings/", "/projects/shop/settings/members/",
         "/projects/shop/settings/keys/", "/projects/shop/settings/ingest/", "/projects/shop/settings/audit/",
         "/account/", "/account/sessions/", "/account/2fa/", "/account/email/", "/account/data/",
         "/api/v1/projects/shop/stats?from=2025-11-10&to=2025-11-11")  # fmt: skip


@pytest.fixture
def proxy(settings: Any) -> Iterator[Proxy]:
    redis = urlsplit(os.environ["REDIS_URL"])
    made = Proxy((redis.hostname or "127.0.0.1", redis.port or 6379))
    settings.REDIS_URL = f"redis://127.0.0.1:{made.port}{redis.path}"
    settings.CACHES = caches(settings.REDIS_URL)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the product is."""
    monkeypatch.setattr(user_cache, "SLOW", 0.08)


@pytest.fixture
def staff(owner: Any, tmp_path: Any) -> Client:
    owner.is_staff = owner.is_superuser = True
    owner.save()
    hit = {"service": "", "method": "GET", "path": "/a", "status": 200, "time": "2025-11-10T12:00:00Z"}
    store_hits(create_project("shop", owner=owner), tmp_path, [hit])
    client = Client()
    client.force_login(owner)
    return client


def test_while_it_is_there(proxy: Proxy, staff: Client) -> None:
    """The test below would prove nothing if no page asked Redis."""
    for _ in range(2):
        assert staff.get("/projects/shop/?from=2025-11-10&to=2025-11-11").status_code == 200
    assert proxy.connections and [key for key in cache.iter_keys("user:*")]


@pytest.mark.parametrize("away", [Proxy.refuse, Proxy.fall_silent])
def test_every_page_answers_as_ever(proxy: Proxy, staff: Client, away: Callable[[Proxy], None]) -> None:
    before = {path: staff.get(path) for path in PAGES}
    away(proxy)
    held = proxy.connections
    for path in PAGES:
        answer = staff.get(path)
        assert answer.status_code == before[path].status_code == 200, path
        text = answer.content.decode().lower()
        assert "redis" not in text or "redis" in before[path].content.decode().lower(), path
    # It is tried once, and then left alone for a while: not once a page.
    assert proxy.connections - held <= 2
    # Those who look after the installation are told, where they look for it.
    assert staff.get("/health/ready").status_code == 200
    health = staff.get("/admin/")
    assert health.status_code == 200 and "REDIS_URL points to a running Redis" in health.content.decode()


@pytest.mark.parametrize("away", [Proxy.refuse, Proxy.fall_silent])
def test_people_sign_in_with_both_factors_and_guesses_count(
    proxy: Proxy, owner: Any, clock: Clock, away: Callable[[Proxy], None]
) -> None:
    secret = generate_totp_secret()
    client = Client()
    client.force_login(owner)
    TOTP.activate(owner, secret)
    client.logout()
    away(proxy)
    guess = {"login": owner.email, "password": "wrong password"}
    said = [Client().post("/account/login/", guess).content.decode() for _ in range(7)]
    assert ["Too many failed" in text for text in said] == [False] * 5 + [True] * 2
    limits.forget("sign in", "127.0.0.1", owner.email)
    answer = client.post("/account/login/", {"login": owner.email, "password": "a long password"})
    assert answer["Location"].startswith("/account/2fa/authenticate/")
    code = code_of(secret)
    assert client.post("/account/2fa/authenticate/", {"code": code}).status_code == 302
    assert client.get("/account/").status_code == 200
    # The same code once more, from somebody who looked over the shoulder.
    other = Client()
    other.post("/account/login/", {"login": owner.email, "password": "a long password"})
    assert "Incorrect code" in other.post("/account/2fa/authenticate/", {"code": code}).content.decode()
    assert Authenticator.objects.count() == 1
