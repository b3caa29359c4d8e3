"""The latency histogram of a range: how many requests took how long, drawn on the server, with its numbers beside."""

from collections.abc import Sequence
from dataclasses import dataclass

from endpoint_stats.aggregate.sketch import BANDS
from endpoint_stats.query.render import cell, duration, number

WIDTH, HEIGHT = 480, 120


@dataclass(frozen=True, slots=True)
class Bar:
    """A band of latency; ``x``, ``y``, ``width``, ``height`` in pixels of WIDTH × HEIGHT."""

    label: str
    count: str
    share: str
    x: float
    y: float
    width: float
    height: float


def bars(counts: Sequence[int]) -> list[Bar]:
    """A bar for each band from the first to the last that was used; ``counts`` has one more than BANDS, the open one.
    [] where no request has a duration."""
    used = [at for at, count in enumerate(counts) if count]
    if not used:
        return []
    bands = range(used[0], used[-1] + 1)
    width, most, whole = WIDTH / len(bands), max(counts), sum(counts)
    return [
        Bar(
            _label(at),
            number(counts[at]),
            cell("error_rate", counts[at] / whole),
            round(place * width, 1),
            round(HEIGHT * (1 - counts[at] / most), 1),
            round(max(width - 1, 1), 1),
            round(HEIGHT * counts[at] / most, 1),
        )
        for place, at in enumerate(bands)
    ]


def _label(at: int) -> str:
    if at >= len(BANDS):
        return f"over {duration(BANDS[-1])}"
    low = BANDS[at - 1] if at else 0.0
    return f"{duration(low)} to {duration(BANDS[at])}" if low else f"up to {duration(BANDS[at])}"
