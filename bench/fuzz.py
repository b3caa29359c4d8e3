"""Fuzz a decoder with damaged bodies: it must account for everything in them or say that they cannot be read.

    python bench/fuzz.py --decoder NAME [--cases 1000000] [--seed N]

NAME: traces, traces-json, metrics, metrics-json (OTLP); hits, logs, compressed (other live bodies).

Valid bodies are damaged in one to three ways (bits, cuts, splices, wrong lengths, numbers past their range) and
checked. The same seed gives the same cases. On the first failure the body is printed in hex, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, Python looks in this folder only

POOL = 200
VARINTS = (b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\x0f")
JSON_TOKENS = tuple(
    token.encode()
    for token in (
        *("null", "true", "{}", "[]", '""', '"x"', "0", "-1", "1.5", "1e999", "-0.0", "2.0", '"NaN"', '"Infinity"'),
        *('"-Infinity"', "18446744073709551616", '"18446744073709551616"', "9" * 400, '"' + "9" * 5000 + '"'),
        *('"\\ud800"', '"\\u0000"', '"é"', "[" * 3000, '{"a":' * 3000, "NaN", "// x", '"2"', '"SPAN_KIND_SERVER"'),
    )
)
_JSON_VALUE = re.compile(rb'"[^"]*"|-?\d+(?:\.\d+)?|true|false|null')
Mutation = Callable[[random.Random, bytes, bytes], bytes]


@dataclass(frozen=True)
class Decoder:
    """A decoder under test.

    body: a valid body. check: raises where the decoder breaks a promise for some bytes; returns whether it read them.
    mutations: ways to damage a body, given another valid one.
    """

    body: Callable[[random.Random], bytes]
    check: Callable[[bytes], bool]
    mutations: Sequence[Mutation]


def flip_bit(rng: random.Random, body: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + bytes((body[at] ^ 1 << rng.randrange(8),)) + body[at + 1 :]


def set_byte(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """Any byte, rather a small one: tags and lengths are small."""
    at = rng.randrange(len(body))
    return body[:at] + bytes((rng.choice((rng.randrange(256), rng.randrange(32))),)) + body[at + 1 :]


def cut_off(rng: random.Random, body: bytes, other: bytes) -> bytes:
    return body[: rng.randrange(len(body))]


def cut_out(rng: random.Random, body: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + body[at + rng.randrange(1, 40) :]


def splice(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """A stretch of another body, put in or in place of as much."""
    at, begin, size = rng.randrange(len(body)), rng.randrange(len(other)), rng.randrange(1, 200)
    return body[:at] + other[begin : begin + size] + body[at + rng.choice((0, size)) :]


def join(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """Two bodies in one: to protobuf the two messages merged."""
    return body + other


def lie_about_length(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """The byte after something that looks like the tag of a field with a length says more or less than is there."""
    places = [at for at in range(len(body) - 1) if body[at] & 7 == 2 and body[at] < 0x80]
    if not places:
        return body
    at = rng.choice(places) + 1
    return body[:at] + bytes((max(0, min(255, body[at] + rng.choice((-3, -2, -1, 1, 2, 3, 100)))),)) + body[at + 1 :]


def put_varint(rng: random.Random, body: bytes, other: bytes) -> bytes:
    at = rng.randrange(len(body))
    return body[:at] + rng.choice(VARINTS) + body[at + rng.choice((0, 1)) :]


def put_token(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """One of the JSON's keys or values becomes something else that is JSON, or nearly."""
    found = list(_JSON_VALUE.finditer(body))
    if not found:
        return body
    place = rng.choice(found)
    return body[: place.start()] + rng.choice(JSON_TOKENS) + body[place.end() :]


def swap_values(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """One of the JSON's keys or values becomes one of another body's."""
    found, others = list(_JSON_VALUE.finditer(body)), _JSON_VALUE.findall(other)
    if not (found and others):
        return body
    place = rng.choice(found)
    return body[: place.start()] + rng.choice(others) + body[place.end() :]


def set_head(rng: random.Random, body: bytes, other: bytes) -> bytes:
    """Another of the first bytes, and with them the way in which the rest is read."""
    at = rng.randrange(min(3, len(body)))
    return body[:at] + bytes((rng.randrange(256),)) + body[at + 1 :]


COMMON = (flip_bit, set_byte, cut_off, cut_out, splice)
PROTOBUF = (*COMMON, join, lie_about_length, put_varint)
LINES = (*COMMON, join, *(swap_values, set_head) * 2)
# Text that is damaged anywhere is hardly ever JSON: mostly whole values are changed.
JSON = (*COMMON, *(put_token, swap_values) * 4)


def decoders() -> dict[str, Decoder]:
    """Name -> decoder. New ones are added here."""
    from bench import fuzz_live, fuzz_otlp

    return {
        "traces": Decoder(fuzz_otlp.traces_body, fuzz_otlp.check_traces, PROTOBUF),
        "traces-json": Decoder(fuzz_otlp.traces_json_body, fuzz_otlp.check_traces_json, JSON),
        "metrics": Decoder(fuzz_otlp.metrics_body, fuzz_otlp.check_metrics, PROTOBUF),
        "metrics-json": Decoder(fuzz_otlp.metrics_json_body, fuzz_otlp.check_metrics_json, JSON),
        "hits": Decoder(fuzz_live.hits_body, fuzz_live.check_hits, JSON),
        "logs": Decoder(fuzz_live.logs_body, fuzz_live.check_logs, LINES),
        "compressed": Decoder(fuzz_live.compressed_body, fuzz_live.check_compressed, (*COMMON, join, *(set_head,) * 6)),
    }


def damaged(rng: random.Random, decoder: Decoder, pool: Sequence[bytes]) -> bytes:
    body = rng.choice(pool)
    for _ in range(rng.choice((1, 1, 2, 3))):
        if body:
            body = rng.choice(decoder.mutations)(rng, body, rng.choice(pool))
    return body


def run(decoder: Decoder, cases: int, seed: int) -> int:
    """The exit code."""
    rng = random.Random(seed)
    pool = [decoder.body(rng) for _ in range(POOL)]
    begin, read = time.perf_counter(), 0
    for number in range(cases):
        body = damaged(rng, decoder, pool)
        try:
            read += decoder.check(body)
        except Exception:
            traceback.print_exc()
            print(f"case {number} of seed {seed} failed; the body in hex:\n{body.hex()}")
            return 1
    seconds = time.perf_counter() - begin
    print(f"{cases:,} cases, {read:,} of them readable, {cases / seconds:,.0f} cases a second, seed {seed}: no failure")
    return 0


def main() -> None:
    known = decoders()
    parser = argparse.ArgumentParser(description="Fuzz a decoder with damaged bodies.")
    parser.add_argument("--decoder", choices=known, required=True)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(run(known[options.decoder], options.cases, options.seed))


if __name__ == "__main__":
    main()
