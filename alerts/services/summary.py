"""What every page of a project says of its alerts: how much is open, and what must be looked at now. One statement,
since it stands on every page."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import Project
from alerts.data import Severity
from alerts.models import Incident


@dataclass(frozen=True, slots=True)
class Paging:
    """The open incidents that page: the oldest, and how many there are besides. ``acknowledged``: all of them.
    ``zone``: the project's as it is stored, while a form may hold another one that is none."""

    id: UUID
    title: str
    started: datetime
    others: int
    acknowledged: bool
    zone: str


@dataclass(frozen=True, slots=True)
class Summary:
    open: int
    paging: Paging | None


def summary(project: Project) -> Summary:
    mine = Incident.objects.filter(project=OuterRef("pk"))
    paging = mine.filter(ended=None, severity=Severity.PAGE)
    oldest = paging.order_by("started", "id")
    first = {name: Subquery(oldest.values(name)[:1]) for name in ("id", "title", "started")}
    row = (
        Project.objects.filter(pk=project.pk)
        .values_list(
            "time_zone",
            _count(mine.filter(ended=None)),
            _count(paging),
            _count(paging.filter(acknowledged=None)),
            *first.values(),
        )
        .get()
    )
    zone, open_ones, pages, unseen, id, title, started = row
    found = Paging(id, title, started, pages - 1, unseen == 0, zone) if pages else None
    return Summary(open_ones, found)


def _count(rows: QuerySet[Incident]) -> Coalesce:
    counted = rows.order_by().values("project").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
