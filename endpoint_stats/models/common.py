"""What several tables share."""

from django.db import models

from accounts.models import Project

MAX_NAME = 2000  # characters of a route; longer paths are cut by the sources


def project_field() -> models.ForeignKey:
    """The project of a row. Not checked by the database: rows and project may live on different nodes."""
    return models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
