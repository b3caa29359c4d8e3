"""Rollups of each consumer's endpoints together, filled from those by endpoint."""

from typing import Any

from django.db import migrations, models

from endpoint_stats.migration_operations import create_rollup, fill_rollups


def fill(apps: Any, schema_editor: Any) -> None:
    tables = {"callerday": "consumerday", "callerhour": "consumerhour"}
    fill_rollups(schema_editor.connection, tables, "consumer")


class Migration(migrations.Migration):
    dependencies = (("endpoint_stats", "0006_fill_seen"),)
    operations = (
        create_rollup("CallerDay", consumer=models.BigIntegerField()),
        create_rollup("CallerHour", consumer=models.BigIntegerField()),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    )
