"""Who is told, when, and how often again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.models import Project, User
from alerts.models import Channel, Policy, Rule

from .noting import noted, packed, unpacked

MOST_POLICIES, MOST_LEVELS = 50, 5
LONGEST = 7 * 24 * 60  # minutes, until a level is told and between reminders
SHORTEST = 5  # minutes between reminders
FIRST = "Everyone"


@dataclass(frozen=True, slots=True)
class Level:
    """after: minutes since the first were told."""

    after: int
    channels: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    name: str
    levels: Sequence[Level]
    repeat: int = 0
    default: bool = False


def make_first(channel: Channel, *, by: User, request: HttpRequest | None = None) -> None:
    """A project's first channel is told of all that is wrong, until somebody says otherwise."""
    if Policy.objects.filter(project=channel.project).exists():
        return
    levels = [{"after": 0, "channels": [str(channel.pk)]}]
    Policy.objects.create(project=channel.project, name=FIRST, levels=levels, default=True)
    noted(channel.project, f"policy {FIRST}: added with channel {channel}", by=by, request=request)


def save(
    project: Project, wanted: Wanted, policy: Policy | None = None, *, by: User, request: HttpRequest | None = None
) -> Policy:
    """Made, or changed. Raises ValidationError."""
    levels = _checked(project, wanted)
    made = policy is None
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        others = Policy.objects.filter(project=project)
        if policy is None and others.count() >= MOST_POLICIES:
            raise ValidationError(f"{MOST_POLICIES} policies are the most. Delete one that nobody needs.")
        policy = policy or Policy(project=project)
        if policy.default and not wanted.default:
            raise ValidationError("Rules that name no policy need one. Make another one the default in its place.")
        default = wanted.default or not others.exists()
        if default:
            others.exclude(pk=policy.pk).update(default=False)
        policy.name, policy.levels = wanted.name.strip(), levels
        policy.repeat_minutes, policy.default = wanted.repeat, default
        _save(policy)
        noted(project, f"policy {policy}: {'added' if made else 'changed'}", by=by, request=request)
    return policy


def _save(policy: Policy) -> None:
    try:
        policy.full_clean(exclude=["project", "levels"], validate_constraints=False)
        with transaction.atomic():
            policy.save()
    except IntegrityError as error:
        raise ValidationError(f"There is a policy “{policy.name}” already. Choose another name.") from error


def _checked(project: Project, wanted: Wanted) -> list[dict[str, object]]:
    """The levels as they are stored. Raises ValidationError."""
    levels = [level for level in wanted.levels if level.channels]
    if not wanted.name.strip():
        raise ValidationError("Say what the policy is called, by which rules choose it.")
    if not levels:
        raise ValidationError("Choose a channel that is told first: else nobody would be.")
    if len(levels) > MOST_LEVELS:
        raise ValidationError(f"{MOST_LEVELS} levels are the most.")
    times = [0, *(level.after for level in levels[1:])]
    if any(later <= earlier for earlier, later in pairwise(times)) or times[-1] > LONGEST:
        raise ValidationError(
            f"Each level comes later than the one before it, and within {LONGEST:,} minutes (a week)."
        )
    if wanted.repeat and not SHORTEST <= wanted.repeat <= LONGEST:
        raise ValidationError(f"Reminders come every {SHORTEST} to {LONGEST:,} minutes, or never (0).")
    ids = {id for level in levels for id in level.channels}
    known = set(Channel.objects.filter(project=project, pk__in=ids).values_list("pk", flat=True))
    if ids - known:
        raise ValidationError("One of the channels is gone. Choose among those that are listed.")
    return [
        {"after": after, "channels": [str(id) for id in level.channels]}
        for after, level in zip(times, levels, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is needed to have it back."""

    row: dict[str, Any]
    rules: list[str]


def delete(policy: Policy, *, by: User, request: HttpRequest | None = None) -> Deleted:
    """Rules that use it are told by the default one from now on. Raises ValidationError for that one itself."""
    if policy.default:
        raise ValidationError(
            f"“{policy}” is for rules that name no policy, so it cannot be deleted. Make another one the default first."
        )
    with transaction.atomic():
        rules = [str(id) for id in Rule.objects.filter(policy=policy).values_list("pk", flat=True)]
        kept = Deleted(packed(policy), rules)
        policy.delete()
        noted(policy.project, f"policy {policy}: deleted", by=by, request=request, details={"rules": len(rules)})
    return kept


def restore(project: Project, kept: Deleted, *, by: User, request: HttpRequest | None = None) -> Policy:
    """With the rules that used it, unless they were given another one meanwhile. Raises ValidationError."""
    policy: Policy = unpacked(kept.row, project)
    with transaction.atomic():
        _save(policy)
        Rule.objects.filter(project=project, pk__in=kept.rules, policy=None).update(policy=policy)
        noted(project, f"policy {policy}: brought back", by=by, request=request)
    return policy
