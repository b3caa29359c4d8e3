"""Rollups of all endpoints together, filled from those by endpoint."""

from typing import Any

from django.db import migrations, models

from endpoint_stats.migration_operations import create_rollup, fill_rollups

LEVELS = ("day", "hour", "minute")


def create_total(name: str) -> migrations.CreateModel:
    return create_rollup(name, release=models.BigIntegerField(), traffic=models.SmallIntegerField())


def fill(apps: Any, schema_editor: Any) -> None:
    tables = {f"total{level}": f"rollup{level}" for level in LEVELS}
    fill_rollups(schema_editor.connection, tables, "release", "traffic")


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
