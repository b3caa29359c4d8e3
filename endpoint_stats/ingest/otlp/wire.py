"""The protobuf form: values of attributes; and traces with only the fields that are read, attributes left as bytes.

A span has a dozen attributes. To make Python objects of them all costs several times what all else does, and nearly
all of them are the same in span after span: so they are declared here as what they are on the wire, bytes, and each
distinct one is decoded once (traces.py). Names and numbers of the fields are taken from OpenTelemetry's own messages.
"""

from __future__ import annotations

import os
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from .attributes import Value

ALLOW_SLOW = "ALLOW_SLOW_PROTOBUF"
_PACKAGE = "endpoint_stats.otlp"
_KEPT = (
    (TracesData, ("resource_spans",)),
    (ResourceSpans, ("resource", "scope_spans")),
    (Resource, ("attributes",)),
    (ScopeSpans, ("spans",)),
    (
        Span,
        ("trace_id", "trace_state", "kind", "start_time_unix_nano", "end_time_unix_nano", "attributes", "status"),
    ),
    (Status, ("code",)),
)
_Field = descriptor_pb2.FieldDescriptorProto


def require_fast_protobuf(implementation: str, allowed: str) -> None:
    """RuntimeError where protobuf runs in pure Python, eight times as slow, and nobody said that it may."""
    if implementation != "upb" and not allowed:
        raise RuntimeError(
            f"protobuf runs as {implementation!r} instead of its fast form 'upb'. Install its wheel for this platform "
            f"and leave PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION unset, or set {ALLOW_SLOW}=1 to go on, slowly."
        )


require_fast_protobuf(api_implementation.Type(), os.environ.get(ALLOW_SLOW, ""))


def _traces_class() -> Any:
    """The message class of a trace request. What it leaves out is skipped, and so not looked at."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for message, names in _KEPT:
        whole = descriptor_pb2.DescriptorProto()
        message.DESCRIPTOR.CopyToProto(whole)
        kept = file.message_type.add(name=whole.name)
        kept.field.extend(field for field in whole.field if field.name in names)
        for field in kept.field:
            if field.name == "attributes":
                field.type = _Field.TYPE_BYTES
            elif field.type == _Field.TYPE_ENUM:
                field.type = _Field.TYPE_INT32
            if field.type == _Field.TYPE_MESSAGE:
                field.type_name = f".{_PACKAGE}.{field.type_name.rpartition('.')[2]}"
            else:
                field.ClearField("type_name")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{TracesData.DESCRIPTOR.name}"))


TraceRequest = _traces_class()
"""ExportTraceServiceRequest: ``resource_spans`` is its only field, as it is of TracesData."""


def value(told: Any) -> Value:
    """What an AnyValue of protobuf tells."""
    kind = told.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in told.array_value.values]
    if kind == "kvlist_value":
        return tuple(pairs(told.kvlist_value.values))
    if kind in ("string_value", "int_value", "double_value", "bool_value", "bytes_value"):
        return getattr(told, kind)
    return None


def pairs(told: Any) -> list[tuple[str, Value]]:
    """Attributes (repeated KeyValue) as they stand."""
    return [(pair.key, value(pair.value)) for pair in told]
