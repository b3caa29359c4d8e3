"""When to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Retry:
    """Delays in seconds between two tries of one batch.

    first, longest: the bounds of the exponential backoff. asked: the longest Retry-After that is honoured.
    tries: after so many failures inside the server (500 and its kin) a batch is given up, as it may be the cause;
    a server that is away or asks for patience is waited for as long as it takes.
    """

    first: float = 0.5
    longest: float = 30.0
    asked: float = 300.0
    tries: int = 10

    def delay(self, attempt: int, retry_after: float | None, chance: float) -> float:
        """Seconds until the next try after the attempt of that number, counted from 0. chance: 0 to 1, for jitter.

        Many processes lose a server at one moment; jitter keeps them from coming back at one moment.
        """
        if retry_after is not None:
            return min(retry_after, self.asked) + self.first * chance
        return min(self.longest, self.first * 2.0 ** min(attempt, 60)) * (0.5 + 0.5 * chance)


def retry_after_seconds(text: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or an HTTP date. None where it says nothing that is valid.

    now: epoch seconds.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    # HTTP dates are in UTC; timestamp() would take one that names no zone for local time.
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now)
