"""Writes an nginx access log ("combined" plus $request_time) of an invented API, for timing imports.

    python bench/make_log.py --lines 2000000 --out /tmp/access.log [--seed 1] [--days 1]

205 routes, Zipf popularity over routes and over the objects behind them, about 220 bytes a line, in time
order. The same arguments give the same file. Lines are made in blocks and paths from integers, so memory
does not grow with the number of lines. The routes, their popularity and their latency do not depend on the
seed: another seed is other traffic of the same API.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, Python looks in this folder only

from bench.invented_api import (
    BODIES,
    DAY,
    QUERIES,
    QUERY_SHARE,
    REFERER_SHARES,
    REFERERS,
    STATUSES,
    Clients,
    Paths,
    read_routes,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = int(datetime(2025, 11, 13, tzinfo=UTC).timestamp())  # of every log, so that it never depends on today
BLOCK = 100_000
MAX_MS = 30_000  # the proxy's timeout


class Traffic:
    """One seed's traffic: draws blocks of lines."""

    def __init__(self, seed: int, days: int) -> None:
        self.routes = read_routes()
        fixed = np.random.default_rng(362)  # the API's own, the same for every seed
        writes = np.array([route.method != "GET" for route in self.routes])
        rank = np.argsort(np.argsort(fixed.random(len(self.routes)) + 0.35 * writes)) + 1  # reads come first
        self.popularity = np.cumsum(1 / rank) / (1 / rank).sum()
        self.log_ms = np.log(12) + 1.0 * fixed.standard_normal(len(self.routes))
        self.sigma = fixed.uniform(0.35, 0.8, len(self.routes))
        self.log_size = np.log(1800) + 1.1 * fixed.standard_normal(len(self.routes))

        self.rng = np.random.default_rng(seed)
        self.paths = Paths(self.routes)
        self.clients = Clients(self.rng)
        self.methods = list(STATUSES)
        self.method = np.array([self.methods.index(route.method) for route in self.routes])
        self.queries = ["", *QUERIES]
        self.takes_query = np.array([route.is_list for route in self.routes])
        self.is_get = self.method == self.methods.index("GET")
        self.code = np.array(sorted({code for row in STATUSES.values() for code in row}))
        shares = [[row.get(code, 0.0) for code in self.code.tolist()] for row in STATUSES.values()]
        self.status = np.cumsum(shares, axis=1) / np.sum(shares, axis=1)[:, None]
        self.body = np.array([BODIES.get(code, -1) for code in self.code.tolist()])
        self.milliseconds = [f"{ms // 1000}.{ms % 1000:03d}" for ms in range(MAX_MS + 1)]
        self.edges, self.share_until = _day_curve(days)

    def block(self, first: int, count: int, lines: int) -> str:
        """`count` lines from line `first` on, of a log of `lines` lines."""
        rng = self.rng
        route = np.searchsorted(self.popularity, rng.random(count), side="right")
        status = (rng.random(count)[:, None] >= self.status[self.method[route]][:, :-1]).sum(axis=1)
        client = self.clients.draw(rng, self.is_get[route])
        referer = rng.choice(len(REFERERS), count, p=REFERER_SHARES)
        clients = client.tolist()
        columns = zip(
            [self.clients.address[i] for i in clients],
            self._times(first, count, lines),
            self._requests(route),
            self.code[status].tolist(),
            self._sizes(route, status),
            [REFERERS[i] for i in referer.tolist()],
            [self.clients.agent[i] for i in clients],
            self._durations(route),
            strict=True,
        )
        return "".join(
            [
                f'{address} - - [{time}] "{request}" {code} {size} "{source}" "{agent}" {seconds}\n'
                for address, time, request, code, size, source, agent, seconds in columns
            ]
        )

    def _times(self, first: int, count: int, lines: int) -> list[str]:
        """One draw within each line's own share of the traffic, so the times rise without sorting."""
        share = (first + np.arange(count) + self.rng.random(count)) / lines
        second = np.interp(share, self.share_until, self.edges).astype(np.int64)
        values, index = np.unique(np.minimum(second, int(self.edges[-1]) - 1), return_inverse=True)
        moments = [datetime.fromtimestamp(START + value, UTC) for value in values.tolist()]
        texts = [moment.strftime("%d/%b/%Y:%H:%M:%S +0000") for moment in moments]
        return [texts[i] for i in index.tolist()]

    def _requests(self, route: Ints) -> list[str]:
        """The request lines; each distinct one is built once a block."""
        codes = self.paths.draw(self.rng, route)
        query = self.rng.integers(1, len(self.queries), len(route))
        query[(self.rng.random(len(route)) >= QUERY_SHARE) | ~self.takes_query[route]] = 0
        shape = (len(self.paths.seen), len(self.queries), len(self.methods))
        flat = np.ravel_multi_index((codes, query, self.method[route]), shape)
        keys, index = np.unique(flat, return_inverse=True)
        codes, query, method = np.unravel_index(keys, shape)
        requests = [
            f"{self.methods[m]} {path}{self.queries[q]} HTTP/1.1"
            for m, path, q in zip(method.tolist(), self.paths.texts(codes), query.tolist(), strict=True)
        ]
        return [requests[i] for i in index.tolist()]

    def _sizes(self, route: Ints, status: Ints) -> list[int]:
        drawn = np.exp(self.log_size[route] + 0.6 * self.rng.standard_normal(len(route))).astype(np.int64)
        sizes: list[int] = np.where(self.body[status] >= 0, self.body[status], drawn).tolist()
        return sizes

    def _durations(self, route: Ints) -> list[str]:
        ms = np.exp(self.log_ms[route] + self.sigma[route] * self.rng.standard_normal(len(route)))
        return [self.milliseconds[i] for i in np.minimum(ms, MAX_MS).astype(np.int64).tolist()]


def _day_curve(days: int) -> tuple[Floats, Floats]:
    """Seconds from the start, and the share of all traffic until then: one point an hour."""
    hourly = np.tile(np.array(DAY), days)
    edges = np.arange(len(hourly) + 1, dtype=float) * 3600
    return edges, np.concatenate(([0.0], np.cumsum(hourly))) / hourly.sum()


def write_log(out: Path, lines: int, seed: int, days: int) -> tuple[int, int, int]:
    """Writes the log; gives its bytes, its distinct paths (without query strings) and its routes."""
    traffic = Traffic(seed, days)
    size = 0
    with out.open("wb") as file:
        for first in range(0, lines, BLOCK):
            size += file.write(traffic.block(first, min(BLOCK, lines - first), lines).encode("ascii"))
    return size, int(traffic.paths.seen.sum()), len(traffic.routes)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write an nginx access log for timing imports.")
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.lines < 1 or options.days < 1 or options.seed < 0:
        parser.error("--lines and --days must be at least 1, and --seed not negative")
    size, paths, routes = write_log(options.out, options.lines, options.seed, options.days)
    print(f"{options.lines} lines, {size} bytes, {paths} distinct paths, {routes} routes", file=sys.stderr)


if __name__ == "__main__":
    main()
