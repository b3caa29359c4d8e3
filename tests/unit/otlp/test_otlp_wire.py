"""protobuf in its fast form, and the lean messages read what OpenTelemetry's own read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.internal import api_implementation
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from endpoint_stats.ingest.otlp import wire

from .messages import STABLE, trace_request

ROOT = Path(__file__).resolve().parents[3]
CODE = """
from endpoint_stats.ingest.otlp.traces import decode_traces
import sys
print(len(decode_traces(bytes.fromhex(sys.argv[1]), json=False).hits))
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    body = trace_request(STABLE).SerializeToString().hex()
    return subprocess.run(
        [sys.executable, "-c", CODE, body],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_this_is_the_fast_form() -> None:
    assert api_implementation.Type() == "upb"


def test_the_slow_form_is_refused() -> None:
    done = run(PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python")
    assert done.returncode == 1
    assert "protobuf runs as 'python'" in done.stderr.splitlines()[-1]
    assert wire.ALLOW_SLOW in done.stderr.splitlines()[-1]


def test_unless_it_is_allowed() -> None:
    done = run(PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python", ALLOW_SLOW_PROTOBUF="1")
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr


@pytest.mark.parametrize(("implementation", "allowed", "refused"), [
    ("upb", "", False), ("python", "", True), ("cpp", "", True), ("python", "1", False),
])  # fmt: skip
def test_which_form_will_do(implementation: str, allowed: str, refused: bool) -> None:
    if refused:
        with pytest.raises(RuntimeError, match="upb"):
            wire.require_fast_protobuf(implementation, allowed)
    else:
        wire.require_fast_protobuf(implementation, allowed)


def test_numbers_and_types_are_those_of_opentelemetry() -> None:
    def compare(lean: object, whole: object) -> None:
        for field in lean.fields:
            other = whole.fields_by_name[field.name]
            assert (field.number, field.is_repeated) == (other.number, other.is_repeated)
            if field.name == "attributes":
                assert (field.type, other.type) == (field.TYPE_BYTES, field.TYPE_MESSAGE)
            elif field.message_type:
                compare(field.message_type, other.message_type)
            elif other.type == field.TYPE_ENUM:
                assert field.type == field.TYPE_INT32
            else:
                assert field.type == other.type

    compare(wire.TraceRequest.DESCRIPTOR, TracesData.DESCRIPTOR)


def test_decoding_needs_no_django() -> None:
    code = (
        "import endpoint_stats.ingest.otlp.traces, endpoint_stats.ingest.otlp.metrics, sys\n"
        "import endpoint_stats.ingest.otlp.histograms, endpoint_stats.ingest.otlp.answer\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'rest_framework')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
