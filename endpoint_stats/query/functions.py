"""What SQLite lacks, added to each connection as it opens.

Imported by ``AppConfig.ready()``: a connection that was opened before would lack it for as long as it lives.
"""

from typing import Any

from django.db.backends.signals import connection_created
from django.dispatch import receiver


class _JoinWords:
    """Concatenation of blobs as an aggregate, as PostgreSQL's ``string_agg``."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.step = self.parts.append

    def finalize(self) -> bytes:
        return b"".join(self.parts)


@receiver(connection_created)
def add_aggregate(sender: Any, connection: Any, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate("join_words", 1, _JoinWords)
