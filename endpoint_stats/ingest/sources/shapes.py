"""Shapes of request lines: equal for those that have the same method and, but for integers and UUIDs that are whole
segments, the same path.

Found for many lines at once: a line's target is 64 bytes of a matrix, what is known of its bytes are the 64 bits of a
number, and a run of digits is found as the carry of an addition.
"""

from __future__ import annotations

import string

import numpy as np
import numpy.typing as npt

from .lines import Bools, Ints, Lines, Spans, Words

_METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ", b"OPTIONS ")
_PROTOCOLS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0")
_WIDTH = 64  # bytes of a target that are looked at: as many as a number has bits
_UUID_LENGTH = 36
_INTEGER, _UUID = 1, 2  # bytes that stand for them; no path that is read here has them

_PLAIN, _DIGIT, _HEX, _DASH, _SLASH, _END = 1, 2, 4, 8, 16, 32


def _classes() -> npt.NDArray[np.uint8]:
    """What is known of each byte. A path of plain bytes has nothing to decode, cut or replace (targets.py)."""
    table = np.zeros(256, np.uint8)
    listed = (
        (string.ascii_letters + string.digits + "/._~@:+,;=!$&'()*-", _PLAIN),
        (string.digits, _DIGIT),
        (string.hexdigits, _HEX),
        ("-", _DASH),
        ("/", _SLASH),
        ("? ", _END),
    )
    for characters, bit in listed:
        table[list(characters.encode())] |= bit
    return table


_CLASSES = _classes()


def _number(bits: int) -> np.uint64:
    return np.uint64(bits)


def _bits(where: Bools) -> Words:
    """bool[n, 64] -> uint64[n], the first column lowest."""
    return np.packbits(where, axis=1, bitorder="little").view("<u8").ravel()


def _columns(bits: Words) -> Bools:
    """uint64[n] -> bool[n, 64], the lowest bit first."""
    return np.unpackbits(bits.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little").astype(bool)


def _methods(lines: Lines, start: Ints) -> tuple[Ints, Ints]:
    """Each request line's method as a place in ``_METHODS`` (-1: another one), and where its target starts."""
    first = lines.words[start]
    method, target = np.full(len(start), -1), start.copy()
    for number, name in enumerate(_METHODS):
        mask = _number((1 << 8 * len(name)) - 1)
        found = (first & mask) == _number(int.from_bytes(name, "little"))
        method[found] = number
        target[found] += len(name)
    return method, target


def _uuids(hexadecimal: Words, dash: Words, before: Words, behind: Words) -> Words:
    """Where segments that are UUIDs start. before, behind: where a segment may start, and what may follow one."""
    two = hexadecimal & (hexadecimal >> _number(1))
    four = two & (two >> _number(2))
    eight = four & (four >> _number(4))
    starts = before & eight & (behind >> _number(_UUID_LENGTH))
    for at in (8, 13, 18, 23):
        starts &= (dash >> _number(at)) & (four >> _number(at + 1))
    return starts & (eight >> _number(24)) & (four >> _number(32))


def request_shapes(requests: Spans) -> list[bytes | None]:
    """The shape of each request line (``GET /a/1?b HTTP/1.1``); None for those that have to be looked at one by one."""
    lines = requests.lines
    method, start = _methods(lines, requests.start)
    target = Spans(lines, start, requests.end).padded(_WIDTH)
    classes = _CLASSES[target]
    plain, digit, hexadecimal, dash, slash, stop = (
        _bits((classes & bit) != 0) for bit in (_PLAIN, _DIGIT, _HEX, _DASH, _SLASH, _END)
    )
    end = stop & (~stop + _number(1))  # the lowest bit: where the path ends
    path = end - _number(1)
    good = (method >= 0) & (end != 0) & ((path & ~plain) == 0) & (target[:, 0] == ord("/"))
    good &= _protocol_follows(requests, start + np.bitwise_count(path), target, path)
    before, behind = (slash & path) << _number(1), (slash & path) | end
    uuids = _uuids(hexadecimal, dash, before, behind)
    values = (uuids << _number(_UUID_LENGTH)) - uuids
    integers = digit & ~values & before
    # The carry of each run of digits that starts a segment arrives behind it; all other bits stay as they are.
    after = (integers + (digit & ~values)) & ~digit
    good &= (after & ~behind) == 0  # else a segment only begins with digits
    values |= after - integers
    keep = (path & ~values) | integers | uuids
    return _cut(method, target, (integers, uuids), keep, good)


def _protocol_follows(requests: Spans, at: Ints, target: npt.NDArray[np.uint8], path: Words) -> Bools:
    """Whether the line goes on with a query, of which nothing matters, or ends with a space and a protocol."""
    length = np.minimum(np.bitwise_count(path), _WIDTH - 1)
    query = target[np.arange(len(target)), length] == ord("?")
    protocol = np.zeros(len(target), bool)
    following = requests.lines.words[np.minimum(at + 1, requests.end)]
    for name in _PROTOCOLS:
        protocol |= following == _number(int.from_bytes(name, "little"))
    return query | (protocol & (requests.end - at == 1 + len(_PROTOCOLS[0])))


def _cut(
    method: Ints, target: npt.NDArray[np.uint8], marks: tuple[Words, Words], keep: Words, good: Bools
) -> list[bytes | None]:
    """The bytes to keep of each good line, behind one for its method."""
    for bits, byte in zip(marks, (_INTEGER, _UUID), strict=True):
        target[_columns(bits)] = byte
    kept = np.ones((len(target), 1 + _WIDTH), bool)
    kept[:, 1:] = _columns(keep)
    kept &= good[:, None]
    text = np.concatenate((method.astype(np.uint8)[:, None], target), axis=1)[kept].tobytes()
    ends = np.cumsum(np.where(good, 1 + np.bitwise_count(keep), 0)).tolist()
    begin, shapes = 0, list[bytes | None]()
    for stop in ends:
        shapes.append(text[begin:stop] or None)
        begin = stop
    return shapes
