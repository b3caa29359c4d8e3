"""Migration operations of our own."""

from typing import Any

from django.db import migrations


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
