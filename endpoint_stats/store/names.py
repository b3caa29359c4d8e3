"""From the names in a Delta to the keys of rollup rows: known ones, new ones, and ``{other}`` past the cap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from django.db.models import Model

from endpoint_stats.aggregate.fold import Delta, EndpointName
from endpoint_stats.aggregate.table import CONSUMER_KEYS, HIT_KEYS, Ints, Table, combine, empty, with_keys
from endpoint_stats.ids import name_key, row_id
from endpoint_stats.models import Consumer, Endpoint, ProjectSettings, Release
from endpoint_stats.routes.rules import OTHER, STATIC, UNMATCHED

GROUPS = (STATIC, UNMATCHED, OTHER)
SETTLED = 100_000  # names of a kind remembered with their keys: a log names the same endpoints in every piece


class _Known:
    """The keys of one kind of name that a project has, up to its cap."""

    def __init__(self, model: type[Endpoint] | type[Release] | type[Consumer], project_id: int, cap: int) -> None:
        self.model, self.project_id, self.cap = model, project_id, cap
        self.keys: set[int] = set(model.objects.filter(project_id=project_id).values_list("key", flat=True))

    def refresh(self, keys: Iterable[int]) -> None:
        """Learn which of ``keys`` another process has added."""
        if len(self.keys) >= self.cap or all(key in self.keys for key in keys):
            return
        rows = self.model.objects.filter(project_id=self.project_id)
        # All of them, not only those asked for: several processes keep to one cap.
        if rows.count() != len(self.keys):
            self.keys.update(rows.values_list("key", flat=True))


@dataclass(slots=True)
class NewNames:
    """The rows of names that must be there before what is counted under them, and their keys by kind."""

    rows: list[Model] = field(default_factory=list)
    keys: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class Resolved:
    """Tables under the project's keys, and the names that are new."""

    hits: Table
    by_consumer: Table
    new: NewNames = field(default_factory=NewNames)

    @classmethod
    def empty(cls) -> "Resolved":
        return cls(empty(len(HIT_KEYS)), empty(len(CONSUMER_KEYS)))


class Keys(NamedTuple):
    """Keys of names, int64[n] each, by the names' places."""

    endpoint: Ints
    release: Ints
    consumer: Ints


def caps_of(settings: ProjectSettings) -> tuple[object, ...]:
    """What of the settings decides which names get a row."""
    return settings.endpoint_cap, settings.consumer_cap, settings.release_cap, settings.group_unmatched


class ProjectNames:
    """What a project's names are; one for each process that appends. ``remember`` only what was committed."""

    def __init__(self, settings: ProjectSettings) -> None:
        self.project_id, self.caps = settings.project_id, caps_of(settings)
        self.group_unmatched = settings.group_unmatched
        # Names whose committed row is theirs for ever: their own, or a group's since no other has a place any more.
        self.settled: dict[EndpointName, int] = {}
        self.settled_others: dict[str, dict[tuple[str, ...], int]] = {"release": {}, "consumer": {}}
        self.kinds = {
            "endpoint": _Known(Endpoint, self.project_id, settings.endpoint_cap),
            "release": _Known(Release, self.project_id, settings.release_cap),
            "consumer": _Known(Consumer, self.project_id, settings.consumer_cap),
        }

    def resolve(self, delta: Delta) -> Resolved:
        """``delta`` under the keys of its names."""
        new = NewNames()
        keys = self.keys(delta.endpoints, delta.releases, delta.consumers, new)
        time, at, version, traffic = delta.hits.keys
        hits = with_keys(delta.hits, (time, keys.endpoint[at], keys.release[version], traffic))
        time, who, at = delta.by_consumer.keys
        by_consumer = with_keys(delta.by_consumer, (time, keys.consumer[who], keys.endpoint[at]))
        return Resolved(combine(hits), combine(by_consumer), new)

    def keys(
        self,
        endpoints: Sequence[EndpointName],
        releases: Sequence[tuple[str, str]],
        consumers: Sequence[str],
        new: NewNames,
    ) -> Keys:
        """Keys for names in the order of their first hit: the first ones get in under the cap, and are added to
        ``new``. Of releases and consumers the first is "unknown"."""
        return Keys(
            self._endpoints(endpoints, new),
            self._others("release", releases, new),
            self._others("consumer", [(name,) for name in consumers], new),
        )

    def settled_keys(self, endpoint: EndpointName, release: tuple[str, str], consumer: str) -> tuple[int, int, int]:
        """Keys that will never change. Raises KeyError where ``keys`` must be asked."""
        return (
            self.settled[endpoint],
            self.settled_others["release"][release] if release[1] else 0,
            self.settled_others["consumer"][(consumer,)] if consumer else 0,
        )

    def with_rows(self, wanted: Iterable[int], new: NewNames) -> set[int]:
        """Those of ``wanted``, keys of endpoints, that have a row of their own, those in ``new`` among them."""
        known, added = self.kinds["endpoint"], {key for kind, key in new.keys if kind == "endpoint"}
        wanted = set(wanted) - added
        known.refresh(wanted)
        return (wanted & known.keys) | added

    def remember(self, new: NewNames) -> None:
        for kind, key in new.keys:
            self.kinds[kind].keys.add(key)

    def _row(self, kind: str, key: int, **names: str) -> Model:
        model = self.kinds[kind].model
        return model(id=row_id(self.project_id, key), project_id=self.project_id, key=key, **names)

    def _endpoints(self, names: Sequence[EndpointName], new: NewNames) -> Ints:
        settled = self.settled
        found: list[int] = [settled.get(name, 0) for name in names]
        open_places = [place for place, key in enumerate(found) if not key]
        if open_places:
            keys = self._new_endpoints([names[place] for place in open_places], new)
            for place, key in zip(open_places, keys, strict=True):
                found[place] = key
        return np.array(found, np.int64)

    def _new_endpoints(self, names: Sequence[EndpointName], new: NewNames) -> list[int]:
        """Keys of endpoints of which it is not settled yet that they have a place of their own."""
        known = self.kinds["endpoint"]
        own = [name_key(*name[:3]) for name in names]
        known.refresh(own)
        if len(self.settled) > SETTLED:
            self.settled.clear()
        full = len(known.keys) >= known.cap
        taken = {key for kind, key in new.keys if kind == "endpoint"}
        keys = []
        for name, key in zip(names, own, strict=True):
            route = name.route
            has_place = key in known.keys or key in taken
            if not has_place and name.missing and self.group_unmatched:
                route = UNMATCHED
            elif not has_place and route not in GROUPS and len(known.keys) + len(taken) >= known.cap:
                route = OTHER
            if route != name.route:
                key = name_key(name.service, name.method, route)
            if key in known.keys and (full or route == name.route):
                self.settled[name] = key
            elif key not in known.keys and key not in taken:
                taken.add(key)
                new.keys.append(("endpoint", key))
                new.rows.append(self._row("endpoint", key, service=name.service, method=name.method, route=route))
            keys.append(key)
        return keys

    def _others(self, kind: str, names: Sequence[tuple[str, ...]], new: NewNames) -> Ints:
        """Releases (service, version) and consumers (name,). Position 0 of a delta's list is "unknown", key 0."""
        settled = self.settled_others[kind]
        found = [settled.get(name, 0) for name in names]
        open_places = [place for place, key in enumerate(found) if not key and names[place][-1]]
        if open_places:
            keys = self._new_others(kind, [names[place] for place in open_places], new)
            for place, key in zip(open_places, keys, strict=True):
                found[place] = key
        return np.array(found or [0], np.int64)

    def _new_others(self, kind: str, names: Sequence[tuple[str, ...]], new: NewNames) -> list[int]:
        known, settled = self.kinds[kind], self.settled_others[kind]
        fields = {"release": ("service", "version"), "consumer": ("name",)}[kind]
        own = [name_key(*name) for name in names]
        known.refresh(own)
        if len(settled) > SETTLED:
            settled.clear()
        full = len(known.keys) >= known.cap
        taken = {key for other, key in new.keys if other == kind}
        keys = []
        for name, key in zip(names, own, strict=True):
            kept = name
            if key not in known.keys and key not in taken and len(known.keys) + len(taken) >= known.cap:
                kept = (*name[:-1], OTHER)
                key = name_key(*kept)
            if key in known.keys and (full or kept == name):
                settled[name] = key
            elif key not in known.keys and key not in taken:
                taken.add(key)
                new.keys.append((kind, key))
                new.rows.append(self._row(kind, key, **dict(zip(fields, kept, strict=True))))
            keys.append(key)
        return keys
