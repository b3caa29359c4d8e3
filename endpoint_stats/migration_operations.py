"""Migration operations of our own."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

SUMS = ("requests", "client_errors", "errors", "timed", "duration_us", "request_bytes", "response_bytes")


class CreateVolumeTable(migrations.CreateModel):
    """CREATE TABLE for a table with a composite key that is read by that key: on SQLite WITHOUT ROWID, so that
    a row is stored once, in the order of its key (a third of the size of table and index apart)."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if schema_editor.connection.vendor != "sqlite" or not self.allow_migrate_model(
            schema_editor.connection.alias, model
        ):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        sql, parameters = schema_editor.table_sql(model)
        schema_editor.execute(f"{sql} WITHOUT ROWID", parameters or None)
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))


def create_rollup(name: str, **key: models.Field) -> CreateVolumeTable:
    """A table of counts by project, time and the columns ``key``."""
    counts = ("requests", "client_errors", "errors")
    sizes = ("duration_us", "request_bytes", "response_bytes")
    primary = ("project_id", "time", *key)
    return CreateVolumeTable(
        name=name,
        fields=[
            *((column, models.BigIntegerField()) for column in counts),
            ("timed", models.BigIntegerField(help_text="Requests with a duration.")),
            *((column, models.BigIntegerField()) for column in sizes),
            (
                "error_extra",
                models.SmallIntegerField(help_text="Relative error beyond the sketch's own, in 1/10,000."),
            ),
            ("words", models.BinaryField()),
            (
                "pk",
                models.CompositePrimaryKey(*primary, blank=True, editable=False, primary_key=True, serialize=False),
            ),
            ("time", models.IntegerField()),
            *key.items(),
            (
                "project",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.DO_NOTHING,
                    related_name="+",
                    to="accounts.project",
                ),
            ),
        ],
        options={"abstract": False},
    )


class JoinWords:
    """An aggregate for SQLite."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def step(self, part: bytes) -> None:
        self.parts.append(part)

    def finalize(self) -> bytes:
        return b"".join(self.parts)


def fill_rollups(connection: Any, tables: dict[str, str], *key: str) -> None:
    """Each table from the finer one that it is named with, added up by project, time and ``key``. Packed words may be
    joined as they are (aggregate/words.py); the next compaction packs them anew."""
    if connection.alias != "default":
        return
    join = "string_agg(words, ''::bytea)"
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate("join_all_words", 1, JoinWords)
        join = "join_all_words(words)"
    columns = ", ".join(("project_id", "time", *key))
    added = ", ".join(f"CAST(sum({name}) AS bigint)" for name in SUMS)
    with connection.cursor() as cursor:
        for table, source in tables.items():
            cursor.execute(
                f"INSERT INTO endpoint_stats_{table} ({columns}, {', '.join(SUMS)}, error_extra, words)"
                f" SELECT {columns}, {added}, max(error_extra), {join} FROM endpoint_stats_{source} GROUP BY {columns}"
            )
