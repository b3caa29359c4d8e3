"""Any bytes: OtlpError or an account of everything. The long runs are bench/fuzz.py's; these are its checks."""

import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import fuzz, fuzz_otlp
from endpoint_stats.ingest.otlp.errors import OtlpError
from endpoint_stats.ingest.otlp.metrics import decode_metrics
from endpoint_stats.ingest.otlp.traces import decode_traces

DECODERS = {name: one for name, one in fuzz.decoders().items() if name.startswith(("traces", "metrics"))}
EACH = pytest.mark.parametrize("name", DECODERS)


@EACH
def test_valid_bodies_are_read(name: str) -> None:
    rng = random.Random(1)
    assert all(DECODERS[name].check(DECODERS[name].body(rng)) for _ in range(100))


@EACH
@given(body=st.binary(max_size=200))
@settings(deadline=None, max_examples=200)
def test_random_bytes(name: str, body: bytes) -> None:
    DECODERS[name].check(body)


@EACH
@given(seed=st.integers(0, 2**32), share=st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_truncated_bodies(name: str, seed: int, share: float) -> None:
    body = DECODERS[name].body(random.Random(seed))
    DECODERS[name].check(body[: int(len(body) * share)])


@EACH
@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_damaged_bodies(name: str, seed: int) -> None:
    rng = random.Random(seed)
    pool = [DECODERS[name].body(rng) for _ in range(2)]
    DECODERS[name].check(fuzz.damaged(rng, DECODERS[name], pool))


KEYS = st.sampled_from([
    "resourceSpans", "resourceMetrics", "scopeSpans", "scopeMetrics", "spans", "metrics", "resource", "attributes",
    "key", "value", "stringValue", "intValue", "arrayValue", "values", "kind", "status", "code", "traceState",
    "traceId", "name", "unit", "histogram", "exponentialHistogram", "dataPoints", "count", "sum", "bucketCounts",
    "explicitBounds", "positive", "offset", "scale", "flags", "aggregationTemporality", "startTimeUnixNano",
    "timeUnixNano",
])  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("decode", [decode_traces, decode_metrics])
@given(value=JSON)
@settings(deadline=None, max_examples=200)
def test_any_json(decode: Callable[..., object], value: object) -> None:
    body = json.dumps({"resourceSpans": [value], "resourceMetrics": [value]}).encode("utf-8", "surrogatepass")
    for told in (body, json.dumps(value).encode()):
        try:
            decode(told, json=True)
        except OtlpError as error:
            assert str(error).startswith("The body ")


def test_the_checks_see_what_is_lost() -> None:
    """A decoder that forgets a span fails them."""
    body = DECODERS["traces"].body(random.Random(1))
    traces = decode_traces(body, json=False)
    spans = [(True, True, True)] * (traces.received + traces.other + 1)
    with pytest.raises(AssertionError, match="every span once"):
        fuzz_otlp._check_traces(traces, spans)
