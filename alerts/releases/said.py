"""A verdict in words: a sentence of a release, a line of an endpoint."""

from collections.abc import Callable

from .values import Finding, Measure, Verdict

Cell = Callable[[str, float], str]
NAMES = {"p95": "p95", "errors": "error_rate"}  # as metrics are called


def sentence(verdict: Verdict) -> str:
    """ "3 worse, 41 same, 2 too little data"; kinds that none is of are left out."""
    counts = (
        (verdict.worse, "worse"),
        (verdict.better, "better"),
        (verdict.same, "same"),
        (verdict.unknown, "too little data"),
    )
    return ", ".join(f"{count:,} {name}" for count, name in counts if count) or "no endpoints"


def what(finding: Finding, cell: Cell | None = None) -> str:
    """ "p95 212 ms → 480 ms", "errors 0.1% → 4.2%"; "" where nothing was estimated.

    cell: writes the value of a metric by its name, as endpoint_stats.query.render.cell does in the reader's notation.
    """
    if finding.before is None or finding.after is None:
        return ""
    return shown(finding.measure, finding.before, finding.after, cell)


def shown(measure: Measure, before: float, after: float, cell: Cell | None = None) -> str:
    write = cell or plain
    return f"{measure} {write(NAMES[measure], before)} → {write(NAMES[measure], after)}"


def plain(metric: str, value: float) -> str:
    """As programs write numbers: 0.8 ms, 212 ms, 1.42 s, 61 s; 0.1%, <0.1%."""
    if metric == "error_rate":
        return "<0.1%" if 0 < value < 0.0005 else ">99.9%" if 0.9995 <= value < 1 else f"{value:.1%}"
    if value < 0.9995:
        return f"{value * 1000:.1f} ms" if value < 0.0095 else f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 9.995 else f"{value:,.1f} s" if value < 99.95 else f"{value:,.0f} s"
