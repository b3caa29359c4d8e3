"""What a project takes in by requests, in this process: encoders that remember, the names it has, and its group."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from threading import Lock
from uuid import UUID

from django.db import InterfaceError, OperationalError

from accounts.clients import anonymised
from accounts.models import ApiKey, Project
from endpoint_stats.aggregate.fold import Hits
from endpoint_stats.aggregate.receipts import Entry, Sampled
from endpoint_stats.ids import name_key
from endpoint_stats.ingest.encode import Encoder
from endpoint_stats.ingest.settings import route_rules, settings_of
from endpoint_stats.ingest.sources.base import Source
from endpoint_stats.models import ProjectSettings
from endpoint_stats.routes.rules import RouteRules
from endpoint_stats.store.compact import compact_live
from endpoint_stats.store.counting import counting_sources, received_since
from endpoint_stats.store.live import Acknowledged, Added, Identity, Points, Sent, append
from endpoint_stats.store.names import NewNames, ProjectNames, caps_of
from endpoint_stats.store.streams import append_points

from .group import Group
from .parts import Part, added_by
from .quota import Bucket
from .samples import Kept, shown_path

AHEAD, BEHIND = timedelta(minutes=10), timedelta(days=7)
LOOK = 5.0  # seconds between two looks at the journal's length
FRESH = 5.0  # seconds for which settings are taken as they were read
MAX_ENCODERS = 8  # of one project: a source, a format and a service each
MAX_DOORS = 64
REMEMBER = 20_000  # values of one slot: there are many projects, and many processes

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivery:
    """One request that was read and encoded."""

    key: ApiKey
    source: str
    received: int
    part: Part | None
    rejected: dict[str, int] = field(default_factory=dict)
    refused: list[dict[str, object]] = field(default_factory=list)
    identity: Identity | None = None


class Door:
    """One project's; one for each process. Threads may come in at any time."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.encoding = Lock()  # encoders remember what they see, and are one thread's at a time
        self.group: Group[Sent, Acknowledged] = Group(self._commit, shared=(OperationalError, InterfaceError))
        self.kept = Kept()
        self.buckets: dict[str, Bucket] = {}
        self._read = float("-inf")
        self.settings = ProjectSettings(project=project)
        self.rules = RouteRules()
        self.counting: dict[str, str] = {}
        self.names: ProjectNames | None = None
        self.compacting = Lock()
        self._looked = time.monotonic()
        self.metering = Lock()
        self.metered: ProjectNames | None = None  # the same for points: names are one thread's at a time
        self.encoders: OrderedDict[tuple[Source, str], Encoder] = OrderedDict()

    def refresh(self) -> None:
        """Read the project's settings again where they were read long ago."""
        if time.monotonic() - self._read < FRESH:
            return
        settings = settings_of(self.project)
        rules = route_rules(self.project, settings)
        counting = counting_sources(self.project.pk)
        with self.encoding:
            if rules != self.rules:
                self.encoders.clear()
            if self.names is None or self.names.caps != caps_of(settings):
                self.names = ProjectNames(settings)
            self.settings, self.rules, self.counting = settings, rules, counting
            self._read = time.monotonic()

    def keep_quotas(self, key: ApiKey, hits: int) -> None:
        """Raises OverQuota where the key or the project may not send so many now."""
        for name, what, limit in (
            (key.prefix, "This key", key.hits_per_minute),
            ("", "This project", self.settings.hits_per_minute),
        ):
            if limit is None:
                continue
            bucket = self.buckets.get(name)
            if bucket is None or bucket.limit != limit:
                bucket = self.buckets[name] = Bucket(what, limit, received_since(self.project.pk, name))
            bucket.take(hits)

    def encoder(self, source: Source, service: str, now: datetime) -> Encoder:
        """The encoder of a source. The caller holds ``encoding``."""
        key = (source, service)
        found = self.encoders.get(key)
        if found is None:
            found = self.encoders[key] = Encoder(source, self.rules, service, 0, remember=REMEMBER)
            while len(self.encoders) > MAX_ENCODERS:
                self.encoders.popitem(last=False)
        self.encoders.move_to_end(key)
        found.latest, found.earliest = int((now + AHEAD).timestamp()), int((now - BEHIND).timestamp())
        return found

    def deliver(self, delivery: Delivery, now: datetime) -> Acknowledged:
        """Commit, with whatever others send just now. Raises OperationalError where the database is away."""
        done = self.group.submit(self._sent(delivery, now))
        self._keep_journal_short()
        return done

    def deliver_points(self, delivery: Delivery, points: Points, now: datetime) -> Acknowledged:
        """Commit points of metrics, alone: what they add depends on what their streams had before."""
        with self.metering:
            if self.metered is None or self.metered.caps != caps_of(self.settings):
                self.metered = ProjectNames(self.settings)
            return append_points(self.project.pk, self._sent(delivery, now), points, self.metered, now)

    def _keep_journal_short(self) -> None:
        """Compact some of a journal that nobody else compacts: every few seconds one thread looks, the others go on."""
        if time.monotonic() - self._looked < LOOK or not self.compacting.acquire(blocking=False):
            return
        try:
            self._looked = time.monotonic()
            compact_live(self.project.pk)
        except Exception:
            # What was sent is committed: whatever fails from here on, its sender must not send it again.
            logger.warning("The journal of project %s could not be compacted", self.project.pk, exc_info=True)
        finally:
            self.compacting.release()

    def _sent(self, delivery: Delivery, now: datetime) -> Sent:
        part = delivery.part
        hour = int(now.timestamp()) // 3600 * 60
        entry = Entry(
            batch_id(self.project.pk, delivery.source, delivery.key.prefix, hour).bytes,
            delivery.source,
            delivery.key.prefix,
            hour,
            int(now.timestamp()),
            delivery.received,
            delivery.received - sum(delivery.rejected.values()),
            rejected=delivery.rejected,
            refused=delivery.refused,
        )
        if part is not None and len(part):
            entry.first, entry.last = part.span
        return Sent(delivery.key.pk, entry, delivery.identity, part)

    def _commit(self, sent: Sequence[Sent]) -> list[Acknowledged]:
        names = self.names
        assert names is not None  # refresh() came before
        return append(self.project.pk, sent, lambda some: self._added(names, some), names, datetime.now(UTC))

    def _added(self, names: ProjectNames, sent: Sequence[Sent]) -> Added:
        parts = [one.hits for one in sent if one.hits is not None]
        added = added_by(parts, names)
        if self.settings.sample_days:
            added.samples = self._samples(parts, names, added.new)
        return added

    def _samples(self, parts: Sequence[Part], names: ProjectNames, new: NewNames) -> list[Sampled]:
        """Of all parts, those that do not count among them; of endpoints that have a row of their own."""
        chosen = []
        for part in parts:
            listed = part.names.endpoints.listed
            for row, kind, hit in self.kept.candidates(part.hits, part.names):
                endpoint = name_key(*listed[hit.endpoint][:3])
                if self.kept.may_want(hit.seconds // 60, endpoint, kind, hit.duration):
                    chosen.append((part, row, kind, hit, endpoint))
                elif isinstance(part.hits, Hits):
                    self.kept.note(part.names, kind, hit, endpoint)
        if not chosen:
            return []
        known = names.with_rows((endpoint for *_, endpoint in chosen), new)
        shown = self.settings.query_parameters.split()
        found = []
        for part, row, kind, hit, endpoint in chosen:
            if endpoint not in known or not self.kept.wants(hit.seconds // 60, endpoint, kind, hit.duration):
                continue
            self.kept.note(part.names, kind, hit, endpoint)
            request = part.describe(row)
            found.append(
                Sampled(
                    hit.seconds // 60,
                    endpoint,
                    hit.seconds % 60,
                    bool(kind),
                    hit.status,
                    None if hit.duration < 0 else (hit.duration + 500) // 1000,
                    shown_path(request.path, shown),
                    request.consumer,
                    request.version,
                    request.trace_id,
                    anonymised(request.client_address) if self.settings.client_addresses else "",
                )
            )
        return found


def batch_id(project_id: int, source: str, key_prefix: str, hour: int) -> UUID:
    """Of the ledger's row for what a key sends by a source in an hour: the same in every process."""
    text = f"{project_id}:{source}:{key_prefix}:{hour}".encode()
    return UUID(bytes=blake2b(text, digest_size=16, person=b"ledger").digest(), version=5)


_doors: OrderedDict[int, Door] = OrderedDict()
_doors_lock = Lock()


def door_of(project: Project) -> Door:
    with _doors_lock:
        found = _doors.get(project.pk)
        if found is None:
            found = _doors[project.pk] = Door(project)
            while len(_doors) > MAX_DOORS:
                _doors.popitem(last=False)
        _doors.move_to_end(project.pk)
    found.refresh()
    return found


def close_doors() -> None:
    """Forget all: for tests, whose databases come and go."""
    with _doors_lock:
        _doors.clear()
