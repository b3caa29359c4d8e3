"""A Result as the document that the API and ``manage.py stats --json`` give, and as text for people."""

from typing import Any

from endpoint_stats.aggregate.sketch import BANDS
from endpoint_stats.metrics import METRICS

from .answer import Result
from .notation import localized
from .spec import as_dict


def as_document(result: Result, slug: str) -> dict[str, Any]:
    """The contract's object; times are RFC 3339 in UTC, durations seconds."""
    document = {
        "query": as_dict(result.query, slug),
        "rows": result.rows,
        "totals": result.totals,
        "error_bound": result.error_bound,
        "levels": result.levels,
        "as_of": result.as_of.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "coverage": result.coverage,
    }
    if "histogram" in result.query.metrics:
        document["bands"] = BANDS
    return document


NEARLY = 0.9995  # what would be rounded up to 1000 of a unit is 1.00 of the next


def number(value: float) -> str:
    """1,234 up to 9,999, then 12.3 k, 4.56 M."""
    if abs(value) < 10_000:
        return localized(f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 999.5 else f"{value:,.3g}")
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= NEARLY * size:
            return f"{three_digits(value / size)} {unit}"
    raise AssertionError("every number of 10,000 or more has a unit")


def three_digits(value: float) -> str:
    return localized(f"{value:.2f}" if abs(value) < 9.995 else f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}")


def duration(seconds: float) -> str:
    """0.8 ms, 212 ms, 1.42 s, 3 min."""
    if seconds < 0.0095:
        return localized(f"{seconds * 1000:.1f} ms")
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{three_digits(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def size(count: float) -> str:
    """Bytes in decimal units: 203 kB."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= NEARLY * limit:
            return f"{three_digits(count / limit)} {unit}"
    return f"{count:.0f} B"


def isolated(name: str) -> str:
    """A name within a sentence: what is written from right to left, or says that it is, ends with it."""
    return name if name.isascii() else f"\u2068{name}\u2069"


def percent(value: float) -> str:
    """0.01 as ``1 %``, 0.9978 as ``99.8 %``."""
    return localized(f"{value:.1%}".replace(".0%", "%").replace("%", " %"))


def cell(name: str, value: Any) -> str:
    """A group's or metric's value as text; a missing value is a dash."""
    if value is None:
        return "–"
    metric = METRICS.get(name)
    if metric is None:
        return str(value)
    if metric.listed:
        return " ".join(map(str, value))
    if metric.unit == "s":
        return duration(value)
    if metric.unit == "By":
        return size(value)
    if name == "apdex":
        return localized(f"{value:.2f}")
    if metric.unit == "ratio":
        # A share that is not nothing must not look like nothing, nor one that is not all like all.
        return localized("<0.1%" if 0 < value < 0.0005 else ">99.9%" if 0.9995 <= value < 1 else f"{value:.1%}")
    return number(value)
