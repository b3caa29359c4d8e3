"""CPU time of decoding trace requests, a span, in both forms.

    python bench/otlp_decode.py [--spans 500] [--rounds 200]

Beside each, the time of parsing alone: by OpenTelemetry's own message class, without looking at a span, and by
Python's json. The least of all rounds is given: others share the machine.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, Python looks in this folder only

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.otlp_bodies import to_json, trace_request
from endpoint_stats.ingest.otlp.traces import decode_traces


def microseconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time of a round."""
    least = float("inf")
    for _ in range(rounds):
        begin = time.process_time_ns()
        work()
        least = min(least, time.process_time_ns() - begin)
    return least / 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time of decoding OTLP traces, a span.")
    parser.add_argument("--spans", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    request = trace_request(random.Random(1), options.spans)
    protobuf, text = request.SerializeToString(), to_json(request)
    assert len(decode_traces(protobuf, json=False).hits) == len(decode_traces(text, json=True).hits) == options.spans
    cases: dict[str, tuple[bytes, Callable[[], object]]] = {
        "protobuf": (protobuf, lambda: decode_traces(protobuf, json=False)),
        "protobuf, parsed only": (protobuf, lambda: ExportTraceServiceRequest.FromString(protobuf)),
        "JSON": (text, lambda: decode_traces(text, json=True)),
        "JSON, json.loads only": (text, lambda: json.loads(text)),
    }
    for name, (body, work) in cases.items():
        spent = microseconds(work, options.rounds) / options.spans
        print(f"{name:24}{len(body) / options.spans:8.0f} bytes a span{spent:8.2f} µs a span")


if __name__ == "__main__":
    main()
