"""What the API's document says of OTLP/HTTP: answers and errors have the form of the request.

The messages themselves are described where they come from: https://github.com/open-telemetry/opentelemetry-proto
"""

from typing import Any

from endpoint_stats.ingest.otlp.answer import JSON, PROTOBUF

from .ingest_schema import CONTENT_ENCODING, PROBLEMS

# Of an Idempotency-Key and of logs: there is neither.
_ELSEWHERE = (409, 422)
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _forms(schema: dict[str, Any]) -> dict[str, Any]:
    return {PROTOBUF: _BINARY, JSON: {"schema": schema}}


_STATUS = _forms(
    {
        "type": "object",
        "description": "google.rpc.Status.",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", "minimum": 1, "maximum": 16, "description": "google.rpc.Code."},
            "message": {"type": "string", "description": "What to do."},
        },
    }
)


def _request(message: str, resources: str, scopes: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"{message}, in protobuf's JSON.",
        "properties": {
            resources: {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "resource": {"type": "object"},
                        scopes: {"type": "array", "items": {"type": "object"}},
                    },
                },
            }
        },
    }


def _answer(message: str, rejected: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"{message}. Empty where all was accepted.",
        "properties": {
            "partialSuccess": {
                "type": "object",
                "required": [rejected, "errorMessage"],
                "properties": {
                    rejected: {"type": "string", "pattern": "^[0-9]+$"},
                    "errorMessage": {"type": "string"},
                },
            }
        },
    }


def _operation(name: str, description: str, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    said = PROBLEMS | {400: "The body cannot be decoded.", 415: "The Content-Type or Content-Encoding is not known."}
    return {
        "post": {
            "operationId": name,
            "description": description,
            "tags": ["otlp"],
            "security": [{"ApiKey": []}],
            "parameters": [CONTENT_ENCODING],
            "requestBody": {"required": True, "content": _forms(request)},
            "responses": {
                "200": {"description": "Committed.", "content": _forms(answer)},
                **{
                    str(status): {"description": text, "content": _STATUS}
                    for status, text in said.items()
                    if status not in _ELSEWHERE
                },
            },
        }
    }


def add_otlp(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result["paths"]["/otlp/v1/traces"] = _operation(
        "otlp_traces",
        "Take server spans: ExportTraceServiceRequest.",
        _request("ExportTraceServiceRequest", "resourceSpans", "scopeSpans"),
        _answer("ExportTraceServiceResponse", "rejectedSpans"),
    )
    result["paths"]["/otlp/v1/metrics"] = _operation(
        "otlp_metrics",
        "Take histograms of HTTP servers' durations: ExportMetricsServiceRequest.",
        _request("ExportMetricsServiceRequest", "resourceMetrics", "scopeMetrics"),
        _answer("ExportMetricsServiceResponse", "rejectedDataPoints"),
    )
    return result
