"""The row that is a project's lock, data version and floors."""

from django.db import connection, transaction

from endpoint_stats.models import StoreState


def ensure(project_id: int) -> None:
    StoreState.objects.bulk_create([StoreState(project_id=project_id)], ignore_conflicts=True)


def lock(project_id: int) -> StoreState:
    """The project's state, held until the transaction ends: one writer of its rollups at a time.

    SQLite needs no row lock: every write transaction is the only one (BEGIN IMMEDIATE).
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A project's state is locked inside a transaction only.")
    ensure(project_id)
    states = StoreState.objects.filter(project_id=project_id)
    return states.select_for_update().get() if connection.features.has_select_for_update else states.get()
