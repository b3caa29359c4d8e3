"""The chart of who or what a range's requests are of: the largest by themselves, the rest together."""

from collections.abc import Sequence
from typing import Any

from endpoint_stats.query.render import number
from endpoint_stats.query.runner import Result
from endpoint_stats.query.seen import Name, label

from .overview_charts import NAMES, Base

LABEL = 48  # characters
LARGEST = 5  # as many as there are looks that can be told apart


def chart(parts: Result, names: Sequence[Name], whole: Base, everything: Result, rest: str) -> dict[str, Any]:
    """``names``: the groups in the order of their size, each as its columns of ``parts`` say it. ``everything``: the
    requests of all, by the same buckets; what is not of the largest is ``rest``."""
    shown = names[:LARGEST]
    place = {time: at for at, time in enumerate(row["time"] for row in everything.rows)}
    counts = {name: [0] * len(place) for name in shown}
    columns = [parts.columns[column] for column in columns_of(parts)]
    for *name, time, requests in zip(*columns, parts.columns["time"], parts.columns["requests"], strict=True):
        if tuple(name) in counts:
            counts[tuple(name)][place[time]] += requests
    total = [row["requests"] for row in everything.rows]
    others = [of_all - sum(of_one) for of_all, *of_one in zip(total, *counts.values(), strict=True)]
    listed = [
        {"name": f"part-{at}", "label": shortened(name), "colour": f"part-{at}", "values": whole.values(counts[name])}
        for at, name in enumerate(shown, 1)
    ]
    if any(others):
        listed.append({"name": "rest", "label": rest, "colour": "rest", "values": whole.values(others)})
    said = [f"{shortened(name)} {number(sum(counts[name]))}" for name in shown]
    if any(others):
        said.append(f"{rest} {number(sum(others))}")
    return whole.chart(
        id="parts",
        kind="bars",
        title="Requests",
        note=f"per {NAMES[whole.interval]}",
        unit="1",
        series=listed,
        summary=f"Requests per {NAMES[whole.interval]}: {', '.join(said)}.",
    )


def shortened(name: Name) -> str:
    """For a legend."""
    whole = label(name)
    return whole if len(whole) <= LABEL else f"{whole[: LABEL - 1]}…"


def columns_of(result: Result) -> tuple[str, ...]:
    """What tells a row's group from others."""
    return {"consumer": ("consumer",), "release": ("release_service", "release")}[result.query.group_by[0]]
