"""Charts and sparklines in templates; docs/charts.md has the contract of a chart."""

from collections.abc import Sequence
from html import escape  # Django's is three times as slow, and marks as safe what is only a part here
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from endpoint_stats.pages import chart_table, sparkline

register = template.Library()
_STROKE = 'fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"'


@register.simple_tag
def chart_parts(chart: dict[str, Any]) -> dict[str, Any]:
    """What the partial of a chart needs besides the chart itself."""
    chart_table.check(chart)
    table = chart_table.table(chart)
    return {
        "table": table,
        "rows": _rows(table),
        "axis": chart_table.axis(chart),
        "most": chart_table.most(chart) if chart["kind"] == "heatmap" else "",
    }


def _rows(table: chart_table.Table) -> SafeString:
    """The table's body. In Python, since four charts have a thousand cells, which a template takes 30 ms for."""
    found = []
    for row in table.rows:
        cells = [
            f'<td title="{escape(cell.reason)}">{escape(cell.text)}</td>'
            if cell.reason
            else f"<td>{escape(cell.text)}</td>"
            for cell in row.cells
        ]
        if table.noted:
            cells.append(f'<td class="note">{escape(row.note)}</td>')
        head = f'<th scope="row"><time datetime="{row.start.isoformat()}">{escape(row.label)}</time></th>'
        found.append(f"<tr>{head}{''.join(cells)}</tr>")
    return mark_safe("\n".join(found))  # each part is escaped above


@register.simple_tag
def spark(values: Sequence[float | None], width: int = 96, height: int = 20) -> SafeString:
    """A row's trend, for the eye only: the row says the numbers."""
    drawn = sparkline.path(values, width, height)
    line = f'<path d="{drawn}" {_STROKE}/>' if drawn else ""
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    # Numbers and words of our own: nothing to escape. A template for each row would take as long as the row itself.
    return mark_safe(f'<svg class="spark" {size} aria-hidden="true" focusable="false">{line}</svg>')
