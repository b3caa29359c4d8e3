"""API keys: making them, and telling whose request it is by one."""

import logging
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .models import ApiKey, Project, Scope, User

logger = logging.getLogger(__name__)

_SHAPE = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}", re.ASCII)
_SEEN_EVERY = timedelta(minutes=1)


def create_key(
    project: Project,
    scope: str,
    name: str,
    *,
    expires: datetime | None = None,
    by: User | None = None,
    quota: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which is shown now and kept nowhere. ``quota``: hits a minute at most."""
    made, secret = ApiKey.objects.create_key(
        project=project, scope=Scope(scope), name=name, expiry_date=expires, created_by=by, hits_per_minute=quota
    )
    return made, secret  # type: ignore[return-value]  # the package's manager knows its base class only


def find_key(secret: str, now: datetime) -> ApiKey | None:
    """The key that may be used now; None for one that is unknown, revoked or expired."""
    if not _SHAPE.fullmatch(secret):
        return None
    try:
        key = ApiKey.objects.select_related("project").get(prefix=secret.partition(".")[0], revoked=False)
    except ApiKey.DoesNotExist:
        return None
    return key if key.is_valid(secret) and not (key.expiry_date and key.expiry_date <= now) else None


class KnownKeys:
    """Keys that were found good a short while ago, so that not every request asks the database who it is.

    Whether a key is revoked must be asked again by whoever acts on it (store/live.py does, in its transaction).
    """

    FRESH = 30.0  # seconds
    LIMIT = 10_000

    def __init__(self) -> None:
        self._found: dict[bytes, tuple[float, ApiKey]] = {}

    def find(self, secret: str, now: datetime) -> ApiKey | None:
        """As ``find_key``."""
        digest = sha256(secret.encode("utf-8", "surrogatepass")).digest()
        read, key = self._found.get(digest, (0.0, None))
        if key is not None and time.monotonic() - read < self.FRESH:
            return key if not (key.expiry_date and key.expiry_date <= now) else None
        key = find_key(secret, now)
        if key is None:
            self._found.pop(digest, None)
            return None
        if len(self._found) >= self.LIMIT:
            self._found.clear()
        self._found[digest] = (time.monotonic(), key)
        return key

    def forget(self, key: ApiKey | None = None, project: Project | None = None) -> None:
        """A key that turned out to be gone, or those of a project that changed; without either all."""
        for digest, (_, known) in list(self._found.items()):
            if (key is None or known.pk == key.pk) and (project is None or known.project_id == project.pk):
                self._found.pop(digest, None)


known_keys = KnownKeys()


def note_use(key: ApiKey, now: datetime) -> None:
    """When a key was last used, to the minute: a write a minute, not one a request."""
    if key.last_used is not None and now - key.last_used < _SEEN_EVERY:
        return
    key.last_used = now
    stale = Q(last_used=None) | Q(last_used__lt=now - _SEEN_EVERY)
    try:
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used=now)
    except (DatabaseError, InterfaceError) as error:
        # A busy database must not refuse a question for the sake of this note; the next request writes it.
        logger.warning("when API key %s was used could not be noted: %s", key.prefix, error)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who asks by a key: nobody in person, with the rights of the key."""

    key: ApiKey
    is_authenticated: bool = True
    is_active: bool = True
    is_staff: bool = False
    pk: None = None

    def __str__(self) -> str:
        return f"API key {self.key.prefix}"


class KeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer KEY``."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        kind, _, secret = get_authorization_header(request).partition(b" ")
        if kind.lower() != b"bearer":
            return None
        now = timezone.now()
        key = find_key(secret.strip().decode("latin-1"), now)
        if key is None:
            raise AuthenticationFailed(
                "This API key is not known, revoked or expired. Create one: manage.py create_api_key.", "key_invalid"
            )
        note_use(key, now)
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class MayRead(BasePermission):
    """Who is signed in, or holds a key that may read."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.user, KeyHolder) and not request.user.key.may(Scope.READ):
            raise PermissionDenied("This key may send hits only. Create one with the scope read.", "wrong_scope")
        return bool(request.user and request.user.is_authenticated)
