"""The per-user cache, on Django's, and one of what is the same for everybody: speed, never truth. Being away costs time
and nothing else.

Keys are namespaced by user and by an epoch that stands in the user's own row, so that one call clears all of a user's
entries even while the cache is away; what was cleared is never seen again and ends by its time. Values are JSON.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, ClassVar

import msgspec
from django.core.cache import cache
from django.core.signals import request_finished
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F, Sum
from django.dispatch import receiver
from django.utils import timezone
from django.utils.crypto import salted_hmac

from .models import CacheUse, User

logger = logging.getLogger(__name__)

LASTS = 15 * 60  # seconds
SLOW = 0.08  # seconds: a cache that takes longer is left alone for a while
LEFT_ALONE = 10.0
MISSING = object()


class Room:
    """A part of the cache whose names no other part has."""

    MOST: ClassVar = 1_000_000  # characters of a value; what is larger is made anew each time

    @property
    def _room(self) -> str:
        """Its name; "" for one that holds nothing."""
        raise NotImplementedError

    def get(self, key: str, missing: Any = None) -> Any:
        """The value, as JSON gives it back; ``missing`` where it is not there."""
        if not self._room:
            return missing
        found = _patience.ask(lambda: cache.get(self._name(key)))
        self._asked(found is not None)
        if found is None:
            return missing
        try:
            return msgspec.json.decode(found)
        except (msgspec.DecodeError, TypeError):
            return missing  # somebody else's value under our name

    def set(self, key: str, value: Any, seconds: int = LASTS) -> None:
        """Raises TypeError for what is no JSON."""
        if not self._room:
            return
        text = msgspec.json.encode(value).decode()
        if len(text) <= self.MOST:
            name = self._name(key)
            _patience.ask(lambda: cache.set(name, text, seconds))

    def get_or_make(self, key: str, make: Callable[[], Any], seconds: int = LASTS) -> Any:
        """The value, made and kept where it is not there."""
        found = self.get(key, MISSING)
        if found is MISSING:
            found = make()
            self.set(key, found, seconds)
        return found

    def _asked(self, hit: bool) -> None:
        """Told of each question."""

    def _name(self, key: str) -> str:
        # By the installation's own secret: users of another one that shares a Redis have the same numbers.
        digest = salted_hmac(
            "accounts.user_cache", key.encode("utf-8", "surrogatepass"), algorithm="sha256"
        ).hexdigest()
        return f"{self._room}:{digest}"


class UserCache(Room):
    """What one user was answered. ``UserCache(None)``, for who is no user, holds nothing."""

    def __init__(self, user: object) -> None:
        self._user = user if isinstance(user, User) and user.pk else None

    @property
    def _room(self) -> str:
        return f"user:{self._user.pk}:{self._user.cache_epoch}" if self._user else ""

    def _asked(self, hit: bool) -> None:
        assert self._user is not None
        counts.add(self._user.pk, hit)


class PublicCache(Room):
    """What is the same for everybody who may have it, by what it is of (``link:0190…``): never what a user was
    answered. Whether somebody may is looked up before it is asked."""

    MOST = 8_000_000  # a page of all endpoints, which are 2,000 by default, has some millions

    def __init__(self, of: str) -> None:
        self._of = of

    @property
    def _room(self) -> str:
        return f"public:{self._of}"


def clear(user: User) -> None:
    """Everything that is cached for ``user`` is gone, at once and in every process."""
    User.objects.filter(pk=user.pk).update(cache_epoch=F("cache_epoch") + 1)
    user.refresh_from_db(fields=["cache_epoch"])


def use(user: User, now: datetime, days: int = 30) -> tuple[int, int]:
    """How often the answer was there, and how often not, in the last days."""
    counts.write(now)
    since = (now - timedelta(days=days)).date()
    rows = CacheUse.objects.filter(user=user, day__gte=since).values_list("hits", "misses")
    return sum(row[0] for row in rows), sum(row[1] for row in rows)


def use_of_all(now: datetime, days: int) -> tuple[int, int]:
    """The same of all users together."""
    since = (now - timedelta(days=days)).date()
    sums = CacheUse.objects.filter(day__gte=since).aggregate(hits=Sum("hits"), misses=Sum("misses"))
    return sums["hits"] or 0, sums["misses"] or 0


@dataclass
class _Patience:
    """A cache that is slow or away is not asked again for a while: pages wait for it once, not at every step."""

    until: float = 0.0

    def ask(self, act: Callable[[], Any]) -> Any:
        """What ``act`` returns; None where the cache is left alone or fails."""
        begun = time.monotonic()
        if begun < self.until:
            return None
        try:
            return act()
        except Exception as error:  # a backend may raise what it likes: the page must not suffer for it
            logger.warning("the cache failed, and is left alone for %.0f s: %s", LEFT_ALONE, error)
            self.until = begun + LEFT_ALONE
            return None
        finally:
            if time.monotonic() - begun > SLOW:
                self.until = begun + LEFT_ALONE


_patience = _Patience()


@dataclass
class _Counts:
    """Hits and misses by user, written every few seconds rather than at each request."""

    EVERY = 10.0
    _by_user: dict[int, list[int]] = field(default_factory=dict)
    _written: float = field(default_factory=time.monotonic)
    _lock: Lock = field(default_factory=Lock)

    def add(self, user_id: int, hit: bool) -> None:
        with self._lock:
            self._by_user.setdefault(user_id, [0, 0])[0 if hit else 1] += 1

    def write_when_due(self) -> None:
        """At the end of a request, since in its middle a snapshot may be open."""
        if self._by_user and time.monotonic() - self._written > self.EVERY:
            self.write(timezone.now())

    def write(self, now: datetime) -> None:
        with self._lock:
            taken, self._by_user, self._written = self._by_user, {}, time.monotonic()
        try:
            with transaction.atomic():
                known = set(User.objects.filter(pk__in=taken).values_list("pk", flat=True))
                for user_id in sorted(known):
                    hits, misses = taken[user_id]
                    row = {"user_id": user_id, "day": now.date()}
                    CacheUse.objects.bulk_create([CacheUse(**row)], ignore_conflicts=True)
                    CacheUse.objects.filter(**row).update(hits=F("hits") + hits, misses=F("misses") + misses)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("how the cache did could not be noted: %s", error)  # a statistic is worth no error


counts = _Counts()


@receiver(request_finished, dispatch_uid="accounts.user_cache")
def _write_counts(**_: Any) -> None:
    counts.write_when_due()
