"""How many requests a sampled span stands for.

https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/#sampling-threshold-value-th: the sampler keeps a
trace whose 56 random bits are at least its threshold ``th``, so each that was kept stands for
2^56 / (2^56 - th) of them, its *adjusted count*.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

MAX_WEIGHT = 1_000_000
_RANGE = 1 << 56
_THRESHOLD = re.compile(r"[0-9A-Fa-f]{1,14}")


class AdjustedCount(NamedTuple):
    """``whole`` + ``rest`` / ``kept``; at most MAX_WEIGHT."""

    whole: int
    rest: int
    kept: int


ONE = AdjustedCount(1, 0, 1)


def threshold(trace_state: str) -> int:
    """``th`` of the member ``ot`` of a W3C tracestate, as a 56-bit number; 0 where there is none or it is malformed."""
    for member in trace_state.split(","):
        vendor, _, value = member.strip(" \t").partition("=")
        if vendor != "ot":
            continue
        for pair in value.split(";"):
            key, _, digits = pair.partition(":")
            if key == "th":
                return int(digits.ljust(14, "0"), 16) if _THRESHOLD.fullmatch(digits) else 0
    return 0


def adjusted_count(trace_state: str) -> AdjustedCount:
    """The adjusted count that a tracestate tells; ONE where it tells none."""
    kept = _RANGE - threshold(trace_state)
    whole, rest = divmod(_RANGE, kept)
    return AdjustedCount(whole, rest, kept) if whole < MAX_WEIGHT else AdjustedCount(MAX_WEIGHT, 0, 1)


def weight(count: AdjustedCount, trace_id: bytes) -> int:
    """``count.whole``, and one more for a share of the traces that is the fraction: right on average.

    Which traces is decided by a digest of the id, so that a batch that is sent again weighs the same. Not by the id's
    own bits: the sampler chose by those, and what it kept is no longer evenly spread.
    """
    if not count.rest:
        return count.whole
    drawn = int.from_bytes(blake2b(trace_id, digest_size=8).digest())
    return count.whole + (drawn * count.kept < count.rest << 64)
