"""The audit log's lines about alerts, and rows that can be had back."""

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from accounts.audit import Action, note
from accounts.models import Project, User


def noted(
    project: Project,
    what: str,
    *,
    by: User,
    request: HttpRequest | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """A line of the project's audit log. Secrets have no place in it, nor has what may be one."""
    note(Action.PROJECT_CHANGED, by=by, project=project, target=what, details=details, request=request)


def packed(row: Model) -> dict[str, Any]:
    """A row as JSON takes it, to the microsecond, to be brought back by ``unpacked``; for the session of who deletes
    it, which is the server's."""
    held = {
        field.attname: None if getattr(row, field.attname) is None else field.value_to_string(row)
        for field in row._meta.concrete_fields
    }
    return {"model": row._meta.label, "fields": held}


def unpacked(kept: Mapping[str, Any], project: Project) -> Any:
    """The row, not saved. Raises ValidationError where it is of another project, or of a shape that is gone."""
    try:
        model = apps.get_model(kept["model"])
        fields = {field.attname: field for field in model._meta.concrete_fields}
        held = {name: None if text is None else fields[name].to_python(text) for name, text in kept["fields"].items()}
    except LookupError as error:
        raise ValidationError("That cannot be undone any more. Make it anew.") from error
    if held.get("project_id") != project.pk:
        raise ValidationError("That was of another project. Undo it there.")
    return model(**held)
