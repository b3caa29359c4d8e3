"""Turns the story into Hits: one JSON object a line, in time order, the same bytes for the same arguments.

The range is cut into whole hours counted back from its end. How many requests each stream (a route, a health
check, the scanners) gets in each hour is drawn once; then every hour is sampled on its own with numpy, so
memory depends on the busiest hour only. "Same bytes" holds for one release of numpy, whose random streams may
change between releases.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devtools.simulator import story
from devtools.simulator.paths import fill_paths

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
STREAMS = (*story.ROUTES, *story.HEALTH_ROUTES, story.SCAN_ROUTE)
RHYTHM_NAMES = tuple(story.RHYTHMS)
SERVICES = tuple(story.SERVICE_SHARE)


def generate(seed: int, end: datetime, days: int, requests: int) -> Iterator[bytes]:
    """Exactly `requests` NDJSON lines of Hits with times in [end - days, end), ascending.

    `end` is an aware UTC datetime; `seed` is not negative. Absent keys mean "unknown" (route, duration,
    consumer). Raises ValueError, at the call, for arguments out of range.
    """
    if end.utcoffset() != timedelta(0):
        raise ValueError("end must be an aware datetime in UTC")
    if seed < 0 or days < 1 or requests < 0:
        raise ValueError("seed and requests must not be negative, and days must be at least 1")
    return _lines(seed, end, days, requests)


def _lines(seed: int, end: datetime, days: int, requests: int) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    clock = _Clock.until(end, days)
    weights = _weights(rng, clock)
    counts = rng.multinomial(requests, (weights / weights.sum()).ravel()).reshape(weights.shape)
    for hour, count in enumerate(counts):
        if count.any():
            yield from _hour_lines(_sample_hour(rng, clock, hour, count))


# --- when and how much ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Clock:
    """`end_ms`: epoch ms, exclusive; `hours`: their number; `edges`: activity, shape (rhythms, hours + 1)."""

    end_ms: int
    hours: int
    edges: Floats

    @classmethod
    def until(cls, end: datetime, days: int) -> _Clock:
        # Rounded up: then every whole millisecond below it lies before `end`, and those from
        # `days` earlier on lie inside the range, whatever the microseconds are.
        end_ms = -((datetime(1970, 1, 1, tzinfo=UTC) - end) // timedelta(milliseconds=1))
        hours = days * 24
        at = end_ms - np.arange(hours, -1, -1, dtype=np.int64) * HOUR_MS
        return cls(end_ms, hours, np.array([_activity(name, at) for name in RHYTHM_NAMES]))

    def start_of(self, hour: int) -> int:
        return self.end_ms - (self.hours - hour) * HOUR_MS

    def ago(self, hours: float) -> int:
        """The epoch ms that lies `hours` before the end."""
        return self.end_ms - round(hours * HOUR_MS)


def _activity(rhythm: str, at: Ints) -> Floats:
    """Activity at epoch ms, all time zones blended, 1 on the average of a week."""
    weekday, weekend = (np.array(curve) for curve in story.RHYTHMS[rhythm])
    total = np.zeros(len(at))
    for offset, share in story.TIME_ZONES:
        local = at + offset * HOUR_MS
        hour = (local % DAY_MS) / HOUR_MS
        is_weekend = (local // DAY_MS + 3) % 7 >= 5  # day 0 of the epoch was a Thursday
        curves = [np.interp(hour, np.arange(24), curve, period=24) for curve in (weekday, weekend)]
        total += share * np.where(is_weekend, curves[1], curves[0])
    return total / ((5 * weekday.mean() + 2 * weekend.mean()) / 7)


@cache
def _popularity() -> Floats:
    """The share of each stream, shape (streams,): Zipf within a service, in the order of the table."""
    share = np.zeros(len(STREAMS))
    for service, part in story.SERVICE_SHARE.items():
        rows = [i for i, route in enumerate(story.ROUTES) if route.service == service]
        zipf = np.arange(1, len(rows) + 1) ** -story.ZIPF_EXPONENT
        share[rows] = part * zipf / zipf.sum()
    routes = len(story.ROUTES)
    share[routes:-1] = story.HEALTH_SHARE / len(story.HEALTH_ROUTES)
    share[-1] = story.SCAN_SHARE
    return share


def _weights(rng: np.random.Generator, clock: _Clock) -> Floats:
    """The expected share of each (hour, stream) before normalising, incidents in it."""
    activity = (clock.edges[:, :-1] + clock.edges[:, 1:]) / 2
    weights: Floats = activity[_tables().rhythm].T * _popularity()
    weights[:, -1] *= rng.exponential(size=clock.hours)  # scanners come in waves
    weights[_hours_from(clock, story.QUIET_AGO) :, _stream(story.QUIET_ENDPOINT)] = 0

    ago = clock.hours - np.arange(clock.hours) - 0.5
    progress = np.clip(1 - ago / story.GROWING_AGO, 0, 1)
    weights[:, _stream(story.GROWING_ENDPOINT)] *= 1 + (story.GROWING_FACTOR - 1) * progress

    burst = _stream(story.BURST_ENDPOINT)
    weights[_burst_hour(clock), burst] += story.BURST_RETRIES * _popularity()[burst]
    return weights


def _hours_from(clock: _Clock, ago: int) -> int:
    """The index of the first whole hour that lies within the last `ago` hours."""
    return max(0, clock.hours - ago)


def _burst_hour(clock: _Clock) -> int:
    return clock.hours - math.ceil(story.BURST_AGO)


# --- tables made from the story ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Tables:
    """Arrays by stream. `callers` and `outcomes` hold cumulative probabilities, one row a stream."""

    rhythm: Ints
    service: Ints
    log_median: Floats
    sigma: Floats
    cached: Floats
    log_cached: Floats
    log_size: Floats
    log_body: Floats
    sends_route: Floats
    callers: Floats
    outcomes: Floats
    statuses: Ints


@cache
def _tables() -> _Tables:
    def column(value: Callable[[story.Route], float]) -> Floats:
        return np.array([value(route) for route in STREAMS], dtype=float)

    statuses = sorted({status for outcome in story.OUTCOMES.values() for status in outcome})
    unmatched = (story.SCAN_ROUTE,)
    return _Tables(
        rhythm=np.array([RHYTHM_NAMES.index(route.rhythm) for route in STREAMS]),
        service=np.array([SERVICES.index(route.service) for route in STREAMS]),
        log_median=np.log(column(lambda r: r.median)),
        sigma=column(lambda r: r.sigma),
        cached=column(lambda r: r.cached[0]),
        log_cached=np.log(column(lambda r: r.cached[1])),
        log_size=np.log(column(lambda r: max(r.size, 1))),
        log_body=np.log(column(lambda r: story.REQUEST_BODY.get(r.method, 0) or 0.01)),
        sends_route=column(lambda r: 0 if r in unmatched else story.SENDS_ROUTE.get(r.service, 0)),
        callers=np.cumsum([_caller_shares(route.audience) for route in STREAMS], axis=1),
        outcomes=np.cumsum([_outcome_shares(route.outcome, statuses) for route in STREAMS], axis=1),
        statuses=np.array(statuses),
    )


def _caller_shares(audience: str) -> list[float]:
    groups = story.AUDIENCES[audience]
    totals = {group: sum(c.weight for c in story.CALLERS if c.group == group) for group in groups}
    return [groups[c.group] * c.weight / totals[c.group] if c.group in groups else 0.0 for c in story.CALLERS]


def _outcome_shares(name: str, statuses: list[int]) -> list[float]:
    outcome = dict(story.OUTCOMES[name])
    first = next(iter(outcome))
    outcome[first] = 1 - sum(outcome.values())
    return [outcome.get(status, 0.0) for status in statuses]


@cache
def _stream(endpoint: story.Endpoint) -> int:
    wanted = (endpoint.service, endpoint.method, endpoint.path)
    return next(i for i, r in enumerate(STREAMS) if (r.service, r.method, r.path) == wanted)


def _pick(cumulative: Floats, draw: Floats) -> Ints:
    """For each row of cumulative probabilities the index that a uniform draw falls on."""
    last = cumulative.shape[1] - 1  # rounding may leave the last sum just below 1
    picked: Ints = np.minimum((draw[:, None] >= cumulative).sum(axis=1), last)
    return picked


# --- one hour ---------------------------------------------------------------------------------------


@dataclass
class _Hits:
    """Columns of one hour, in time order; indexes into STREAMS, RELEASES and CALLERS."""

    time: Ints
    stream: Ints
    version: Ints
    caller: Ints
    status: Ints
    duration_ms: Floats
    request_size: Ints
    response_size: Ints
    has_route: NDArray[np.bool_]
    has_duration: NDArray[np.bool_]
    path: list[str]


def _sample_hour(rng: np.random.Generator, clock: _Clock, hour: int, counts: Ints) -> _Hits:
    tables = _tables()
    stream = np.repeat(np.arange(len(STREAMS)), counts)
    time, busy = _times(rng, clock, hour, counts, stream)
    paths: list[str] = []
    for route, count in zip(STREAMS, counts.tolist(), strict=True):
        paths += fill_paths(rng, route.path, count, hour)
    order = np.argsort(time, kind="stable")
    time, busy, stream = time[order], busy[order], stream[order]
    n = len(stream)
    version = _versions(rng, clock, tables.service[stream], time)
    caller = _pick(tables.callers[stream], rng.random(n))
    status = tables.statuses[_pick(tables.outcomes[stream], rng.random(n))]
    duration, status = _durations(rng, clock, _Keys(stream, version, caller, time, busy), status)
    return _Hits(
        time,
        stream,
        version,
        caller,
        status,
        duration,
        request_size=np.exp(tables.log_body[stream] + 0.5 * rng.standard_normal(n)).astype(np.int64),
        response_size=_response_sizes(rng, stream, status),
        has_route=rng.random(n) < tables.sends_route[stream],
        has_duration=rng.random(n) >= story.NO_DURATION_SHARE,
        path=[paths[i] for i in order.tolist()],
    )


def _times(rng: np.random.Generator, clock: _Clock, hour: int, counts: Ints, stream: Ints) -> tuple[Ints, Floats]:
    """Epoch ms of each hit (not sorted) and the activity of people at that moment."""
    start, rhythm = clock.start_of(hour), _tables().rhythm[stream]
    first, last = clock.edges[rhythm, hour], clock.edges[rhythm, hour + 1]
    draw = rng.random(len(stream))
    # The inverse of a density that goes in a straight line from `first` to `last`, in its stable form.
    part = draw * (first + last) / (first + np.sqrt(first**2 + draw * (last**2 - first**2)))
    for i in range(len(story.ROUTES), len(STREAMS) - 1):
        part[stream == i] = (np.arange(counts[i]) + 0.5) / max(counts[i], 1)  # probes keep their interval
    time = start + np.minimum((part * HOUR_MS).astype(np.int64), HOUR_MS - 1)

    if hour == _burst_hour(clock):
        share = story.BURST_RETRIES / (story.BURST_RETRIES + (first + last) / 2)
        retry = (stream == _stream(story.BURST_ENDPOINT)) & (rng.random(len(stream)) < share)
        time[retry] = clock.ago(story.BURST_AGO) + rng.integers(0, story.BURST_MINUTES * 60_000, retry.sum())
    people = clock.edges[RHYTHM_NAMES.index("people")]
    busy = people[hour] + (people[hour + 1] - people[hour]) * (time - start) / HOUR_MS
    return time, busy


def _versions(rng: np.random.Generator, clock: _Clock, service: Ints, time: Ints) -> Ints:
    """The index of the release that answered; during a roll-out both do, more and more the new one."""
    noticed = time - (rng.random(len(time)) * story.ROLLOUT_MINUTES * 60_000).astype(np.int64)
    version = np.zeros(len(time), dtype=np.int64)
    for i, name in enumerate(SERVICES):
        released = [clock.ago(release.ago) for release in story.RELEASES[name]]
        mine = service == i
        version[mine] = np.searchsorted(released, noticed[mine], side="right") - 1
    return version


@dataclass(frozen=True)
class _Keys:
    """What latency and status of a hit depend on."""

    stream: Ints
    version: Ints
    caller: Ints
    time: Ints
    busy: Floats


def _durations(rng: np.random.Generator, clock: _Clock, keys: _Keys, status: Ints) -> tuple[Floats, Ints]:
    """Durations in ms and the statuses, both after the incidents."""
    tables, stream, n = _tables(), keys.stream, len(keys.stream)
    noise, draw = rng.standard_normal(n), rng.random(n)
    from_cache = rng.random(n) < tables.cached[stream]
    log_ms = np.where(from_cache, tables.log_cached[stream], tables.log_median[stream])
    duration = np.exp(log_ms + tables.sigma[stream] * noise) * (1 + story.LOAD_SLOWDOWN * keys.busy)
    duration[(status >= 400) & (status < 500)] *= 0.6  # refused before the work is done

    releases = [release.version for release in story.RELEASES[story.BAD_RELEASE_ENDPOINT.service]]
    for bad in story.REGRESSIONS:
        hit = (stream == _stream(story.BAD_RELEASE_ENDPOINT)) & (keys.version == releases.index(bad.version))
        duration[hit] *= bad.scale * np.exp(bad.spread * noise[hit])
        status = np.where(hit & (draw < bad.error_share), 500, status)

    names = np.array([caller.consumer for caller in story.CALLERS])
    slow = (stream == _stream(story.SLOW_ENDPOINT)) & (names[keys.caller] == story.SLOW_CONSUMER)
    duration[slow & (keys.time >= clock.ago(story.SLOW_AGO))] *= story.SLOW_FACTOR

    since = keys.time - clock.ago(story.BURST_AGO)
    burst = (stream == _stream(story.BURST_ENDPOINT)) & (since >= 0) & (since < story.BURST_MINUTES * 60_000)
    burst &= draw < story.BURST_SHARE
    duration[burst] = story.BURST_TIMEOUT * np.exp(0.02 * np.abs(noise[burst]))
    return duration, np.where(burst, story.BURST_STATUS, status)


def _response_sizes(rng: np.random.Generator, stream: Ints, status: Ints) -> Ints:
    log_size = np.where(status >= 400, math.log(story.ERROR_BODY), _tables().log_size[stream])
    size = np.exp(log_size + 0.35 * rng.standard_normal(len(stream))).astype(np.int64)
    size[np.isin(status, story.BODYLESS)] = 0
    return size


# --- lines ------------------------------------------------------------------------------------------


def _hour_lines(hits: _Hits) -> Iterator[bytes]:
    times = np.datetime_as_string(hits.time.astype("datetime64[ms]")).tolist()
    encode = json.JSONEncoder(separators=(",", ":")).encode
    columns = (
        hits.stream,
        hits.version,
        hits.caller,
        hits.status,
        np.round(hits.duration_ms / 1000, 6),
        hits.request_size,
        hits.response_size,
        hits.has_route,
        hits.has_duration,
    )
    for time, path, stream, version, caller, status, duration, sent, got, has_route, has_duration in zip(
        times, hits.path, *(column.tolist() for column in columns), strict=True
    ):
        route = STREAMS[stream]
        hit: dict[str, Any] = {"time": time + "Z", "service": route.service, "method": route.method}
        hit["path"] = path
        if has_route:
            hit["route"] = route.path
        hit["status"] = status
        if has_duration:
            hit["duration"] = duration
        hit["request_size"] = sent
        hit["response_size"] = got
        if story.CALLERS[caller].consumer:
            hit["consumer"] = story.CALLERS[caller].consumer
        hit["version"] = story.RELEASES[route.service][version].version
        hit["user_agent"] = story.CALLERS[caller].user_agent
        yield encode(hit).encode() + b"\n"
