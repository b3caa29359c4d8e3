"""When consumers and versions were first and last seen, whatever range a page shows."""

from dataclasses import dataclass
from datetime import datetime

from endpoint_stats.aggregate.buckets import moment_of
from endpoint_stats.models import Consumer, Named, Release

Name = tuple[str, ...]
# What names are told apart by, of each kind that can be asked for.
KINDS: dict[str, tuple[type[Named], Name]] = {
    "consumer": (Consumer, ("name",)),
    "release": (Release, ("service", "version")),
}


@dataclass(frozen=True, slots=True)
class Seen:
    first: datetime
    last: datetime  # of consumers the beginning of the hour


def seen(project_id: int, kind: str) -> dict[Name, Seen]:
    """By name, as KINDS has it. What only waits in the journal is not there yet."""
    model, columns = KINDS[kind]
    rows = model._default_manager.filter(project_id=project_id, first_seen__isnull=False)
    return {
        tuple(name): Seen(moment_of(first), moment_of(last))
        for first, last, *name in rows.values_list("first_seen", "last_seen", *columns)
    }


def label(name: Name) -> str:
    """As pages say it."""
    return " ".join(filter(None, name))
