"""What was computed a moment ago, in this process's memory: one computation a key at a time, whoever asks for it."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from threading import Lock


@dataclass(eq=False, slots=True)
class _Flight[T]:
    """A computation under way, by the thread that asked first; the others wait for ``outcome``."""

    begun: float
    outcome: Future[T] = field(default_factory=Future)


@dataclass(slots=True)
class _Kept[T]:
    values: tuple[T, ...] = ()  # the newest alone, or none
    ends: float = 0.0  # until when it is taken as it is
    flight: _Flight[T] | None = None


class Store[T]:
    """``seconds``: how long a value is taken as it is. ``stale``: how long after that it still answers those who come
    while the next one is computed, so that a slow database does not hold every thread of the web. ``patience``: how
    long a computation may take; after it those who wait are told so, and another may begin. ``most``: keys.

    Errors are not kept: they answer those who waited, and whoever comes next tries again.
    """

    def __init__(
        self,
        *,
        seconds: float,
        stale: float,
        patience: float,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds, self.stale, self.patience, self.most, self.clock = seconds, stale, patience, most, clock
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of the key, computed where there is none that is new enough. Raises what the computation raised,
        for all who waited for it, and TimeoutError where another thread's takes longer than ``patience``."""
        with self._lock:
            kept = self._entry(key)
            now = self.clock()
            if kept.values and now < kept.ends:
                return kept.values[0]
            flight = kept.flight
            mine = flight is None or now - flight.begun >= self.patience
            if mine or flight is None:
                flight = kept.flight = _Flight(now)
            elif kept.values and now < kept.ends + self.stale:
                return kept.values[0]
        return self._lead(kept, flight, compute) if mine else self._wait(flight, now)

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()

    def _entry(self, key: Hashable) -> _Kept[T]:
        """Of the key, now the one that was asked for last; the one that was not asked for longest makes room."""
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)
        return kept

    def _lead(self, kept: _Kept[T], flight: _Flight[T], compute: Callable[[], T]) -> T:
        try:
            value = compute()
        except BaseException as error:
            self._land(kept, flight, ())
            # What ends this thread is no business of the others: they are told that nothing came of it.
            flight.outcome.set_exception(error if isinstance(error, Exception) else CancelledError())
            raise
        self._land(kept, flight, (value,))
        flight.outcome.set_result(value)
        return value

    def _land(self, kept: _Kept[T], flight: _Flight[T], values: tuple[T, ...]) -> None:
        with self._lock:
            if kept.flight is not flight:
                return  # it took too long, and another one has begun since: that one's value is newer
            kept.flight = None
            if values:
                kept.values, kept.ends = values, self.clock() + self.seconds

    def _wait(self, flight: _Flight[T], now: float) -> T:
        return flight.outcome.result(timeout=max(self.patience - (now - flight.begun), 0.0))
