"""What the models say is what the migrations make."""

import pytest
from django.core.management import call_command


@pytest.mark.django_db(databases=["default", "local"])
def test_no_model_was_changed_without_a_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
