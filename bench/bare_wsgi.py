"""What the server itself can do: reads the body and answers 204. For bench/ingest.py."""

from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    environ["wsgi.input"].read()
    start_response("204 No Content", [])
    return []
