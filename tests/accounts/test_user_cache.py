"""The per-user cache: what is kept for one is for nobody else, and its being away costs time only."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts import user_cache
from accounts.models import CacheUse, User
from accounts.user_cache import PublicCache, UserCache

pytestmark = pytest.mark.django_db(databases=["default", "local"])


@pytest.fixture
def ada(owner: Any) -> Any:
    return owner


@pytest.fixture
def grace(db: None) -> Any:
    return User.objects.create_user("grace@example.org", "a long password")


def test_each_user_has_their_own(ada: Any, grace: Any) -> None:
    UserCache(ada).set("k", {"answer": [1, None, "ü"]})
    UserCache(grace).set("k", "hers")
    assert UserCache(ada).get("k") == {"answer": [1, None, "ü"]}
    assert UserCache(grace).get("k") == "hers"
    assert UserCache(ada).get("other", "missing") == "missing"


def test_none_is_a_value(ada: Any) -> None:
    UserCache(ada).set("k", None)
    assert UserCache(ada).get("k", "missing") is None


def test_made_once(ada: Any) -> None:
    made = []
    for _ in range(3):
        UserCache(ada).get_or_make("k", lambda: made.append(1) or "value")  # type: ignore[func-returns-value]
    assert made == [1]


def test_one_call_clears_one_user_everywhere(ada: Any, grace: Any) -> None:
    for user in (ada, grace):
        UserCache(user).set("k", 1)
    elsewhere = User.objects.get(pk=ada.pk)  # as another process knows her, from its own request on
    user_cache.clear(ada)
    assert UserCache(ada).get("k") is None
    assert UserCache(User.objects.get(pk=ada.pk)).get("k") is None
    assert UserCache(grace).get("k") == 1
    # Whoever read the user before it was cleared cannot bring a value back for those who come after.
    UserCache(elsewhere).set("k", "old")
    assert UserCache(User.objects.get(pk=ada.pk)).get("k") is None


def test_the_button_and_signing_out_clear(ada: Any, client: Client) -> None:
    UserCache(ada).set("k", 1)
    assert client.post("/account/cache/clear/").status_code == 302
    ada.refresh_from_db()
    assert UserCache(ada).get("k") is None
    UserCache(ada).set("k", 1)
    client.post("/account/logout/")
    ada.refresh_from_db()
    assert UserCache(ada).get("k") is None


def test_nobody_has_none() -> None:
    UserCache(None).set("k", 1)
    assert UserCache(None).get("k") is None


def test_what_is_large_is_not_kept(ada: Any) -> None:
    """A value is kept with two marks around it."""
    for holder, most in ((UserCache(ada), 1_000_000), (PublicCache("link:1"), 8_000_000)):
        holder.set("k", "x" * (most - 2))
        holder.set("l", "x" * (most - 1))
        assert len(holder.get("k")) == most - 2
        assert holder.get("l") is None


def test_what_is_kept_is_text(ada: Any) -> None:
    UserCache(ada).set("k", [1, 2])
    assert cache.get(UserCache(ada)._name("k")) == "[1,2]"


def test_another_installation_has_other_names(ada: Any, settings: Any) -> None:
    """Two that share one Redis have users, and projects, of the same numbers."""
    UserCache(ada).set("k", 1)
    settings.SECRET_KEY = "that of another installation"
    assert UserCache(ada).get("k") is None


def test_a_value_of_somebody_else_under_our_name_is_none(ada: Any) -> None:
    holder = UserCache(ada)
    for strange in (5, "no json", ["list"]):
        cache.set(holder._name("k"), strange)
        assert holder.get("k", "missing") in ("missing", 5)


class Broken:
    def __init__(self, seconds: float = 0) -> None:
        self.asked, self.seconds = 0, seconds

    def get(self, key: str) -> None:
        self.asked += 1
        time.sleep(self.seconds)
        if not self.seconds:
            raise ConnectionError("gone")

    set = get


def test_a_cache_that_fails_is_left_alone(ada: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(user_cache, "cache", broken := Broken())
    assert [UserCache(ada).get_or_make("k", lambda: "made") for _ in range(5)] == ["made"] * 5
    assert broken.asked == 1


def test_a_cache_that_is_slow_is_waited_for_once(ada: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(user_cache, "SLOW", 0.08)
    monkeypatch.setattr(user_cache, "cache", broken := Broken(user_cache.SLOW * 1.2))
    for _ in range(5):
        UserCache(ada).get("k")
    assert broken.asked == 1


def test_and_is_asked_again_later(ada: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(user_cache, "cache", broken := Broken())
    monkeypatch.setattr(user_cache, "LEFT_ALONE", 0.0)
    UserCache(ada).get("k")
    UserCache(ada).get("k")
    assert broken.asked == 2


def test_the_hit_rate_is_seen(ada: Any, client: Client) -> None:
    holder = UserCache(ada)
    holder.get("k")
    holder.set("k", 1)
    for _ in range(3):
        holder.get("k")
    now = timezone.now()
    assert user_cache.use(ada, now) == (3, 4 - 3)
    holder.get("k")
    assert user_cache.use(ada, now) == (4, 1)
    assert user_cache.use(ada, now + timedelta(days=40)) == (0, 0)
    page = " ".join(client.get("/account/").content.decode().split())
    assert "4 of 5 came from there (80 %)" in page


def test_what_pages_asked_is_noted_when_they_have_answered(ada: Any, client: Client, monkeypatch: Any) -> None:
    """Every few seconds, and never in the middle of a request, where a snapshot may be open."""
    UserCache(ada).get("k")
    client.get("/account/data/")
    assert not CacheUse.objects.exists()
    monkeypatch.setattr(user_cache.counts, "_written", time.monotonic() - 11)
    UserCache(ada).get("k")
    assert not CacheUse.objects.exists()
    client.get("/account/data/")
    assert CacheUse.objects.get().misses == 2


def test_counts_of_a_user_who_is_gone_are_dropped(ada: Any, grace: Any) -> None:
    UserCache(grace).get("k")
    UserCache(ada).get("k")
    grace.delete()
    user_cache.counts.write(timezone.now())
    assert [(row.user_id, row.misses) for row in CacheUse.objects.all()] == [(ada.pk, 1)]
