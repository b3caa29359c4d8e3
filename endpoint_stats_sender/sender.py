"""A bounded queue of hits, and the thread that empties it.

Every hit that was recorded is queued, sent, rejected or dropped: ``stats`` shows all four and they add up. The thread
is started by the first record of a process, so that servers may import first and fork later; a child begins with an
empty queue, since its parent sends what the parent recorded.
"""

from __future__ import annotations

import atexit
import os
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .complaints import Complaints
from .delivery import Delivery, Tally
from .hits import Hit, bounded
from .retry import Retry
from .transport import Transport

RETRY = Retry()


class Stats(NamedTuple):
    """Hits of this process: recorded = queued + sent + rejected + dropped.

    queued: waiting or under way. rejected: refused by the server. dropped: never answered, since the queue was full
    or the process ended. last_error: the last trouble in words, "" if there was none.
    """

    recorded: int
    queued: int
    sent: int
    rejected: int
    dropped: int
    last_error: str


class Sender:
    """Takes hits from any number of threads and sends them in batches."""

    def __init__(
        self,
        transport: Transport,
        *,
        max_queue: int = 10_000,
        max_batch: int = 1_000,
        interval: float = 1.0,
        flush_seconds: float = 2.0,
        retry: Retry = RETRY,
        complaints: Complaints | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """max_queue: hits that may wait, while a batch more may be under way; past it the oldest is dropped, as the
        newest say how things are. A batch leaves when it has max_batch hits, or interval seconds after the last one.
        flush_seconds: how long the interpreter's exit may take to send the rest.
        """
        if min(max_queue, max_batch) < 1 or interval <= 0 or flush_seconds < 0:
            raise ValueError(
                "max_queue and max_batch must be at least 1, interval positive, flush_seconds not negative"
            )
        self._transport = transport
        self._max_queue, self._max_batch = max_queue, min(max_batch, max_queue)
        self._interval, self._flush_seconds = interval, flush_seconds
        self._complaints = complaints or Complaints()
        self._delivery = Delivery(transport, retry, self._pause, self._complaints, chance)
        self._reset()
        _living.add(self)

    def _reset(self) -> None:
        """An empty queue and no thread: at the start, and in a child after a fork, whose locks may be held for ever."""
        # Reentrant: a signal handler may record in the middle of record().
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._hits: deque[Hit] = deque(maxlen=self._max_queue)
        self._thread: threading.Thread | None = None
        self._no_thread_until = 0.0
        # Hits that have left the queue, in order; those before _settled have met their end; flush() wants that many.
        self._left = self._settled = self._wanted = 0
        self._under_way = 0
        self._tally, self._lost, self._lost_said = Tally(), 0, 0
        self._deadline: float | None = None
        self._dropped_before = 0
        self._delivery.last_error = ""

    def record(self, hit: Mapping[str, Any]) -> None:
        """Queue a hit (hits.py names its keys). Never waits for the network."""
        kept = bounded(hit)
        with self._lock:
            if self._deadline is not None:
                self._lost += 1
                return
            hits = self._hits
            if len(hits) == self._max_queue:
                self._left += 1
                self._lost += 1
            hits.append(kept)
            if len(hits) == self._max_batch:
                self._changed.notify_all()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    @property
    def stats(self) -> Stats:
        """Numbers of this process so far."""
        with self._lock:
            queued, tally = len(self._hits) + self._under_way, self._tally
            dropped = tally.dropped + self._lost
            recorded = queued + tally.sent + tally.rejected + dropped
            return Stats(recorded, queued, tally.sent, tally.rejected, dropped, self._delivery.last_error)

    def flush(self, timeout: float) -> bool:
        """Send what was recorded until now, without waiting for the interval. Whether all of it met its end in time.

        timeout: seconds.
        """
        until = time.monotonic() + timeout
        with self._changed:
            wanted = self._left + len(self._hits)
            self._wanted = max(self._wanted, wanted)
            self._changed.notify_all()
            while self._settled < wanted and (remaining := until - time.monotonic()) > 0:
                self._changed.wait(remaining)
            return self._settled >= wanted

    def close(self, timeout: float | None = None) -> None:
        """Send the rest for at most so many seconds (default flush_seconds), then stop; what is left is dropped."""
        self._begin_close(self._flush_seconds if timeout is None else timeout)
        self._end_close()

    def _begin_close(self, timeout: float) -> None:
        with self._changed:
            if self._deadline is None:
                self._deadline = time.monotonic() + timeout
                self._dropped_before = self.stats.dropped
            self._changed.notify_all()

    def _end_close(self) -> None:
        thread, deadline = self._thread, self._deadline
        if thread is not None and deadline is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            left = len(self._hits)
            self._lost += left
            self._left += left
            self._hits.clear()
            if not self._under_way:
                self._settled = self._left
            unsent = self.stats.dropped - self._dropped_before + self._under_way
        if unsent:
            self._complaints.say("exit", "Endpoint Stats: hits not sent before the end: %d", unsent)

    def _start(self) -> None:
        """Begin the thread, unless another one has. A process that may have no thread keeps its hits waiting."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            if time.monotonic() < self._no_thread_until:
                return
            thread = threading.Thread(target=self._run, name="endpoint-stats-sender", daemon=True)
            try:
                thread.start()
                self._thread = thread
                return
            except RuntimeError as error:
                self._no_thread_until = time.monotonic() + self._interval
                self._delivery.last_error = f"no thread could be started: {error}"
        self._complaints.say("thread", "Endpoint Stats: %s", self._delivery.last_error)

    def _run(self) -> None:
        try:
            while hits := self._take():
                # Should anything escape, such as a want of memory, the batch is lost, and the numbers say so.
                tally = Tally(dropped=len(hits))
                try:
                    tally = self._delivery.deliver(hits)
                finally:
                    self._settle(tally)
                if tally.dropped:
                    return
        finally:
            self._transport.close()

    def _take(self) -> list[Hit]:
        """The next batch, when it is time for it; empty when the end has come."""
        with self._changed:
            until = time.monotonic() + self._interval
            while True:
                size = len(self._hits)
                hurry = self._deadline is not None or self._left < self._wanted
                if size >= self._max_batch or (size and hurry):
                    break
                if self._deadline is not None:
                    return []
                remaining = until - time.monotonic()
                if remaining > 0:
                    self._changed.wait(remaining)
                elif size:
                    break
                else:
                    until += self._interval
            taken = [self._hits.popleft() for _ in range(min(size, self._max_batch))]
            self._left += len(taken)
            self._under_way = len(taken)
            return taken

    def _settle(self, tally: Tally) -> None:
        with self._changed:
            self._tally = self._tally.plus(tally)
            self._under_way = 0
            self._settled = self._left
            self._changed.notify_all()
        self._report_lost()

    def _report_lost(self) -> None:
        lost = self._lost
        if lost > self._lost_said and self._complaints.say("lost", "Endpoint Stats: hits dropped so far: %d", lost):
            self._lost_said = lost

    def _pause(self, seconds: float, asked: bool) -> bool:
        """Wait before the next try; False when there will be none.

        At the end there is one more try at once, then others soon, until there is no time left; but a server that
        asked for more patience than there is time is left alone.
        """
        self._report_lost()
        with self._changed:
            due = time.monotonic() + seconds
            if self._end() is None:
                while self._end() is None and (remaining := due - time.monotonic()) > 0:
                    self._changed.wait(remaining)
                if not asked:
                    return True
            elif not asked:
                due = min(due, time.monotonic() + self._flush_seconds / 8)
            end = self._end()
            if end is None or due > end:
                return end is None
            while (remaining := due - time.monotonic()) > 0:
                self._changed.wait(remaining)
            return True

    def _end(self) -> float | None:
        """When the sender stops trying (monotonic); None while it is open."""
        return self._deadline


_living: weakref.WeakSet[Sender] = weakref.WeakSet()


def senders() -> list[Sender]:
    """The senders of this process."""
    return list(_living)


def flush(timeout: float) -> bool:
    """Flush all senders of this process, for management commands and tests. Whether all was sent in time (seconds)."""
    until = time.monotonic() + timeout
    return all([sender.flush(max(0.0, until - time.monotonic())) for sender in senders()])


@atexit.register
def _at_exit() -> None:
    ending = senders()
    for sender in ending:
        sender._begin_close(sender._flush_seconds)
    for sender in ending:
        sender._end_close()


def _after_fork() -> None:
    for sender in senders():
        sender._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
