"""By itself, since it reads all rollups: columns that were added in the same transaction would be locked meanwhile."""

from typing import Any

from django.db import migrations

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
                # A bucket of the level before tells less than this one, if this one still has all of that bucket.
                floor = "hour_floor" if level.endswith("hour") else "minute_floor"
                kept = f"(SELECT s.{floor} FROM endpoint_stats_storestate s WHERE s.project_id = n.project_id)"
                better = f"n.first_seen >= coalesce({kept}, 0)"
                cursor.execute(
                    f"UPDATE endpoint_stats_{kind} AS n SET last_seen = {latest}(coalesce(n.last_seen, k.last), k.last),"
                    f" first_seen = CASE WHEN n.first_seen IS NULL OR {better} THEN k.first"
                    " ELSE n.first_seen END"
                    f" FROM (SELECT project_id, {kind} AS key, min(time) AS first, max(time) AS last"
                    f" FROM endpoint_stats_{level} GROUP BY project_id, {kind}) AS k"
                    " WHERE n.project_id = k.project_id AND n.key = k.key"
                )


class Migration(migrations.Migration):
    dependencies = (("endpoint_stats", "0005_seen"),)
    operations = (migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),)
