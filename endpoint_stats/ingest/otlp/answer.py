"""Bodies of answers to OTLP requests.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response. The form, protobuf or JSON, is that of the request.
"""

from __future__ import annotations

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

PROTOBUF, JSON = "application/x-protobuf", "application/json"
# google.rpc.Code, of errors that these answers have
INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED = 3, 5, 7, 8
UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 12, 13, 14, 16


def traces_answer(rejected: int, message: str, *, json: bool) -> bytes:
    """ExportTraceServiceResponse: ``rejected`` spans, and why; empty where there is nothing to say."""
    if json:
        return _partial_json("rejectedSpans", rejected, message)
    answer = ExportTraceServiceResponse()
    if rejected or message:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = message
    return answer.SerializeToString()


def metrics_answer(rejected: int, message: str, *, json: bool) -> bytes:
    """ExportMetricsServiceResponse: ``rejected`` data points, and why; empty where there is nothing to say."""
    if json:
        return _partial_json("rejectedDataPoints", rejected, message)
    answer = ExportMetricsServiceResponse()
    if rejected or message:
        answer.partial_success.rejected_data_points = rejected
        answer.partial_success.error_message = message
    return answer.SerializeToString()


def _partial_json(name: str, rejected: int, message: str) -> bytes:
    """64-bit integers are strings in protobuf's JSON."""
    if not (rejected or message):
        return b"{}"
    return msgspec.json.encode({"partialSuccess": {name: str(rejected), "errorMessage": message}})


def error_answer(code: int, message: str, *, json: bool) -> bytes:
    """google.rpc.Status, the body of every answer that is an error. code: google.rpc.Code, 1 to 16."""
    if json:
        return msgspec.json.encode({"code": code, "message": message})
    text = message.encode()
    # Field 1, a varint; field 2, bytes of a length. Written out, since its class is no dependency.
    return b"\x08" + _varint(code) + (b"\x12" + _varint(len(text)) + text if text else b"")


def _varint(number: int) -> bytes:
    """Seven bits a byte, lowest first, the eighth set where more follow. ValueError below 0."""
    if number < 0:
        raise ValueError(f"A varint here is no negative number: {number}.")
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)
