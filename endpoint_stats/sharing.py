"""Links by which numbers are shared: made, revoked, had back, and found by the token in them."""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import Q
from django.http import HttpRequest

from accounts.audit import Action, note
from accounts.models import Project, User
from accounts.services import may_edit

from .models import SharedLink
from .query.choices import missing
from .query.runner import run
from .query.spec import Filters, Query, QueryError

logger = logging.getLogger(__name__)

BADGE_METRICS = ("availability", "error_rate", "requests", "p95")
MOST_DAYS = 400  # that a link shows
MOST_LINKS = 200  # of a project, that work
MOST_VALUES = 50  # of all its filters together
LASTS = {SharedLink.Kind.PAGE: 366, SharedLink.Kind.BADGE: 5 * 366}  # days at most
UNDO = timedelta(hours=1)
_SEEN_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to share. ``days``: how far back it shows; ``lasts``: for how many days."""

    name: str
    kind: str
    filters: Filters
    metric: str = ""
    days: int = 30
    lasts: int = 30
    everything: bool = False  # no filter, and meant so


def create(
    project: Project, wanted: Wanted, now: datetime, *, by: User, request: HttpRequest | None = None
) -> tuple[SharedLink, str]:
    """The link and its token, which is part of its address and kept nowhere. Raises ValidationError."""
    _check(project, wanted, now)
    token = secrets.token_urlsafe(32)
    link = SharedLink(
        project=project,
        token_digest=_digest(token),
        name=wanted.name.strip(),
        kind=wanted.kind,
        filters=[[name, list(values)] for name, values in wanted.filters],
        metric=wanted.metric if wanted.kind == SharedLink.Kind.BADGE else "",
        days=wanted.days,
        created=now,
        created_by=by,
        expires=now + timedelta(days=wanted.lasts),
    )
    link.full_clean(exclude=["project", "created_by"])
    with transaction.atomic():
        link.save(force_insert=True)
        details = {"filters": link.filters, "days": link.days, "expires": link.expires.isoformat()}
        note(Action.LINK_CREATED, by=by, project=project, target=link, details=details, request=request)
    return link, token


def revoke(link: SharedLink, now: datetime, *, by: User, request: HttpRequest | None = None) -> bool:
    """At once; for ``UNDO`` it can be had back. False where it was revoked before."""
    with transaction.atomic():
        if not SharedLink.objects.filter(pk=link.pk, revoked=None).update(revoked=now):
            return False
        note(Action.LINK_REVOKED, by=by, project=link.project, target=link, request=request)
    return True


def restore(link: SharedLink, now: datetime, *, by: User, request: HttpRequest | None = None) -> bool:
    """Whether it works again, by the same token. False where it was revoked too long ago."""
    with transaction.atomic():
        if not SharedLink.objects.filter(pk=link.pk, revoked__gt=now - UNDO).update(revoked=None):
            return False
        note(Action.LINK_RESTORED, by=by, project=link.project, target=link, request=request)
    return True


def find(token: str, kind: str, now: datetime) -> SharedLink | None:
    """The link that is to be answered now. None for one that never was, is over or revoked, whose project is closed,
    or whose maker may no longer share."""
    found = SharedLink.objects.select_related("project", "created_by").filter(token_digest=_digest(token)).first()
    if found is None or found.kind != kind or ended(found, now) or not may_edit(found.created_by, found.project):
        return None
    return found


def ended(link: SharedLink, now: datetime) -> bool:
    """Whether it is over by itself, whoever made it."""
    return link.revoked is not None or link.expires <= now or link.project.closed


def locked(link: SharedLink) -> Filters:
    """Its filters, as questions take them."""
    return tuple((name, tuple(values)) for name, values in link.filters)


def note_use(link: SharedLink, now: datetime) -> None:
    """When it was last opened, to the hour: a write an hour, not one a request."""
    if link.last_used is not None and now - link.last_used < _SEEN_EVERY:
        return
    stale = Q(last_used=None) | Q(last_used__lte=now - _SEEN_EVERY)
    try:
        SharedLink.objects.filter(stale, pk=link.pk).update(last_used=now)
    except (DatabaseError, InterfaceError) as error:
        # A busy database must not refuse a page for the sake of this note; the next reader writes it.
        logger.warning("when the link %s was used could not be noted: %s", link.pk, error)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _check(project: Project, wanted: Wanted, now: datetime) -> None:
    if wanted.kind not in SharedLink.Kind.values:
        raise ValidationError(f"There is no kind {wanted.kind[:60]!r}. There are: {', '.join(SharedLink.Kind.values)}.")
    if not wanted.name.strip():
        raise ValidationError("Say what the link is called: its readers see it, and you tell it from others by it.")
    if wanted.kind == SharedLink.Kind.BADGE and wanted.metric not in BADGE_METRICS:
        raise ValidationError(f"A badge shows one of: {', '.join(BADGE_METRICS)}.")
    if not 1 <= wanted.days <= MOST_DAYS:
        raise ValidationError(f"A link shows the last 1 to {MOST_DAYS} days.")
    most = LASTS[SharedLink.Kind(wanted.kind)]
    if not 1 <= wanted.lasts <= most:
        length = "a year" if wanted.kind == SharedLink.Kind.PAGE else "five years"
        raise ValidationError(f"The link to a {wanted.kind} works for {length} at most. Choose an earlier end.")
    if project.closed:
        raise ValidationError("Nothing of this project is shared while it is archived or being deleted.")
    if project.shared_links.filter(revoked=None, expires__gt=now).count() >= MOST_LINKS:
        raise ValidationError(f"{MOST_LINKS} links work already. Revoke one that nobody needs.")
    if not wanted.everything and not {name for name, _ in wanted.filters} - {"traffic"}:
        raise ValidationError("The link would show the whole project. Choose what it is locked to, or tick that.")
    _check_filters(project, wanted, now)


def _check_filters(project: Project, wanted: Wanted, now: datetime) -> None:
    """That the product can answer them, and that they name what there is: a misspelt name would show nothing."""
    values = [value for _, some in wanted.filters for value in some]
    if len(values) > MOST_VALUES or any("\0" in value for value in values):
        raise ValidationError(f"A link is locked to at most {MOST_VALUES} names, as the project has seen them.")
    start, end = (moment.replace(minute=0, second=0, microsecond=0) for moment in (now - timedelta(days=1), now))
    try:
        run(Query(project.pk, start, end, ("requests", "error_rate", "p95"), filters=wanted.filters), now)
    except QueryError as error:
        if error.code != "not_kept":
            raise ValidationError(str(error)) from error
    if unknown := missing(project.pk, wanted.filters):
        name, value = unknown
        raise ValidationError(f"No {name} of this project is called “{value[:100]}”. Choose one that is offered.")
