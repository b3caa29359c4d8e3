from typing import Any

from django.db import migrations, models

# Of each kind of name, the smallest tables that have its key, the coarsest first: it reaches back furthest.
LEVELS = {
    "endpoint": ("rollupday", "rolluphour", "rollupminute"),
    "release": ("totalday", "totalhour", "totalminute"),
    "consumer": ("consumerday", "consumerhour"),
}


def fill(apps: Any, schema_editor: Any) -> None:
    """From what is there, as finely as it is still kept."""
    connection = schema_editor.connection
    if connection.alias != "default":
        return  # the database of the cache has none of these tables
    latest = "greatest" if connection.vendor == "postgresql" else "max"
    with connection.cursor() as cursor:
        for kind, levels in LEVELS.items():
            for level in levels:
                cursor.execute(
                    f"UPDATE endpoint_stats_{kind} AS n SET last_seen = {latest}(coalesce(n.last_seen, k.last), k.last),"
                    " first_seen = CASE WHEN n.first_seen IS NULL OR k.first - n.first_seen < 1440 THEN k.first"
                    " ELSE n.first_seen END"
                    f" FROM (SELECT project_id, {kind} AS key, min(time) AS first, max(time) AS last"
                    f" FROM endpoint_stats_{level} GROUP BY project_id, {kind}) AS k"
                    " WHERE n.project_id = k.project_id AND n.key = k.key"
                )


def moments(model: str) -> list[Any]:
    return [
        migrations.AddField(model, name, models.IntegerField(null=True, editable=False))
        for name in ("first_seen", "last_seen")
    ]


class Migration(migrations.Migration):
    dependencies = (("endpoint_stats", "0004_bots_and_empty_texts"),)
    operations = (
        *moments("consumer"),
        *moments("endpoint"),
        *moments("release"),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    )
