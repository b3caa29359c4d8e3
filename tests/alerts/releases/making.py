"""Endpoints made for tests: level and traffic by hand, noise bounded so that nothing counts as an outlier."""

import random

from alerts.releases.verdict import Block, Endpoint

BEGIN = 29_000_160  # a minute that divides by 60


def block(start: int, requests: int, share: float = 0.0, p95: float | None = 0.2, timed: int | None = None) -> Block:
    timed = requests if timed is None else timed
    return Block(start, requests, round(requests * share), timed, None, p95 if timed else None, None)


def endpoint(
    key: str = "GET /",
    *,
    before: float | None = 0.2,
    after: float | None = 0.2,
    share_before: float = 0.001,
    share_after: float = 0.001,
    requests: int = 3_000,
    requests_after: int | None = None,
    hours_before: int = 168,
    hours_after: float = 6,
    minutes: int = 15,
    noise: float = 0.03,
    seed: int = 0,
) -> Endpoint:
    """p95 and shares of errors wander by at most ``noise`` of themselves, each block for itself."""
    source = random.Random(f"{key} {seed}")
    after_requests = requests if requests_after is None else requests_after
    sides = []
    for count, first, p95, share, n in (
        (hours_before * 60 // minutes, BEGIN - hours_before * 60, before, share_before, requests),
        (int(hours_after * 60 // minutes), BEGIN, after, share_after, after_requests),
    ):
        sides.append(
            tuple(
                block(
                    first + place * minutes,
                    n,
                    share * (1 + source.uniform(-noise, noise)),
                    None if p95 is None else p95 * (1 + source.uniform(-noise, noise)),
                    0 if p95 is None else n,
                )
                for place in range(count)
            )
        )
    return Endpoint(key, sides[0], sides[1], minutes)
