"""Everything of a project leaves, when the project itself is about to."""

from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

ROWS_A_ROUND = 20_000  # so that nobody waits for the lock for long


def purge(project_id: int) -> int:
    """Delete the rows of a project in every table of this app, in short transactions. Returns how many. May be called
    again where it was killed."""
    return sum(_delete_all(model, project_id) for model in tables())


def tables() -> list[type[models.Model]]:
    """The models whose rows belong to a project."""
    found = apps.get_app_config("endpoint_stats").get_models()
    return [model for model in found if any(field.name == "project" for field in model._meta.fields)]


def _delete_all(model: type[models.Model], project_id: int) -> int:
    meta: Any = model._meta
    table = connection.ops.quote_name(meta.db_table)
    key = ", ".join(field.column for field in meta.pk_fields)
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE project_id = %s AND ({key}) IN"
                f" (SELECT {key} FROM {table} WHERE project_id = %s LIMIT {ROWS_A_ROUND})",
                [project_id, project_id],
            )
            count = cursor.rowcount
        deleted += count
        if count < ROWS_A_ROUND:
            return deleted
