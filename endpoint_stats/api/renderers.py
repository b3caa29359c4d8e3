"""Answers in other shapes than JSON, chosen by ``Accept``."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

# A spreadsheet would run a cell that begins so; names come from whoever sends requests.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CSVRenderer(BaseRenderer):
    """The rows of an answer: a header, then a line each. Problems stay JSON, whatever was asked for."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if not isinstance(data, Mapping) or "rows" not in data:
            return json.dumps(data).encode()
        asked = data["query"]
        groups = list(dict.fromkeys(name for row in data["rows"] for name in row))
        names = groups or [*asked["group_by"], *(["time"] if asked["interval"] else []), *asked["metrics"]]
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(names)
        writer.writerows([_cell(row.get(name)) for name in names] for row in data["rows"])
        return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return " ".join(map(str, value)) if isinstance(value, list) else value


class PrometheusRenderer(BaseRenderer):
    """The text format of Prometheus, made by its own library before."""

    media_type = "text/plain"
    format = "prometheus"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return data if isinstance(data, bytes) else json.dumps(data).encode()
