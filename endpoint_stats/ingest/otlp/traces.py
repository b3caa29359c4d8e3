"""Traces: each server span of HTTP is a request that was seen; all other spans are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from endpoint_stats.ingest.sources.hits import Hit

from . import attributes, json_form, sampling, trace_json, wire
from .attributes import RESOURCE_CLEANERS, Cleaner, Found, Sender, text
from .errors import reading

SERVER, SERVER_NAME = 2, "SPAN_KIND_SERVER"
ERROR, ERROR_NAME = 2, "STATUS_CODE_ERROR"
_TIMES = 1 << 64
_NO_ID = bytes(16)
_UNREAD = ("", None)  # an attribute that nobody asks for
_key_value = KeyValue.FromString


@dataclass(slots=True)
class Traces:
    """What a request held.

    hits: one for each server span of HTTP that has what a hit needs, in the order of the body
    weights: how many requests each hit stands for (1 to sampling.MAX_WEIGHT); None where all stand for one
    rejected: the other server spans of HTTP: (index among all of them, key of sources.base.REASONS), ascending
    other: number of spans that are no request: another kind, or not HTTP
    """

    hits: list[Hit] = field(default_factory=list)
    weights: list[int] | None = None
    rejected: list[tuple[int, str]] = field(default_factory=list)
    other: int = 0

    @property
    def received(self) -> int:
        return len(self.hits) + len(self.rejected)


def decode_traces(body: bytes, *, json: bool, consumer_attribute: str = "") -> Traces:
    """The requests in the body (decompressed) of an ExportTraceServiceRequest.

    json: OTLP/JSON instead of protobuf. consumer_attribute: the attribute, of the span or else of its resource, that
    names the consumer; "" for ``enduser.id``. Raises OtlpError, and nothing else, for a body that cannot be decoded.
    """
    consumer = consumer_attribute or attributes.CONSUMER
    if json:
        return reading(lambda: _from_json(body, consumer), "JSON")
    return reading(lambda: _from_protobuf(body, consumer), "protobuf")


class _Collector:
    """Adds up spans to Traces."""

    def __init__(self, consumer: str) -> None:
        self.traces = Traces()
        self._consumer = consumer
        self._counts = {"": sampling.ONE}
        self._weights: list[int] = []

    def add(self, found: Found, of: Sender, start: int, end: int, trace_id: bytes, trace_state: str) -> None:
        """One server span. start, end: nanoseconds since 1970, 0 where it has none; trace_id: 16 bytes, or not one."""
        traces = self.traces
        made = _hit(found, of, self._consumer, start, end)
        if made.__class__ is Hit:
            if len(trace_id) != 16:
                trace_id = _NO_ID
            elif trace_id != _NO_ID:
                made.trace_id = trace_id.hex()
            traces.hits.append(made)
            count = self._counts.get(trace_state)
            if count is None:
                count = self._counts[trace_state] = sampling.adjusted_count(trace_state)
            self._weights.append(sampling.weight(count, trace_id))
        elif made:
            traces.rejected.append((traces.received, made))
        else:
            traces.other += 1

    def finish(self) -> Traces:
        if any(weight != 1 for weight in self._weights):
            self.traces.weights = self._weights
        return self.traces


def _hit(found: Found, of: Sender, consumer: str, start: int, end: int) -> Any:
    """A server span's Hit (without trace id); the reason why it has none; "" for one that is not HTTP."""
    get = found.get
    method = get("http.request.method") or get("http.method")
    route, path, status = get("http.route"), attributes.path(found), attributes.status(found)
    if not (method and (path or route) and status and (start or end)):
        return "field_missing" if method or attributes.is_request(found) else ""
    if not (0 <= start < _TIMES and 0 <= end < _TIMES):
        return "time_invalid"
    if status < 0:
        return "status_invalid"
    if 0 < end < start:
        return "duration_invalid"
    request_size = get("http.request.body.size") or get("http.request.size") or get("http.request_content_length")
    response_size = get("http.response.body.size") or get("http.response.size") or get("http.response_content_length")
    if request_size == attributes.INVALID or response_size == attributes.INVALID:
        return "size_invalid"
    return Hit(
        # When it ended, as access logs have it; so a slow request is not late when it comes.
        (end or start) // 1_000_000_000,
        method,
        status,
        path,
        route,
        of.service,
        (end - start) / 1e9 if start and end else None,
        request_size,
        response_size,
        attributes.consumer(found, consumer, of),
        of.version,
        get("user_agent.original") or get("http.user_agent"),
        "",
        get("client.address") or get("http.client_ip"),
    )


class _Known(dict[bytes, tuple[str, Any]]):
    """A KeyValue's bytes -> (key, cleaned value), decoded when it is first met. Lives as long as one body."""

    def __init__(self, cleaners: Mapping[str, Cleaner]) -> None:
        self._cleaners = cleaners

    def __missing__(self, raw: bytes) -> tuple[str, Any]:
        pair = _key_value(raw)
        key = pair.key
        clean = self._cleaners.get(key)
        if clean is None:
            found = _UNREAD
        else:
            value = pair.value
            found = (key, clean(value.string_value or value.int_value or wire.value(value)))
        self[raw] = found
        return found


def _from_protobuf(body: bytes, consumer: str) -> Traces:
    collected = _Collector(consumer)
    known = _Known(attributes.cleaners(consumer)).__getitem__
    for resource_spans in wire.TraceRequest.FromString(body).resource_spans:
        known_of_resource = _Known({consumer: text, **RESOURCE_CLEANERS}).__getitem__
        of = attributes.sender(dict(map(known_of_resource, resource_spans.resource.attributes[:])), consumer)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if span.kind != SERVER:
                    collected.traces.other += 1
                    continue
                found = dict(map(known, span.attributes[:]))
                if attributes.status(found) is None and span.status.code == ERROR:
                    found["error.type"] = ERROR_NAME
                collected.add(
                    found, of, span.start_time_unix_nano, span.end_time_unix_nano, span.trace_id, span.trace_state
                )
    return collected.finish()


def _found(pairs: list[json_form.KeyValue] | None, cleaners: Mapping[str, Cleaner]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in json_form.some(pairs):
        key, value = pair.key or "", pair.value
        clean = cleaners.get(key)
        if clean is not None:
            told = value.string_value if value is not None else None
            # Most are texts, and a call costs as much as all else here.
            found[key] = told if told and clean is text else clean(json_form.value(value))
    return found


def _from_json(body: bytes, consumer: str) -> Traces:
    json_form.check_text(body)
    collected = _Collector(consumer)
    cleaners = attributes.cleaners(consumer)
    of_resource = {consumer: text, **RESOURCE_CLEANERS}
    for resource_spans in json_form.some(trace_json.decode(body).resource_spans):
        resource = resource_spans.resource
        of = attributes.sender(_found(resource.attributes if resource else None, of_resource), consumer)
        for scope_spans in json_form.some(resource_spans.scope_spans):
            for span in json_form.some(scope_spans.spans):
                if span.kind != SERVER and span.kind != SERVER_NAME:
                    collected.traces.other += 1
                    continue
                found = _found(span.attributes, cleaners)
                if attributes.status(found) is None and span.status and span.status.code in (ERROR, ERROR_NAME):
                    found["error.type"] = ERROR_NAME
                start, end = span.start_time_unix_nano or 0, span.end_time_unix_nano or 0
                collected.add(found, of, start, end, _trace_id(span.trace_id), span.trace_state or "")
    return collected.finish()


def _trace_id(digits: str | None) -> bytes:
    """The id that 32 hex digits stand for; all zero, which is none, where they are not such."""
    try:
        return bytes.fromhex(digits) if digits and len(digits) == 32 else _NO_ID
    except ValueError:
        return _NO_ID
