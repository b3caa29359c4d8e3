"""What a new project begins with: a channel to its owners, a policy, and rules that fit low traffic."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db import transaction

from accounts.models import Project
from alerts.models import Channel, Policy, Rule

from . import rules


@cache
def listed() -> tuple[rules.Wanted, ...]:
    """Of config/alert_rules.yaml. Raises ValueError for a file that says something else."""
    path = Path(settings.BASE_DIR) / "config" / "alert_rules.yaml"
    given: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return tuple(rules.Wanted(**one) for one in given)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error


def add(project: Project) -> None:
    """Once; to a project that has a rule or a channel nothing is added."""
    with transaction.atomic():
        if Rule.objects.filter(project=project).exists() or Channel.objects.filter(project=project).exists():
            return
        owners = Channel.objects.create(
            project=project, kind="email", name="Owners by e-mail", config={"members": "owners"}
        )
        Policy.objects.create(
            project=project, name="Owners", default=True, levels=[{"after": 0, "channels": [str(owners.pk)]}]
        )
        for wanted in listed():
            rules.create(project, wanted, by=None)
