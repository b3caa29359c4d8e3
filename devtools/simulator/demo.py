"""The demo: which traffic it is, said by its name alone, so that a second try makes the same lines as the first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from .generate import generate

PREFIX = "demo traffic"
REQUESTS, DAYS, SEED = 150_000, 7, 1
STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(rf"{PREFIX} (\d+) in (\d+) days to (\w+), seed (\d+)")


@dataclass(frozen=True, slots=True)
class Traffic:
    """``end`` in whole seconds, UTC."""

    end: datetime
    days: int = DAYS
    requests: int = REQUESTS
    seed: int = SEED

    @property
    def name(self) -> str:
        return f"{PREFIX} {self.requests} in {self.days} days to {self.end:{STAMP}}, seed {self.seed}"

    @classmethod
    def of(cls, name: str) -> "Traffic | None":
        """None where it is no name of such traffic."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        try:
            end = datetime.strptime(found[3], STAMP).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(end, int(found[2]), int(found[1]), int(found[4]))

    def lines(self) -> Iterator[bytes]:
        """NDJSON of Hits. Raises ValueError, at the call, for numbers out of range."""
        return generate(self.seed, self.end, self.days, self.requests)


def name_of(end: datetime) -> str:
    return Traffic(end.astimezone(UTC).replace(microsecond=0)).name


def lines_of(name: str) -> Iterator[bytes]:
    """Raises ValueError for what is no name of the demo's traffic."""
    traffic = Traffic.of(name)
    if traffic is None:
        raise ValueError(f"{name!r} is no name of the demo's traffic.")
    return traffic.lines()
