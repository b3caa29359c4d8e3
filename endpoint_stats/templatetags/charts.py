"""Charts and sparklines in templates; docs/charts.md has the contract of a chart."""

from collections.abc import Sequence
from typing import Any

from django import template

from endpoint_stats.pages import chart_table, sparkline

register = template.Library()


@register.simple_tag
def chart_parts(chart: dict[str, Any]) -> dict[str, Any]:
    """What the partial of a chart needs besides the chart itself."""
    chart_table.check(chart)
    return {
        "table": chart_table.table(chart),
        "axis": chart_table.axis(chart),
        "most": chart_table.most(chart) if chart["kind"] == "heatmap" else "",
    }


@register.inclusion_tag("endpoint_stats/_spark.html")
def spark(values: Sequence[float | None], width: int = 96, height: int = 20) -> dict[str, Any]:
    """A row's trend, for the eye only: the row says the numbers."""
    return {"path": sparkline.path(values, width, height), "width": width, "height": height}
