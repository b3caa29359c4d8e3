"""How often something that could be guessed was tried."""

from django.db import models


class Attempts(models.Model):
    """Attempts of one kind by one source within a window. In a table, since a cache may be away, or forget."""

    key = models.CharField(max_length=64, primary_key=True, help_text="Digest of what was tried by or on whom.")
    ends = models.DateTimeField(db_index=True, help_text="End of the window; what is over counts for nothing.")
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.count}"
