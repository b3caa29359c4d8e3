"""One batch to its end: tried until it was answered for good, or there is no time left."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .complaints import Complaints
from .hits import Hit
from .retry import Retry
from .transport import Answer, Transport

TOO_LARGE = 413
TOO_MANY = 429
# Request Timeout and Too Early: as little the client's fault as a 500.
PASSING = (408, 425)


def is_away(status: int) -> bool:
    """Whether the server, or a proxy before it, is away or wants patience. 500 and 501 may be about the batch."""
    return status in (0, TOO_MANY) or status > 501


class Tally(NamedTuple):
    """What became of a batch, in hits: taken by the server, refused by it, or given up."""

    sent: int = 0
    rejected: int = 0
    dropped: int = 0

    def plus(self, other: Tally) -> Tally:
        """The sum, field by field."""
        return Tally(self.sent + other.sent, self.rejected + other.rejected, self.dropped + other.dropped)


class Delivery:
    """Sends batches, one after the other."""

    def __init__(
        self,
        transport: Transport,
        retry: Retry,
        pause: Callable[[float, bool], bool],
        complaints: Complaints,
        chance: Callable[[], float],
    ) -> None:
        """pause(seconds, asked): waits before a next try; False when there will be none. asked: the server wants it.

        chance: random numbers from 0 to 1.
        """
        self._transport, self._retry, self._pause = transport, retry, pause
        self._complaints, self._chance = complaints, chance
        self.last_error = ""

    def deliver(self, hits: Sequence[Hit]) -> Tally:
        """Send a batch; the tally's numbers add up to its length."""
        parts, tally = [hits], Tally()
        while parts:
            part = parts.pop()
            answer = self._answer(part)
            if answer is not None and answer.status == TOO_LARGE and len(part) > 1:
                # Nothing of it was stored, so that halves may go under keys of their own.
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            else:
                tally = tally.plus(self._settled(len(part), answer))
        return tally

    def _settled(self, size: int, answer: Answer | None) -> Tally:
        if answer is None:
            return Tally(dropped=size)
        if 200 <= answer.status < 300:
            rejected = min(size, answer.rejected)
            if rejected:
                self._failed("rejected", f"{rejected} of {size} hits were rejected: {answer.detail}")
            return Tally(sent=size - rejected, rejected=rejected)
        self._failed(f"refused {answer.status}", f"a batch of {size} hits was refused: {_said(answer)}")
        return Tally(rejected=size)

    def _answer(self, hits: Sequence[Hit]) -> Answer | None:
        """The answer that is final; None when there is no time for another try."""
        # The same over all tries, so that a batch whose answer was lost is not counted twice.
        key = uuid.uuid4().hex
        failures = 0
        for attempt in itertools.count():
            try:
                answer = self._transport.send(hits, key)
            except Exception as error:
                # Whatever a transport raises, nobody has answered.
                answer = Answer(0, detail=f"{type(error).__name__}: {error}")
            if not is_away(answer.status):
                failures += 1
                passing = answer.status in PASSING or answer.status >= 500
                if not passing or failures >= self._retry.tries:
                    return answer
            self._failed("away", f"a batch waits and will be tried again: {_said(answer)}")
            delay = self._retry.delay(attempt, answer.retry_after, self._chance())
            if not self._pause(delay, answer.retry_after is not None):
                return None
        raise AssertionError("count() has no end")

    def _failed(self, kind: str, message: str) -> None:
        self.last_error = message
        self._complaints.say(kind, "Endpoint Stats: %s", message)


def _said(answer: Answer) -> str:
    """For the log: status, where there was an answer, and what it says."""
    return f"{answer.status or ''} {answer.detail}".strip()
