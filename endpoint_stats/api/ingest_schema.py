"""What the API's document says of ingest, whose views are plain ones for speed and describe nothing themselves."""

from typing import Any

from endpoint_stats.ingest.sources.base import REASONS

_HIT = {
    "type": "object",
    "description": "One observed request. Unknown keys are ignored.",
    "required": ["time", "method", "status"],
    "properties": {
        "time": {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
                 "description": "RFC 3339, or epoch seconds."},
        "method": {"type": "string"},
        "path": {"type": "string", "description": "With or without a query, which is not kept. Or give a route."},
        "route": {"type": "string", "description": "The route's own name, such as /orders/{id}."},
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "duration": {"type": "number", "description": "Seconds."},
        "service": {"type": "string"},
        "request_size": {"type": "integer", "description": "Bytes."},
        "response_size": {"type": "integer", "description": "Bytes."},
        "consumer": {"type": "string"},
        "version": {"type": "string"},
        "user_agent": {"type": "string"},
        "trace_id": {"type": "string"},
    },
}  # fmt: skip
_ANSWER = {
    "type": "object",
    "description": "received = stored + duplicate + the sum of rejected. All of it is committed.",
    "required": ["batch", "received", "stored", "duplicate", "rejected", "errors"],
    "properties": {
        "batch": {"type": "string", "format": "uuid", "description": "The ledger's row: all of a key in an hour."},
        "received": {"type": "integer"},
        "stored": {"type": "integer"},
        "duplicate": {"type": "integer"},
        "rejected": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "propertyNames": {"enum": sorted(REASONS)},
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "line": {"type": "integer"},
                    "reason": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}  # fmt: skip
PROBLEMS = {
    400: "The body cannot be read.",
    401: "There is no key, or it is not known, revoked or expired.",
    403: "The key may not send.",
    405: "Only POST is taken.",
    409: "The Idempotency-Key came with another body before.",
    411: "The body comes in chunks, uncompressed: nobody could tell that it was cut off.",
    413: "The body is too large when decompressed.",
    415: "The Content-Encoding is not known.",
    422: "The log's format is not known.",
    429: "Over the quota; Retry-After says when there is room again.",
    503: "The database is away; Retry-After says when to send the same again.",
}


def _parameter(where: str, name: str, description: str) -> dict[str, Any]:
    return {"in": where, "name": name, "description": description, "schema": {"type": "string"}}


CONTENT_ENCODING = _parameter("header", "Content-Encoding", "gzip, deflate or zstd.")
_HEADERS = [
    _parameter("header", "Idempotency-Key", "The same again within 14 days changes nothing. At most 200 characters."),
    CONTENT_ENCODING,
]


def _operation(name: str, description: str, content: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "post": {
            "operationId": name,
            "description": description,
            "tags": ["ingest"],
            "security": [{"ApiKey": []}],
            "parameters": [*parameters, *_HEADERS],
            "requestBody": {"required": True, "content": content},
            "responses": {
                "200": {"description": "Committed.", "content": {"application/json": {"schema": _ANSWER}}},
                **{str(status): {"description": said, "content": problem} for status, said in PROBLEMS.items()},
            },
        }
    }


def add_ingest(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result["paths"]["/api/v1/ingest/hits"] = _operation(
        "ingest_hits",
        "Take hits: a JSON array, one object, or one a line.",
        {
            "application/json": {"schema": {"type": "array", "items": _HIT}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    )
    result["paths"]["/api/v1/ingest/logs"] = _operation(
        "ingest_logs",
        "Take raw lines of an access log.",
        {"text/plain": {"schema": {"type": "string"}}},
        _parameter("query", "service", "The service that wrote the log."),
        _parameter("query", "format", "A format's name or a format string; by default it is recognised."),
    )
    return result
