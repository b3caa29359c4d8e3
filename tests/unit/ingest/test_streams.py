"""Files and pipes are cut into the same pieces, whatever is asked, however long a line is."""

import bz2
import gzip
import io
import os
import random
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from unittest import mock

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest import places, streams
from endpoint_stats.ingest.places import digest_marks
from endpoint_stats.ingest.streams import FileStream, PipeStream, StreamError, open_stream

GRID, LINE = 64, 120
LIMIT = LINE + 2 * GRID


@contextmanager
def small():
    """Everything a thousand times smaller, so that short streams meet every bound."""
    with (
        mock.patch.multiple(places, GRID=GRID, MAX_LINE=LINE, DIGEST_LIMIT=LIMIT),
        mock.patch.multiple(streams, GRID=GRID, DIGEST_LIMIT=LIMIT, BLOCK=16),
    ):
        yield


class Trickle(io.RawIOBase):
    """A pipe that gives as much as it likes, at least one byte."""

    def __init__(self, data, seed):
        self.data, self.random, self.at = data, random.Random(seed), 0

    def read(self, size=-1):
        most = len(self.data) - self.at if size < 0 else size
        part = self.data[self.at : self.at + self.random.randint(1, max(most, 1))]
        self.at += len(part)
        return part


line = st.one_of(
    st.sampled_from([b"", b"a", b"\r", b"line"]),
    st.integers(0, 4 * LIMIT).map(lambda size: b"x" * size),
    st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"-")),
)
data = st.builds(
    lambda listed, tail: b"".join(part + b"\n" for part in listed) + tail,
    st.lists(line, max_size=25),
    st.one_of(st.just(b""), st.just(b"torn"), st.integers(1, LIMIT).map(lambda size: b"y" * size)),
)
steps = st.lists(st.one_of(st.integers(1, 300), st.just(GRID), st.just(4 * GRID)), min_size=1, max_size=30)


def pieces(stream, wanted):
    """All pieces of a stream, which is closed; ``wanted``: how far each asks to go, the last for all the rest."""
    with closing(stream):
        return list(_pieces(stream, wanted))


def _pieces(stream, wanted):
    found, offset, wanted = [], 0, list(wanted)
    while True:
        target = offset + (wanted.pop(0) if len(wanted) > 1 else wanted[0])
        piece = stream.piece(offset, target)
        if piece is None:
            return found
        assert piece.start == offset < piece.end
        found.append((piece, piece.load(), target))
        offset = piece.end


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("streams")


@given(data, steps, st.integers(0, 9), st.booleans())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_a_file_and_a_pipe_are_cut_alike(folder, content, wanted, seed, peek):
    path = folder / "log"
    path.write_bytes(content)
    with small():
        file, pipe = FileStream(str(path)), PipeStream("-", Trickle(content, seed))
        if peek:
            assert pipe.head()[:16] == file.head() == content[:16]
        from_file, from_pipe = pieces(file, wanted), pieces(pipe, wanted)
        assert [(one.start, one.end) for one, *_ in from_file] == [(one.start, one.end) for one, *_ in from_pipe]
        for (one, held, _), (other, same, _) in zip(from_file, from_pipe, strict=True):
            whole = content[one.start : one.end]
            assert digest_marks(held, one.start, one.end) == digest_marks(same, other.start, other.end)
            for part in (held, same):
                assert whole.startswith(part)
                cut_short = len(part) < len(whole)
                # Only within a line that is too long to be stored is anything left out.
                assert not cut_short or len(part[part.rfind(b"\n") + 1 :]) > LINE
    assert b"".join(content[one.start : one.end] for one, *_ in from_file) == content


@given(data, steps)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_a_piece_ends_with_the_first_line_that_ends_at_or_after_the_target(folder, content, wanted):
    path = folder / "log"
    path.write_bytes(content)
    tail = content.rfind(b"\n") + 1
    with small():
        stream = FileStream(str(path))
        for piece, _, target in pieces(stream, wanted):
            if piece.start >= tail:
                expected = len(content)
            else:
                expected = content.find(b"\n", target - 1) + 1 or tail
            assert piece.end == expected
            assert piece.rest == (len(content) - piece.end if piece.end >= tail else None)


@given(data, st.integers(0, 9))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_a_pipe_says_when_its_stream_ends(content, seed):
    """Asked for more than there is left, a pipe knows as a file does that this is the end."""
    with small():
        found = pieces(PipeStream("-", Trickle(content, seed)), [10**9])
        assert [piece.rest for piece, *_ in found] == [len(content) - piece.end for piece, *_ in found]


def test_the_real_limits(tmp_path):
    """A line of three megabytes between short ones: held in memory as far as its digest asks, no further."""
    content = b"a\n" * 9 + b"z" * 3_000_000 + b"\nb\n" + b"q" * 2_500_000 + b"\nc"
    path = tmp_path / "log"
    path.write_bytes(content)
    found = pieces(FileStream(str(path)), [1 << 14])
    same = pieces(PipeStream("-", io.BytesIO(content)), [1 << 14])
    assert [(one.start, one.end) for one, *_ in found] == [(one.start, one.end) for one, *_ in same]
    assert found[-1][0].end == len(content)
    assert max(len(held) for _, held, _ in found) < 2 * (1 << 20)
    for (one, held, _), (other, piped, _) in zip(found, same, strict=True):
        assert digest_marks(held, one.start, one.end) == digest_marks(piped, other.start, other.end)


@pytest.mark.parametrize("reader", ["file", "pipe"])
@pytest.mark.parametrize("size", [1000, 1 << 20, 3_000_000])
def test_a_last_line_without_its_newline_is_a_piece_of_its_own(tmp_path, reader, size):
    """Both readers must cut there, or a copy that came by a pipe is not known again when it comes as a file."""
    content = b"a\nb\n" + b"q" * size
    path = tmp_path / "log"
    path.write_bytes(content)
    with path.open("rb") as pipe:
        stream = FileStream(str(path)) if reader == "file" else PipeStream("-", pipe)
        found = [(one.start, one.end) for one, *_ in pieces(stream, [1 << 14])]
    assert found == [(0, 4), (4, 4 + size)]


def compressors():
    return {
        "gzip": gzip.compress,
        "gzip of two": lambda raw: gzip.compress(raw[:50]) + gzip.compress(raw[50:]),
        "bzip2": bz2.compress,
        "zstd": zstandard.ZstdCompressor().compress,
        "zstd of two": lambda raw: (
            zstandard.ZstdCompressor().compress(raw[:50]) + zstandard.ZstdCompressor().compress(raw[50:])
        ),
        "plain": bytes,
    }


CONTENT = b"".join(b"line %d of the log\n" % number for number in range(20_000))


@pytest.mark.parametrize("name", compressors())
@pytest.mark.parametrize("how", ["path", "pipe"])
def test_compressed_streams_say_the_same(tmp_path, name, how):
    path = tmp_path / "any.name"
    path.write_bytes(compressors()[name](CONTENT))
    with path.open("rb") as pipe:
        found = pieces(open_stream(str(path) if how == "path" else "-", pipe), [64 * 1024])
    assert b"".join(held for _, held, _ in found) == CONTENT
    plain = tmp_path / "plain"
    plain.write_bytes(CONTENT)
    same = pieces(FileStream(str(plain)), [64 * 1024])
    assert [(one.start, one.end) for one, *_ in found] == [(one.start, one.end) for one, *_ in same]


@pytest.mark.parametrize("name", ["gzip", "bzip2", "zstd"])
def test_what_was_cut_off_gives_its_whole_lines_and_then_says_so(tmp_path, name):
    path = tmp_path / "log"
    random_lines = b"".join(b"%s\n" % os.urandom(30).hex().encode() for _ in range(60_000))
    path.write_bytes(compressors()[name](random_lines)[: -len(random_lines) // 8])
    stream, given_out = open_stream(str(path), io.BytesIO()), b""
    with pytest.raises(StreamError, match=r"cut off.*\.$"):
        while True:
            piece = stream.piece(len(given_out), len(given_out) + 64 * 1024)
            given_out += piece.load()
    stream.close()
    assert len(given_out) > 100_000
    assert random_lines.startswith(given_out)
    assert given_out.endswith(b"\n")


def test_whole_lines_only_while_a_log_is_written(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr")
    stream = FileStream(str(path), whole_lines=True)
    assert stream.piece(0, 1 << 20).load() == b"one\ntwo\n"
    assert stream.piece(8, 1 << 20) is None
    with path.open("ab") as file:
        file.write(b"ee\nfo")
    stream.refresh()
    assert stream.piece(8, 1 << 20).load() == b"three\n"
    stream.close()


def test_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    stream = FileStream(str(path))
    piece = stream.piece(0, 100)
    path.write_bytes(b"one\n")
    with pytest.raises(StreamError, match="shorter"):
        piece.load()
    stream.close()


@pytest.mark.parametrize("kind", ["missing", "directory", "forbidden"])
def test_what_cannot_be_opened_says_what_to_do(tmp_path, kind):
    path = tmp_path / "log"
    if kind == "directory":
        path.mkdir()
    if kind == "forbidden":
        path.write_bytes(b"x\n")
        path.chmod(0)
        with suppress(PermissionError):
            Path(path).read_bytes()
            pytest.skip("this user may read everything")
    with pytest.raises(StreamError, match=r"\.(log)?$"):
        open_stream(str(path), io.BytesIO())


def test_an_empty_file_and_an_empty_pipe(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"")
    for stream in (open_stream(str(path), io.BytesIO()), open_stream("-", io.BytesIO(b""))):
        assert stream.head() == b""
        assert stream.piece(0, 100) is None
        stream.close()
