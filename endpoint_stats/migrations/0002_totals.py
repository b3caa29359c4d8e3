"""Rollups of all endpoints together, filled from those by endpoint."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import endpoint_stats.migration_operations

SUMS = ("requests", "client_errors", "errors", "timed", "duration_us", "request_bytes", "response_bytes")


def sums() -> list[tuple[str, models.Field]]:
    """The columns that every rollup table has."""
    counts = ("requests", "client_errors", "errors")
    sizes = ("duration_us", "request_bytes", "response_bytes")
    return [
        *((name, models.BigIntegerField()) for name in counts),
        ("timed", models.BigIntegerField(help_text="Requests with a duration.")),
        *((name, models.BigIntegerField()) for name in sizes),
        (
            "error_extra",
            models.SmallIntegerField(help_text="Relative error beyond the sketch's own, in 1/10,000."),
        ),
        ("words", models.BinaryField()),
    ]


def create_total(name: str) -> migrations.CreateModel:
    key = ("project_id", "time", "release", "traffic")
    return endpoint_stats.migration_operations.CreateVolumeTable(
        name=name,
        fields=[
            *sums(),
            (
                "pk",
                models.CompositePrimaryKey(*key, blank=True, editable=False, primary_key=True, serialize=False),
            ),
            ("time", models.IntegerField()),
            ("release", models.BigIntegerField()),
            ("traffic", models.SmallIntegerField()),
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
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def step(self, part: bytes) -> None:
        self.parts.append(part)

    def finalize(self) -> bytes:
        return b"".join(self.parts)


def fill(apps: Any, schema_editor: Any) -> None:
    """Packed words may be joined as they are (aggregate/words.py); the next compaction packs them anew."""
    connection = schema_editor.connection
    if connection.alias != "default":
        return
    join = "string_agg(words, ''::bytea)"
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate("join_all_words", 1, JoinWords)
        join = "join_all_words(words)"
    key = "project_id, time, release, traffic"
    added = ", ".join(f"CAST(sum({name}) AS bigint)" for name in SUMS)
    with connection.cursor() as cursor:
        for level in ("minute", "hour", "day"):
            cursor.execute(
                f"INSERT INTO endpoint_stats_total{level} ({key}, {', '.join(SUMS)}, error_extra, words)"
                f" SELECT {key}, {added}, max(error_extra), {join} FROM endpoint_stats_rollup{level} GROUP BY {key}"
            )


class Migration(migrations.Migration):
    dependencies = (
        ("accounts", "0001_initial"),
        ("endpoint_stats", "0001_initial"),
    )
    operations = (
        create_total("TotalDay"),
        create_total("TotalHour"),
        create_total("TotalMinute"),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    )
