"""Charts as a page would give them: a week of hours in Berlin, with a bad release, a release mark and a gap."""

import math
import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

HOUR = 3600
ZONE = "Europe/Berlin"
EDGES = [0.001 * 10 ** (place / 6) for place in range(24)]  # six bands a decade, 1 ms to 6.8 s
SERIES = ("p50", "p95", "p99", "max")


def epoch(text: str, zone: str = ZONE) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


START = epoch("2026-11-13T00:00")
HOURS = 168
RELEASE = epoch("2026-11-18T14:20")
GAP = (epoch("2026-11-15T03:00"), epoch("2026-11-15T09:00"))
TIMES = [START + at * HOUR for at in range(HOURS)]


def traffic(at: int) -> float:
    """Requests of an hour: days and nights, quieter at the week's end."""
    weekend = 0.55 if 48 <= at % 168 < 96 else 1.0
    return weekend * (5200 + 4300 * math.sin((at % 24 - 8) / 24 * 2 * math.pi))


def measured(time: int) -> bool:
    return not GAP[0] <= time < GAP[1]


def bad(time: int) -> float:
    """How far the bad release has got: from 0 to 1."""
    return min(max((time - RELEASE) / (4 * HOUR), 0.0), 1.0)


def frame(**more: Any) -> dict[str, Any]:
    marks = [{"time": RELEASE, "label": "release 5.2.0", "kind": "release"}]
    return {"zone": ZONE, "step": HOUR, "time": TIMES, "scale": "linear", "gaps": [list(GAP)], "marks": marks} | more


def latency(**more: Any) -> dict[str, Any]:
    chance = random.Random(7)
    series: dict[str, list[float | None]] = {name: [] for name in SERIES}
    for at, time in enumerate(TIMES):
        load = traffic(at) / 9500
        p50 = 0.062 * (1 + 0.35 * load) * (1 + 0.15 * bad(time)) * chance.uniform(0.96, 1.04)
        p95 = p50 * (3.4 + 4.1 * bad(time)) * chance.uniform(0.93, 1.07)
        p99 = p95 * chance.uniform(1.5, 1.8)
        values = (p50, p95, p99, p99 * chance.uniform(1.4, 3.8))
        for name, value in zip(SERIES, values, strict=True):
            series[name].append(round(value, 5) if measured(time) else None)
    listed = [{"name": name, "label": name, "colour": name, "values": series[name]} for name in SERIES]
    return (
        frame(
            id="latency",
            kind="lines",
            title="p95 has doubled since Wed 14:20, release 5.2.0",
            summary="p95 was between 180 and 310 ms until Wednesday 14:20, then rose to 660 ms and stayed there.",
            unit="s",
            series=listed,
            note="±1 %, n = 842 k",
        )
        | more
    )


def requests(**more: Any) -> dict[str, Any]:
    chance = random.Random(11)
    classes: dict[str, list[int | None]] = {"2xx": [], "3xx": [], "4xx": [], "5xx": []}
    for at, time in enumerate(TIMES):
        count = traffic(at) * chance.uniform(0.94, 1.06)
        failing = 0.002 + 0.11 * bad(time)
        parts = (1 - 0.06 - 0.05 - failing, 0.06, 0.05 * chance.uniform(0.7, 1.5), failing)
        for name, part in zip(classes, parts, strict=True):
            classes[name].append(round(count * part) if measured(time) else None)
    listed = [{"name": name, "label": name, "colour": name, "values": classes[name]} for name in classes]
    return (
        frame(
            id="requests",
            kind="bars",
            title="Requests by status",
            summary="Between 900 and 9,900 requests an hour; since Wednesday 14:20 one in nine fails.",
            unit="1",
            series=listed,
            note="per hour",
        )
        | more
    )


def heatmap(**more: Any) -> dict[str, Any]:
    chance = random.Random(3)
    counts: list[list[int] | None] = []
    for at, time in enumerate(TIMES):
        if not measured(time):
            counts.append(None)
            continue
        total, middle = traffic(at), math.log10(0.06 * (1 + 0.3 * traffic(at) / 9500))
        row = []
        for edge in EDGES:
            value = math.log10(edge) - 1 / 12
            main = math.exp(-(((value - middle) / 0.28) ** 2) / 2)
            second = 0.34 * bad(time) * math.exp(-(((value + 0.12) / 0.12) ** 2) / 2)
            cached = 0.12 * math.exp(-(((value + 2.55) / 0.14) ** 2) / 2)
            row.append(round(total * 0.2 * (main * (1 - 0.3 * bad(time)) + second + cached) * chance.uniform(0.8, 1.2)))
        counts.append([*row, chance.choice((0, 0, 0, 1, 2))])
    return (
        frame(
            id="distribution",
            kind="heatmap",
            title="A second group of slow requests near 800 ms",
            summary="Most requests take 30 to 150 ms; since Wednesday 14:20 one in five takes about 800 ms.",
            unit="s",
            rows=[*EDGES, None],
            counts=counts,
            note="n = 842 k",
        )
        | more
    )


def error_rate(**more: Any) -> dict[str, Any]:
    chance = random.Random(5)
    values = [round((0.002 + 0.11 * bad(time)) * chance.uniform(0.8, 1.2), 5) if measured(time) else None
              for time in TIMES]  # fmt: skip
    return (
        frame(
            id="errors",
            kind="lines",
            title="Share of server errors",
            summary="0.2 % until Wednesday 14:20, 11 % since.",
            unit="ratio",
            series=[{"name": "errors", "label": "server errors", "colour": "errors", "values": values}],
        )
        | more
    )


def small(**more: Any) -> dict[str, Any]:
    """Six hours with a missing one: for tests that count."""
    times = [epoch("2026-11-20T10:00") + at * HOUR for at in range(6)]
    return {
        "id": "small", "kind": "lines", "title": "Small", "summary": "Six hours.", "unit": "s", "scale": "linear",
        "zone": ZONE, "step": HOUR, "time": times, "gaps": [[times[3], times[4]]],
        "series": [
            {"name": "p50", "label": "p50", "colour": "p50", "values": [0.1, 0.1, 0.1, None, 0.1, 0.0125]},
            {"name": "p95", "label": "p95", "colour": "p95", "values": [0.2, 0.3, 0.05, None, 1.5, 1.42]},
        ],
        "marks": [{"time": times[1] + 600, "label": "release 5.2.0", "kind": "release"}],
    } | more  # fmt: skip


def over_clock_change(day: str, hours: int) -> dict[str, Any]:
    """Hours of Berlin days on one of which clocks change."""
    start = epoch(day)
    times = [start + at * HOUR for at in range(hours)]
    values = [float(at % 24 + 1) for at in range(hours)]
    series = [{"name": "requests", "label": "Requests", "colour": "requests", "values": values}]
    return small(id="clocks", unit="1", time=times, series=series, gaps=[], marks=[])
