"""The JSON form of OTLP: what is common to all its messages, as msgspec reads them.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: camelCase names, trace ids in hex, 64-bit integers as
strings or numbers (``strict=False`` reads both), unknown fields ignored. null is as good as missing.
"""

from __future__ import annotations

import base64

import msgspec

from .attributes import Value


class Message(msgspec.Struct, rename="camel", gc=False):
    """A message. It holds no circle, so that the cyclic collector need not look at it."""


class ArrayValue(Message):
    values: list[AnyValue] | None = None


class KeyValueList(Message):
    values: list[KeyValue] | None = None


class AnyValue(Message):
    string_value: str | None = None
    int_value: int | None = None
    double_value: float | None = None
    bool_value: bool | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class KeyValue(Message):
    key: str | None = None
    value: AnyValue | None = None


class Resource(Message):
    attributes: list[KeyValue] | None = None


def some[Item](items: list[Item] | None) -> list[Item]:
    """A list that may be missing."""
    return items if items is not None else []


def value(told: AnyValue | None) -> Value:
    """The first of the value's kinds that is there. ValueError for integers and bytes that protobuf could not hold."""
    if told is None:
        return None
    if told.string_value is not None:
        return told.string_value
    if told.int_value is not None:
        if not -(2**63) <= told.int_value < 2**63:
            raise ValueError("intValue is no 64-bit integer")
        return told.int_value
    if told.double_value is not None:
        return told.double_value
    if told.bool_value is not None:
        return told.bool_value
    if told.array_value is not None:
        return [value(item) for item in some(told.array_value.values)]
    if told.kvlist_value is not None:
        return tuple(pairs(told.kvlist_value.values))
    return None if told.bytes_value is None else _from_base64(told.bytes_value)


def pairs(told: list[KeyValue] | None) -> list[tuple[str, Value]]:
    """Attributes as they stand."""
    return [(pair.key or "", value(pair.value)) for pair in some(told)]


def _from_base64(digits: str) -> bytes:
    """ValueError where it is none. Either alphabet will do, and padding may be missing, as in protobuf's JSON."""
    return base64.b64decode(digits.replace("-", "+").replace("_", "/") + "=" * (-len(digits) % 4), validate=True)


def decoder[Item](request: type[Item]) -> msgspec.json.Decoder[Item]:
    return msgspec.json.Decoder(request, strict=False)


def check_text(body: bytes) -> None:
    """UnicodeDecodeError where a body is not UTF-8: msgspec passes over what nobody reads."""
    if not body.isascii():
        body.decode()
