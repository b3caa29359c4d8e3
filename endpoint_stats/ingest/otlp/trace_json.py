"""The JSON form of a trace request: only the fields that are read."""

from __future__ import annotations

from . import json_form
from .json_form import KeyValue, Message, Resource


class Status(Message):
    code: int | str | None = None


class Span(Message):
    trace_id: str | None = None
    trace_state: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: int | None = None
    end_time_unix_nano: int | None = None
    attributes: list[KeyValue] | None = None
    status: Status | None = None


class ScopeSpans(Message):
    spans: list[Span] | None = None


class ResourceSpans(Message):
    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None


class TraceRequest(Message):
    resource_spans: list[ResourceSpans] | None = None


decode = json_form.decoder(TraceRequest).decode
"""Bytes -> TraceRequest. Raises msgspec's errors, which are ValueErrors, and RecursionError."""
