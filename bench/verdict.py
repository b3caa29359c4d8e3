"""How often the verdict of a release is wrong, and what it finds: simulated releases, whose truth is known.

    python bench/verdict.py alarms [--releases N] [--scene NAME]    of releases without a change, how many raise alarms
    python bench/verdict.py power [--releases N]    how often a change is found, by its size and the traffic
    python bench/verdict.py speed                   5,000 endpoints, 96 blocks before and after

Traffic is made here from nothing but its description (Traffic): level of latency and of errors wander (autoregressive,
in part together for all endpoints), load and latency follow the day, incidents last minutes, and a block's p95 is drawn
as the order statistic that it is.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, Python looks in this folder only

from alerts.releases.verdict import Block, Endpoint, Verdict, judge

Array = Any
BEGIN = 29_000_000  # minutes since 1970: some midnight or other


@dataclass(frozen=True, slots=True)
class Traffic:
    """noise: standard deviation of the wandering logarithm of latency; phi: how much of it is left 15 minutes later.
    shared: the part of its variance that all endpoints have together. load, day: how far requests and the logarithm of
    latency swing with the day. incidents: by endpoint and day. error_noise: as noise, of the logarithm of the share of
    errors. spread: of a single duration, as the scale of a log-logistic distribution."""

    endpoints: int = 40
    per_minute: float = 200.0
    minutes: int = 15
    before_hours: int = 7 * 24
    after_hours: float = 6.0
    noise: float = 0.1
    phi: float = 0.8
    shared: float = 0.3
    load: float = 0.6
    day: float = 0.15
    incidents: float = 0.3
    errors: float = 0.001
    error_noise: float = 0.3
    spread: float = 0.3
    growth: float = 1.0  # requests after, of those before


SCENES = {
    "as it is": Traffic(),
    "independent blocks": Traffic(noise=0.03, phi=0.0, error_noise=0.0, incidents=0.0, day=0.0),
    "noise 20 %": Traffic(noise=0.2),
    "noise for hours": Traffic(phi=0.95),
    "noise in common": Traffic(shared=0.9),
    "3 incidents a day": Traffic(incidents=3.0),
    "traffic doubles": Traffic(growth=2.0, per_minute=20),
    "10 requests a minute": Traffic(per_minute=10),
    "2 a minute, blocks of 60, 24 h after": Traffic(per_minute=2, minutes=60, after_hours=24),
    "1 h after, blocks of 5": Traffic(after_hours=1, minutes=5),
    "2 h after": Traffic(after_hours=2),
    "24 h after": Traffic(after_hours=24),
    "3 days before": Traffic(before_hours=72),
    "24 h before": Traffic(before_hours=24),
    "6 h before": Traffic(before_hours=6),
}


@dataclass(frozen=True, slots=True)
class Change:
    """What the release does to the first endpoint: p95 times ``factor``, share of errors to ``errors`` (None: no)."""

    factor: float = 1.0
    errors: float | None = None


@dataclass(frozen=True, slots=True)
class Simulated:
    """float64[endpoint, block], in order of time; the first ``before`` blocks are before the release."""

    traffic: Traffic
    starts: Array
    before: int
    requests: Array
    errors: Array
    p95: Array

    def endpoints(self) -> list[Endpoint]:
        found = []
        starts = self.starts.tolist()
        for row in range(len(self.requests)):
            blocks = [
                Block(start, n, failed, n, None, p95 if n else None, None)
                for start, n, failed, p95 in zip(
                    starts,
                    self.requests[row].astype(int).tolist(),
                    self.errors[row].astype(int).tolist(),
                    self.p95[row].tolist(),
                    strict=True,
                )
            ]
            found.append(
                Endpoint(
                    f"GET /{row}", tuple(blocks[: self.before]), tuple(blocks[self.before :]), self.traffic.minutes
                )
            )
        return found


def wander(random: np.random.Generator, rows: int, length: int, phi: float) -> Array:
    """AR(1) of variance 1, float64[rows, length]."""
    steps = random.standard_normal((rows, length)) * math.sqrt(1 - phi * phi)
    found = np.empty((rows, length))
    found[:, 0] = random.standard_normal(rows)
    for place in range(1, length):
        found[:, place] = phi * found[:, place - 1] + steps[:, place]
    return found


def simulate(traffic: Traffic, seed: int, change: Change | None = None) -> Simulated:
    """A release at a random time of day."""
    random = np.random.default_rng(seed)
    change = change or Change()
    before = traffic.before_hours * 60 // traffic.minutes
    after = int(traffic.after_hours * 60 // traffic.minutes)
    rows, length = traffic.endpoints, before + after
    begin = BEGIN + int(random.integers(0, 1440 // traffic.minutes)) * traffic.minutes
    starts = begin + (np.arange(length) - before) * traffic.minutes
    phi = traffic.phi ** (traffic.minutes / 15)
    wave = np.sin(2 * np.pi * (starts % 1440) / 1440)
    own, common = wander(random, rows, length, phi), wander(random, 1, length, phi)
    level = traffic.noise * (math.sqrt(1 - traffic.shared) * own + math.sqrt(traffic.shared) * common)
    level += traffic.day * wave + np.log(random.uniform(0.02, 0.5, rows))[:, None]
    share = traffic.errors * np.exp(
        traffic.error_noise * wander(random, rows, length, phi) - traffic.error_noise**2 / 2
    )
    released = np.arange(length) >= before
    level[0, released] += math.log(change.factor)
    if change.errors is not None:
        share[0, released] *= change.errors / traffic.errors
    burst = random.random((rows, length)) < traffic.incidents * traffic.minutes / 1440
    level += burst * random.uniform(0.5, 2.0, (rows, length))
    share = np.minimum(share + burst * random.uniform(0.01, 0.2, (rows, length)), 1.0)
    grown = np.where(released, traffic.growth, 1.0)
    requests = random.poisson(traffic.per_minute * traffic.minutes * (1 + traffic.load * wave) * grown, (rows, length))
    k = np.maximum(np.ceil(0.95 * requests), 1)
    place = random.beta(k, np.maximum(requests + 1 - k, 1))
    p95 = np.exp(level) * (place / (1 - place)) ** traffic.spread
    return Simulated(traffic, starts, before, requests, random.binomial(requests, share), p95)


# What is usually done, to show what comes of it. Each gives p-values by endpoint of "unchanged", and how p95 and errors
# moved; requests or blocks are taken as independent.


def by_requests(one: Simulated) -> tuple[Array, Array]:
    """Requests as independent draws: errors by the two-proportion test, p95 by its sampling error (the true one)."""
    n = [one.requests[:, part].sum(axis=1) for part in (slice(0, one.before), slice(one.before, None))]
    failed = [one.errors[:, part].sum(axis=1) for part in (slice(0, one.before), slice(one.before, None))]
    pooled = (failed[0] + failed[1]) / (n[0] + n[1])
    z_errors = (failed[1] / n[1] - failed[0] / n[0]) / np.sqrt(pooled * (1 - pooled) * (1 / n[0] + 1 / n[1]))
    logs = np.log(one.p95)
    means = [np.average(logs[:, part], weights=one.requests[:, part], axis=1)
             for part in (slice(0, one.before), slice(one.before, None))]  # fmt: skip
    error = one.traffic.spread / math.sqrt(0.95 * 0.05) * np.sqrt(1 / n[0] + 1 / n[1])
    return normal_p((means[1] - means[0]) / error), normal_p(z_errors)


def by_blocks(one: Simulated) -> tuple[Array, Array]:
    """Blocks as independent draws: Mann and Whitney's test of p95 and of shares."""
    return tuple(  # type: ignore[return-value]
        normal_p(mann_whitney_z(values, one.before)) for values in (one.p95, one.errors / np.maximum(one.requests, 1))
    )


def mann_whitney_z(values: Array, before: int) -> Array:
    ranks = values.argsort(axis=1).argsort(axis=1) + 1.0
    n, m = values.shape[1] - before, before
    u = ranks[:, before:].sum(axis=1) - n * (n + 1) / 2
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)


def normal_p(z: Array) -> Array:
    return np.array([math.erfc(abs(one) / math.sqrt(2)) for one in np.nan_to_num(z).tolist()])


def any_discovery(p: tuple[Array, Array], alpha: float = 0.05) -> bool:
    """Whether Benjamini and Hochberg's procedure rejects anything."""
    ordered = np.sort(np.concatenate(p))
    return bool((ordered <= alpha * np.arange(1, len(ordered) + 1) / len(ordered)).any())


def judged(traffic: Traffic, seed: int, change: Change | None = None) -> tuple[Simulated, Verdict]:
    one = simulate(traffic, seed, change)
    return one, judge(one.endpoints())


COUNTED = (
    "requests independent", "blocks independent", "q <= 5 %", "worse or better", "worse", "same", "too little data",
)  # fmt: skip


def alarms(traffic: Traffic, releases: int, seed: int = 0) -> dict[str, float]:
    """Of releases that change nothing, the share with an alarm of each kind; and shares of endpoints that are the same
    and of which too little is known."""
    counts = dict.fromkeys(COUNTED, 0.0)
    for number in range(releases):
        one, verdict = judged(traffic, seed + number)
        counts["requests independent"] += any_discovery(by_requests(one))
        counts["blocks independent"] += any_discovery(by_blocks(one))
        counts["q <= 5 %"] += any(f.q is not None and f.q <= 0.05 for f in verdict.findings)
        counts["worse or better"] += verdict.worse + verdict.better > 0
        counts["worse"] += verdict.worse > 0
        counts["same"] += verdict.same / traffic.endpoints
        counts["too little data"] += verdict.unknown / traffic.endpoints
    return {name: count / releases for name, count in counts.items()}


def found(traffic: Traffic, change: Change, releases: int, seed: int = 100_000) -> float:
    """The share of releases whose one changed endpoint is called worse."""
    hits = [judged(traffic, seed + number, change)[1].findings[0].verdict == "worse" for number in range(releases)]
    return sum(hits) / releases


def show_alarms(scene: str, releases: int) -> None:
    print(f"{'releases that change nothing':38}" + "".join(f"{name:>22}" for name in COUNTED))
    for name, traffic in SCENES.items():
        if scene in ("", name):
            shares = alarms(traffic, releases)
            print(f"{name:38}" + "".join(f"{shares[what]:22.1%}" for what in COUNTED), flush=True)


CHANGES = {
    "p95 +25 %": Change(1.25), "+50 %": Change(1.5), "× 2": Change(2.0), "× 4": Change(4.0),
    "errors to 1 %": Change(errors=0.01), "to 3 %": Change(errors=0.03), "to 10 %": Change(errors=0.1),
}  # fmt: skip


# Requests a minute, minutes of a block, hours after the release.
ASKED = (
    (200.0, 15, (1, 2, 6, 24)), (20.0, 15, (1, 2, 6, 24)), (5.0, 15, (6, 24)),
    (5.0, 60, (6, 24)), (2.0, 60, (6, 24)), (0.5, 60, (24,)),
)  # fmt: skip


def show_power(releases: int) -> None:
    print(f"{'one of 40 endpoints changes':52}" + "".join(f"{name:>15}" for name in CHANGES))
    for rate, minutes, stretches in ASKED:
        for hours in stretches:
            traffic = Traffic(per_minute=rate, after_hours=hours, minutes=minutes)
            print_power(f"{rate:g} a minute, blocks of {minutes}, {hours} h after", traffic, releases)
    for name in ("noise 20 %", "3 days before", "24 h before", "6 h before"):
        print_power(f"200 a minute, blocks of 15, 6 h after, {name}", SCENES[name], releases)


def print_power(name: str, traffic: Traffic, releases: int) -> None:
    shares = [found(traffic, change, releases) for change in CHANGES.values()]
    print(f"{name:52}" + "".join(f"{share:15.0%}" for share in shares), flush=True)


def show_speed() -> None:
    some = [simulate(Traffic(before_hours=24, after_hours=24, endpoints=500), seed).endpoints() for seed in range(10)]
    begin = some[0][0].after[0].start_minute
    endpoints = []
    for number, part in enumerate(some):
        late = part[0].after[0].start_minute - begin
        for one in part:
            before, after = (
                tuple(block._replace(start_minute=block.start_minute - late) for block in side)
                for side in (one.before, one.after)
            )
            endpoints.append(Endpoint(f"{one.key} {number}", before, after))
    times = []
    for _ in range(5):
        start = time.process_time()
        judge(endpoints)
        times.append(time.process_time() - start)
    print(f"{len(endpoints):,} endpoints, 96 blocks before and after: {sorted(times)[2]:.2f} s of CPU (median of 5)")


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the verdict of a release is wrong, and what it finds.")
    parser.add_argument("what", choices=("alarms", "power", "speed"))
    parser.add_argument("--releases", type=int)
    parser.add_argument("--scene", default="", choices=("", *SCENES))
    options = parser.parse_args()
    if options.what == "alarms":
        show_alarms(options.scene, options.releases or 1000)
    elif options.what == "power":
        show_power(options.releases or 200)
    else:
        show_speed()


if __name__ == "__main__":
    main()
