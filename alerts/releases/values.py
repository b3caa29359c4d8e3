"""What is judged and what comes out, as plain values. Durations are seconds, shares are 0 to 1, times are minutes."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

VerdictKind = Literal["worse", "better", "same", "unknown"]
Measure = Literal["p95", "errors", ""]


class Block(NamedTuple):
    """An endpoint's numbers of one block of time. A tuple: a release of 5,000 endpoints has a million of them.

    start_minute: minutes since 1970-01-01 UTC. timed: how many of the requests have a duration; p50, p95 and mean are
    of those, in seconds, None where there are none.
    """

    start_minute: int
    requests: int
    errors: int
    timed: int
    p50: float | None = None
    p95: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Blocks of ``minutes`` (5, 15 or 60) before the release, seven days at most, and after it, 24 hours at most.

    Blocks without requests may be left out. Not all endpoints of a release need blocks of the same length.
    """

    key: str
    before: tuple[Block, ...]
    after: tuple[Block, ...]
    minutes: int = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one endpoint. ``measure`` is the one that decided, and all numbers but the key are of it.

    p95: before and after in seconds, effect and interval [low, high] as after / before. errors: shares, effect and
    interval as after − before. p and q (adjusted for all tests of the release) are None where nothing was tested, and
    the rest where nothing could be estimated. n: durations or requests that went in.
    """

    key: str
    verdict: VerdictKind
    measure: Measure = ""
    before: float | None = None
    after: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None
    n_before: int = 0
    n_after: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Findings in the order of the endpoints, and how many there are of each kind."""

    findings: tuple[Finding, ...]
    worse: int
    better: int
    same: int
    unknown: int
