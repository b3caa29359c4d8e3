"""The installation's own requests: its web processes count them into the project ``endpoint-stats``.

They are recorded by the middleware that other services use (endpoint_stats_sender); this is its transport, which brings
them to the same door as everybody's, without HTTP.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.utils import timezone

from accounts.keys import create_key
from accounts.models import ApiKey, Membership, Project, Role, Scope, User
from accounts.services import create_project

from .bodies import BodyError
from .door import door_of
from .group import Abandoned
from .take import Refused, take_hits

SLUG = "endpoint-stats"
KEY = "own requests"


class Said(NamedTuple):
    """In the terms of HTTP, as the sender wants it."""

    status: int
    rejected: int = 0
    detail: str = ""
    retry_after: float | None = None


class OwnTransport:
    """Brings the sender's batches to this process's own door. One thread at a time calls it."""

    def __init__(self) -> None:
        self._key: ApiKey | None = None

    def send(self, hits: Sequence[Mapping[str, Any]], idempotency_key: str) -> Said:
        """503 while the database is away: the sender keeps what it has, and comes again."""
        close_old_connections()
        now = timezone.now()
        try:
            key = self._key = self._key or own_key()
            answer = take_hits(door_of(key.project), key, msgspec.json.encode(list(hits)), idempotency_key, now)
        except (DatabaseError, InterfaceError, Abandoned) as error:
            return Said(503, detail=str(error))
        except (Refused, BodyError) as error:
            self._key = None  # perhaps it was revoked, or the project deleted: there will be another one
            return Said(error.status, detail=str(error))
        return Said(200, rejected=sum(answer.rejected.values()))

    def close(self) -> None:
        close_old_connections()


def own_key() -> ApiKey:
    """The key that is used within; the project is made where there is none, and superusers are its owners."""
    with transaction.atomic():
        project = Project.objects.filter(slug=SLUG).first()
        if project is None:
            project = create_project(SLUG, name="Endpoint Stats itself")
            owners = User.objects.filter(is_superuser=True, is_active=True)
            Membership.objects.bulk_create(Membership(project=project, user=user, role=Role.OWNER) for user in owners)
        key = ApiKey.objects.filter(project=project, name=KEY, revoked=False, scope=Scope.INGEST).first()
        # Its secret is thrown away: nobody can send by it from outside.
        return key or create_key(project, Scope.INGEST, KEY)[0]
