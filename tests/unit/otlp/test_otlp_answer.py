"""Answers as the specification has them, read back by OpenTelemetry's and Google's own messages."""

import json

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from endpoint_stats.ingest.otlp import answer


def test_nothing_to_say() -> None:
    """The field must be unset on success."""
    for make in (answer.traces_answer, answer.metrics_answer):
        assert make(0, "", json=False) == b""
        assert make(0, "", json=True) == b"{}"
    assert not ExportTraceServiceResponse.FromString(b"").HasField("partial_success")


@pytest.mark.parametrize("rejected", [0, 3, 2**53])
def test_partial_success(rejected: int) -> None:
    """With none rejected a message is a warning, which is allowed."""
    traces = ExportTraceServiceResponse.FromString(answer.traces_answer(rejected, "two – why", json=False))
    assert (traces.partial_success.rejected_spans, traces.partial_success.error_message) == (rejected, "two – why")
    metrics = ExportMetricsServiceResponse.FromString(answer.metrics_answer(rejected, "why", json=False))
    assert (metrics.partial_success.rejected_data_points, metrics.partial_success.error_message) == (rejected, "why")
    assert json.loads(answer.traces_answer(rejected, "two – why", json=True)) == {
        "partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": "two – why"}
    }
    assert json.loads(answer.metrics_answer(rejected, "why", json=True)) == {
        "partialSuccess": {"rejectedDataPoints": str(rejected), "errorMessage": "why"}
    }


@given(st.integers(1, 16), st.text(st.characters(codec="utf-8"), max_size=300))
def test_errors(code: int, message: str) -> None:
    status = Status.FromString(answer.error_answer(code, message, json=False))
    assert (status.code, status.message) == (code, message)
    assert status.SerializeToString() == answer.error_answer(code, message, json=False)
    assert json.loads(answer.error_answer(code, message, json=True)) == {"code": code, "message": message}


@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384])
def test_long_messages(size: int) -> None:
    assert Status.FromString(answer.error_answer(answer.UNAVAILABLE, "x" * size, json=False)).message == "x" * size


def test_no_negative_code() -> None:
    with pytest.raises(ValueError, match="negative"):
        answer.error_answer(-1, "", json=False)
