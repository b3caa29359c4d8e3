"""Bodies: decompressed within a bound whatever they claim, and split so that one bad hit costs one hit."""

import gzip
import json
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from endpoint_stats.ingest.live.bodies import CHUNK, BodyError, decode_hits, read

LIMIT = 1 << 20
HIT = {"time": 1, "method": "GET", "path": "/a", "status": 200}


def chunks(data, size=CHUNK):
    return (data[start : start + size] for start in range(0, len(data), size))


def zstd(data):
    return zstandard.ZstdCompressor().compress(data)


ENCODERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd}


@given(
    st.binary(max_size=300) | st.binary(max_size=20).map(lambda part: part * 20_000),
    st.lists(st.sampled_from(sorted(ENCODERS)), max_size=2),
    st.integers(1, 5000),
)
def test_what_was_sent_comes_out(data, names, size):
    body = data
    for name in names:
        body = ENCODERS[name](body)
    assert read(chunks(body, size), ", ".join(names), LIMIT) == data


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_members_one_after_another(name):
    body = ENCODERS[name](b"one\n") + ENCODERS[name](b"") + ENCODERS[name](b"two\n")
    for size in (1, 3, 7, 10_000):
        assert read(chunks(body, size), name, LIMIT) == b"one\ntwo\n"


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_cut_off_is_an_error_at_every_place(name):
    body = ENCODERS[name](b"".join(b"%d," % number for number in range(60)))
    for length in range(1, len(body)):
        with pytest.raises(BodyError) as error:
            read(chunks(body[:length]), name, LIMIT)
        assert (error.value.status, error.value.code) == (400, "encoding_invalid")


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_damage_is_an_error(name):
    with pytest.raises(BodyError) as error:
        read(chunks(b"{}" * 100), name, LIMIT)
    assert error.value.status == 400


@pytest.mark.parametrize("encoding", ["br", "gzip, br", "gzip,gzip,gzip", "snappy"])
def test_encodings_that_are_not_known(encoding):
    with pytest.raises(BodyError) as error:
        read(iter(()), encoding, LIMIT)
    assert error.value.status == 415


def gigabyte(compressor):
    part = b"\0" * (1 << 20)
    return b"".join(compressor.compress(part) for _ in range(1024)) + compressor.flush()


BOMBS = {
    "gzip": lambda: gigabyte(zlib.compressobj(9, zlib.DEFLATED, 31)),
    "deflate": lambda: gigabyte(zlib.compressobj(9)),
    "zstd": lambda: gigabyte(zstandard.ZstdCompressor(level=3).compressobj()),
    # The outer layer is small, and so is the one inside.
    "zstd, zstd": lambda: zstd(gigabyte(zstandard.ZstdCompressor(level=3).compressobj())),
    "gzip, gzip": lambda: gzip.compress(gigabyte(zlib.compressobj(9, zlib.DEFLATED, 31))),
    "members": lambda: gzip.compress(b"\0" * (1 << 20)) * 1024,
}


@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_a_bomb_is_refused_and_takes_no_memory(bomb):
    body = BOMBS[bomb]()
    limit = 16 << 20
    tracemalloc.start()
    try:
        with pytest.raises(BodyError) as error:
            read(chunks(body), "gzip" if bomb == "members" else bomb, limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (error.value.status, error.value.code) == (413, "too_large")
    assert peak < 32 << 20


def test_a_zstd_frame_that_wants_a_huge_window_is_refused():
    compressor = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    ).compressobj()
    body = b"".join(compressor.compress(bytes([number % 251]) * (1 << 20)) for number in range(20)) + compressor.flush()
    with pytest.raises(BodyError):
        read(chunks(body), "zstd", LIMIT)


def test_the_limit_is_the_last_byte_that_fits():
    assert len(read(chunks(b"x" * LIMIT), "", LIMIT)) == LIMIT
    with pytest.raises(BodyError) as error:
        read(chunks(b"x" * (LIMIT + 1)), "", LIMIT)
    assert error.value.status == 413


BAD = [
    ("not json", "json_invalid"),
    ("7", "json_invalid"),
    ('{"time": {}}', "field_invalid"),
    ('{"status": "200"}', "field_invalid"),
]


def shapes(parts):
    yield "[" + ",".join(parts) + "]"
    yield " \n[" + ", \n".join(parts) + "\n]\n"


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(("bad", "reason"), BAD[1:])
def test_one_bad_hit_of_an_array_is_named_by_its_place(bad, reason, at):
    parts = [json.dumps(HIT), json.dumps({**HIT, "status": 500})]
    parts.insert(at, bad)
    for body in shapes(parts):
        batch = decode_hits(body.encode())
        assert (batch.rejected, batch.received) == ([(at, reason)], 3)
        assert [hit.status for hit in batch.hits] == [200, 500]
        assert batch.index.tolist() == [place for place in range(3) if place != at]
        assert batch.texts(at).strip() == bad.encode()


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_one_bad_line(bad, reason):
    body = "\n".join([json.dumps(HIT), bad, "", json.dumps(HIT)]).encode()
    batch = decode_hits(body)
    assert batch.rejected == [(1, reason), (2, "line_empty")]
    assert batch.index.tolist() == [0, 3]
    assert decode_hits(body + b"\n").received == 4


@pytest.mark.parametrize("body", [json.dumps(HIT), json.dumps(HIT, indent=2), json.dumps(HIT) + "\n"])
def test_one_object(body):
    batch = decode_hits(body.encode())
    assert (len(batch.hits), batch.received) == (1, 1)


@pytest.mark.parametrize("body", ["[", '[{"time": 1}', "[1,]", "[}", "[[", "[" * 100_000])
def test_an_array_that_is_none_is_refused_whole(body):
    with pytest.raises(BodyError) as error:
        decode_hits(body.encode())
    assert (error.value.status, error.value.code) == (400, "json_invalid")


@pytest.mark.parametrize("body", [b"", b"\n", b"[]", b" [ ] "])
def test_nothing(body):
    batch = decode_hits(body)
    assert (batch.received - len(batch.rejected), batch.hits) == (0, [])


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*HIT, "x"]), inner, max_size=4),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_bytes_are_hits_or_refused_or_an_error_that_says_so(body):
    try:
        batch = decode_hits(body)
    except BodyError as error:
        assert body.lstrip()[:1] == b"["
        assert error.status == 400
        return
    places = [*batch.index.tolist(), *(place for place, _ in batch.rejected)]
    assert sorted(places) == list(range(batch.received))
    for place, _ in batch.rejected:
        assert isinstance(batch.texts(place), bytes)
