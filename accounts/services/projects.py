"""Projects: made, changed, archived, deleted and had back; and who may do what with one."""

import re
import secrets
import unicodedata
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest

from accounts import registry
from accounts.audit import Action, note
from accounts.keys import KeyHolder, known_keys
from accounts.models import Membership, Project, Role, Scope, User
from accounts.roles import RIGHTS, Right


def create_project(
    slug: str,
    *,
    owner: User | None = None,
    name: str = "",
    time_zone: str = "UTC",
    demo: bool = False,
    by: object = None,
    request: HttpRequest | None = None,
) -> Project:
    """A new project, with ``owner`` as its owner. Raises ValidationError with one sentence a field."""
    project = Project(slug=slug, name=name or slug.replace("-", " ").capitalize(), time_zone=time_zone, demo=demo)
    project.full_clean()
    with transaction.atomic():
        project.save()
        if owner is not None:
            Membership.objects.create(project=project, user=owner, role=Role.OWNER)
        note(Action.PROJECT_CREATED, by=by or owner, project=project, target=project.slug, request=request)
    return project


def create_first(user: User) -> Project:
    """The project that a new user starts with, named after them."""
    return create_named(f"{(user.name or user.email.partition('@')[0])[:100]}’s project", user)


def create_named(
    name: str, owner: User, *, time_zone: str = "UTC", demo: bool = False, request: HttpRequest | None = None
) -> Project:
    """A project whose slug is made of its name. Raises ValidationError."""
    if not name.strip():
        raise ValidationError({"name": "Give the project a name."})
    slug = slug_of(name)
    make = partial(create_project, owner=owner, name=name, time_zone=time_zone, demo=demo, request=request)
    if slug and not Project.objects.filter(slug=slug).exists():
        try:
            with transaction.atomic():
                return make(slug)
        except IntegrityError:
            pass  # somebody took it at the same moment
        except ValidationError as error:
            if set(error.message_dict) != {"slug"}:
                raise
    return make(f"{slug[:46].strip('-')}-{secrets.token_hex(5)}".lstrip("-"))


def slug_of(name: str) -> str:
    """``My shop!`` becomes ``my-shop``; "" where nothing is left of a name."""
    plain = unicodedata.normalize("NFKD", name.lower().replace("’s", "s")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def visible_projects(user: object) -> QuerySet[Project]:
    """The projects that ``user`` is a member of, by slug, each with the role there as ``own_role``; for a key's holder
    its one. Nobody and strangers see none."""
    if isinstance(user, KeyHolder):
        return Project.objects.filter(pk=user.key.project_id)
    if not isinstance(user, User) or not user.is_active:
        return Project.objects.none()
    return Project.objects.filter(memberships__user=user).annotate(own_role=F("memberships__role")).order_by("slug")


def edits(project: Project) -> bool:
    """Whether the user for whom ``visible_projects`` found it may edit it, without another question."""
    return Right.EDIT in RIGHTS.get(getattr(project, "own_role", ""), frozenset())


def find_project(user: object, slug: str) -> Project | None:
    """The project ``slug`` if ``user`` may see it; None for a foreign one exactly as for a missing one."""
    if "\0" in slug:
        return None  # PostgreSQL refuses the question
    return visible_projects(user).filter(slug=slug).first()


def role_of(user: object, project: Project) -> str | None:
    """None for who is no member."""
    if not isinstance(user, User) or not user.is_active:
        return None
    return project.memberships.filter(user=user).values_list("role", flat=True).first()


def may(user: object, right: Right, project: Project) -> bool:
    """A key that may write may edit its project, and manages none."""
    if isinstance(user, KeyHolder):
        scope = {Right.SEE: Scope.READ, Right.EDIT: Scope.WRITE}.get(right)
        return user.key.project_id == project.pk and scope is not None and user.key.may(scope)
    return right in RIGHTS.get(role_of(user, project) or "", frozenset())


def may_edit(user: object, project: Project) -> bool:
    return may(user, Right.EDIT, project)


def change(project: Project, values: dict[str, Any], *, by: object, request: HttpRequest | None = None) -> None:
    """Set the name and the time zone. Raises ValidationError."""
    before = {name: getattr(project, name) for name in values}
    for name, value in values.items():
        setattr(project, name, value)
    project.full_clean()
    changed = {name: [before[name], value] for name, value in values.items() if before[name] != value}
    if changed:
        with transaction.atomic():
            project.save(update_fields=list(changed))
            note(
                Action.PROJECT_CHANGED, by=by, project=project, target=", ".join(changed), details=changed,
                request=request,
            )  # fmt: skip


def archive(project: Project, now: datetime, *, by: object, request: HttpRequest | None = None) -> None:
    """Its numbers stay and can be looked at; nothing more is taken in."""
    _set(project, Action.PROJECT_ARCHIVED, by, request, archived=now)


def delete(project: Project, now: datetime, *, by: object, request: HttpRequest | None = None) -> datetime:
    """Closed now, and deleted with all that belongs to it when the grace period is over. Returns that moment."""
    after = now + settings.DELETE_GRACE
    _set(project, Action.PROJECT_DELETED, by, request, delete_after=after)
    return after


def restore(project: Project, *, by: object, request: HttpRequest | None = None) -> None:
    """Kept, where it was to be deleted, and then as it was before; out of the archive otherwise."""
    was = {"delete_after": None} if project.delete_after else {"archived": None}
    _set(project, Action.PROJECT_RESTORED, by, request, **was)


def _set(project: Project, action: Action, by: object, request: HttpRequest | None, **values: Any) -> None:
    with transaction.atomic():
        for name, value in values.items():
            setattr(project, name, value)
        project.save(update_fields=list(values))
        note(action, by=by, project=project, target=project.slug, request=request)
    known_keys.forget(project=project)  # other processes follow when they ask again, within half a minute


def to_purge(now: datetime) -> list[Project]:
    return list(Project.objects.filter(delete_after__lte=now).order_by("pk"))


def purge(project_id: int, now: datetime) -> bool:
    """Delete a project whose grace period is over, with all that belongs to it. False where it was restored
    meanwhile, or is gone."""
    project = Project.objects.filter(pk=project_id, delete_after__lte=now).first()
    if project is None:
        return False
    for gone in registry.purges.values():
        gone(project)
    with transaction.atomic():
        if not Project.objects.select_for_update().filter(pk=project_id, delete_after__lte=now).exists():
            return False
        note(Action.PROJECT_PURGED, by="the installation", target=project.slug)
        project.delete()
    return True


def demo_of(user: User) -> Project | None:
    """The demo that they own."""
    mine = Project.objects.filter(memberships__user=user, memberships__role=Role.OWNER)
    return mine.filter(demo=True, delete_after=None).order_by("pk").first()


def create_demo(owner: User, title: str, *, request: HttpRequest | None = None) -> tuple[Project, bool]:
    """Their demo, one a user, and whether it was made just now."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)  # two clicks at once lead to one
        found = demo_of(owner)
        if found is not None:
            return found, False
        User.objects.filter(pk=owner.pk).update(demo_removed=None)
        return create_named(title, owner, demo=True, request=request), True


def remove_demo(project: Project, now: datetime, *, by: User, request: HttpRequest | None = None) -> None:
    """Nobody finds it any more, and the next purge deletes it. Raises ValueError for a project that is no demo."""
    if not project.demo:
        raise ValueError(f"{project.slug} is no demo.")
    with transaction.atomic():
        _set(project, Action.PROJECT_DELETED, by, request, delete_after=now)
        project.memberships.all().delete()
        User.objects.filter(pk=by.pk).update(demo_removed=now)


def owner_by_email(email: str) -> User:
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise ValidationError(f"There is no user {email}. Let them sign up, or add them in the admin, under Users.")
    return user
