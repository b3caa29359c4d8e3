from typing import Any

from django.db import migrations, models


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
        migrations.AddField("storestate", "taken_from", models.IntegerField(null=True)),
        migrations.AddField("storestate", "taken_to", models.IntegerField(null=True)),
    )
