"""What can be done with users and projects; views and commands call these and nothing below them."""

from django.core.exceptions import ValidationError
from django.db import transaction

from .keys import KeyHolder
from .models import Membership, Project, Role, User


def create_project(slug: str, *, owner: User | None = None, name: str = "", time_zone: str = "UTC") -> Project:
    """A new project, with ``owner`` as its owner. Raises ValidationError with one sentence a field."""
    project = Project(slug=slug, name=name or slug.replace("-", " ").capitalize(), time_zone=time_zone)
    project.full_clean()
    with transaction.atomic():
        project.save()
        if owner is not None:
            Membership.objects.create(project=project, user=owner, role=Role.OWNER)
    return project


def visible_projects(user: object):  # type: ignore[no-untyped-def]
    """The projects that ``user`` is a member of, by slug; for a key's holder its one. Nobody and strangers see none."""
    if isinstance(user, KeyHolder):
        return Project.objects.filter(pk=user.key.project_id)
    if not isinstance(user, User) or not user.is_active:
        return Project.objects.none()
    return Project.objects.filter(memberships__user=user).order_by("slug")


def may_edit(user: object, project: Project) -> bool:
    """Whether ``user`` is an owner or editor of the project."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return project.memberships.filter(user=user, role__in=(Role.OWNER, Role.EDITOR)).exists()


def find_project(user: object, slug: str) -> Project | None:
    """The project ``slug`` if ``user`` may see it; None for a foreign one exactly as for a missing one."""
    return visible_projects(user).filter(slug=slug).first()


def owner_by_email(email: str) -> User:
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise ValidationError(f"There is no user {email}. Create one with: manage.py createsuperuser --email {email}")
    return user
