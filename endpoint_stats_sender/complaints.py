"""Log lines that cannot flood: one of a kind a minute, with the number of those that were left out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("endpoint_stats_sender")
EVERY = 60.0  # seconds


class Complaints:
    """Says each kind of trouble at most once in so many seconds."""

    def __init__(self, every: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def say(self, kind: str, message: str, *arguments: object) -> bool:
        """A warning, unless one of this kind was said lately; whether it was said. `message` is %-formatted."""
        now = self._clock()
        last = self._said.get(kind)
        if last is not None and now - last < self._every:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return False
        self._said[kind] = now
        unsaid = self._unsaid.pop(kind, 0)
        more = f" ({unsaid} more like this since the last such line)" if unsaid else ""
        logger.warning(message + more, *arguments)
        return True
