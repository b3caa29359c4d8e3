"""One OTLP request from its body to what is said of it: traces as hits, metrics as counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import numpy as np

from accounts.models import ApiKey
from endpoint_stats.ingest.otlp.metrics import decode_metrics
from endpoint_stats.ingest.otlp.traces import Traces, decode_traces
from endpoint_stats.ingest.sources.base import REASONS, Rejected
from endpoint_stats.models import SourceKind
from endpoint_stats.store.live import Identity

from .door import Door
from .metering import Meter
from .take import MAX_SAMPLES, Answer, Taken, commit, commit_points, encode_hits

KEPT = timedelta(hours=24)  # exporters send the same bytes again for minutes


def identity_of(source: str, body: bytes) -> Identity:
    """An OTLP request is known again by its body."""
    digest = sha256(source.encode() + b"\0" + body).digest()
    return Identity(UUID(bytes=digest[:16]), UUID(bytes=digest[16:]), KEPT)


def take_traces(door: Door, key: ApiKey, body: bytes, now: datetime, *, json: bool) -> Answer:
    """Store the server spans of a body. Raises OtlpError for what cannot be decoded, else as ``take_hits`` does."""
    traces = decode_traces(body, json=json, consumer_attribute=door.settings.consumer_attribute)
    received = len(traces.hits) + len(traces.rejected)
    index = np.delete(np.arange(received), [place for place, _ in traces.rejected])
    part, refused = encode_hits(door, traces.hits, index, now, traces.weights)
    taken = Taken(received, part)
    rejected = sorted(traces.rejected + refused)
    _note(taken, rejected, _texts(traces, index.tolist()) if rejected else {})
    return commit(door, key, SourceKind.TRACES, taken, identity_of(SourceKind.TRACES, body), now)


def _texts(traces: Traces, places: Sequence[int]) -> dict[int, str]:
    return {
        place: f"{hit.method} {hit.route or '(no route)'} {hit.status}"
        for place, hit in zip(places, traces.hits, strict=True)
    }


def take_metrics(door: Door, key: ApiKey, body: bytes, now: datetime, *, json: bool) -> Answer:
    """Store what the histograms of a body add. Raises as ``take_traces`` does."""
    metrics = decode_metrics(body, json=json, consumer_attribute=door.settings.consumer_attribute)
    taken = Taken(len(metrics.points) + len(metrics.rejected))
    meter = Meter(door, metrics.points, now)
    _note(taken, metrics.rejected, {})
    taken.rejected.update(meter.rejected)
    return commit_points(door, key, taken, meter, identity_of(SourceKind.METRICS, body), now)


def _note(taken: Taken, rejected: Sequence[Rejected], texts: dict[int, str]) -> None:
    for place, reason in rejected:
        taken.rejected[reason] += 1
        if taken.rejected[reason] <= MAX_SAMPLES:
            taken.refused.append({"index": place, "reason": reason, "text": texts.get(place, "")})


def said(answer: Answer) -> tuple[int, str]:
    """For the partial success: how many were refused, and why. What only gives samples was accepted."""
    refused = Counter({reason: count for reason, count in answer.rejected.items() if reason != "samples_only"})
    words = [f"{count} × {reason}: {REASONS[reason]}" for reason, count in refused.items()]
    return refused.total(), " ".join(words)
