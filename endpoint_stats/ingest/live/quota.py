"""How many hits a key and a project may send a minute.

Each process fills a bucket of its own, and every few seconds looks at what all of them have committed: what the
others took leaves its bucket too. No Redis, and no row that all writers would wait for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock

RECONCILE = 5.0  # seconds


class OverQuota(Exception):
    """``seconds`` until there is room for it again."""

    def __init__(self, what: str, limit: int, seconds: int) -> None:
        super().__init__(f"{what} may take {limit:,} hits a minute. Send the same again in {seconds} s.")
        self.seconds = seconds


class Bucket:
    """Room for ``limit`` hits a minute, and for as many at once.

    committed: how many hits were committed by all processes since the bucket was made, at least of those that lie a
        few seconds back; what this process sent is among them sooner or later
    """

    def __init__(
        self, what: str, limit: int, committed: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ):
        self.what, self.limit = what, limit
        self._committed, self._clock = committed, clock
        self._lock = Lock()
        self._level, self._at, self._looked = float(limit), clock(), float("-inf")
        self._own = 0  # taken here
        self._others = 0  # taken elsewhere, as far as that left this bucket already

    def take(self, hits: int) -> None:
        """Raises OverQuota, and takes nothing, where there is no room. A batch larger than a minute's worth waits for
        a full bucket, or it could never come in."""
        with self._lock:
            now = self._clock()
            self._level = min(self._level + (now - self._at) * self.limit / 60, float(self.limit))
            self._at = now
            if now - self._looked >= RECONCILE:
                # Own hits that are not among the committed ones yet hide as many of the others' for a while.
                others = max(self._committed() - self._own, self._others)
                self._level -= others - self._others
                self._others, self._looked = others, now
            wanted = min(hits, self.limit)
            if self._level < wanted:
                raise OverQuota(self.what, self.limit, max(math.ceil((wanted - self._level) * 60 / self.limit), 1))
            self._level -= hits
            self._own += hits
