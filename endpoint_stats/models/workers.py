"""Signs of life of the installation's parts."""

from typing import ClassVar

from django.db import models


class Beat(models.Model):
    """The last time a part of the installation was seen alive: a worker's canary, a scheduler's tick."""

    name = models.CharField(max_length=60, primary_key=True)
    asked = models.DateTimeField(null=True, help_text="When the canary was sent.")
    answered = models.DateTimeField(null=True, help_text="When it came back, or the part last ticked.")
    host = models.CharField(max_length=255, blank=True)
    pid = models.IntegerField(null=True)

    objects: ClassVar[models.Manager["Beat"]] = models.Manager()

    def __str__(self) -> str:
        return self.name


class JobRun(models.Model):
    """When a periodic job was last enqueued; claimed by conditional update, so two schedulers never double it."""

    name = models.CharField(max_length=60, primary_key=True)
    due = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
