"""The tables of the core.

*Volume tables* (journal, rollups, folded forms, places) have a composite primary key that begins with the
project, no foreign key that the database checks, and ids made by the application, so that they can be spread
over a cluster (docs/scaling.md). Times of buckets are whole minutes since 1970-01-01 UTC.
"""

from .arrivals import Heard, Sample, Stream
from .common import MAX_NAME
from .ledger import Batch, Folded, Journal, Place, Receipt, SourceKind
from .names import Consumer, Endpoint, Named, Release
from .project import CountingSource, ProjectSettings, RoutePattern, StoreState, validate_trace_url
from .rollups import (
    CALLERS,
    CONSUMERS,
    FAMILIES,
    HITS,
    TOTALS,
    CallerDay,
    CallerHour,
    ConsumerDay,
    ConsumerHour,
    Family,
    RollupDay,
    RollupHour,
    RollupMinute,
    TotalDay,
    TotalHour,
    TotalMinute,
)
from .sharing import SharedLink
from .suggestions import Dismissal
from .uploads import Upload
from .workers import Beat, JobRun

__all__ = [
    "CALLERS",
    "CONSUMERS",
    "FAMILIES",
    "HITS",
    "MAX_NAME",
    "TOTALS",
    "Batch",
    "Beat",
    "CallerDay",
    "CallerHour",
    "Consumer",
    "ConsumerDay",
    "ConsumerHour",
    "CountingSource",
    "Dismissal",
    "Endpoint",
    "Family",
    "Folded",
    "Heard",
    "JobRun",
    "Journal",
    "Named",
    "Place",
    "ProjectSettings",
    "Receipt",
    "Release",
    "RollupDay",
    "RollupHour",
    "RollupMinute",
    "RoutePattern",
    "Sample",
    "SharedLink",
    "SourceKind",
    "StoreState",
    "Stream",
    "TotalDay",
    "TotalHour",
    "TotalMinute",
    "Upload",
    "validate_trace_url",
]
