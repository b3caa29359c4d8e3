"""Identity by place: the digests of a stream, and which lines of another stream they recognise."""

import itertools
from dataclasses import dataclass
from unittest import mock

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest import places
from endpoint_stats.ingest.places import Chain, Known, Stretch, digest_marks, line_crc, mark_ends, pack_marks, short

SMALL = 64  # a grid that short streams have many cells of


def small_grid(grid=SMALL):
    return mock.patch.object(places, "GRID", grid)


# Lines from an alphabet so small that many are alike, some empty, some longer than a cell of the grid.
line = st.one_of(
    st.sampled_from([b"", b"a", b"b", b"same line", b"GET /orders 200"]),
    st.integers(0, 3 * SMALL).map(lambda size: b"x" * size),
    st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"-")),
)
lines = st.lists(line, max_size=40)


@st.composite
def streams(draw):
    """Bytes of a stream; the last line perhaps without its newline."""
    listed = draw(lines)
    data = b"".join(part + b"\n" for part in listed)
    return data + draw(st.sampled_from([b"", b"", b"no newline", b"a"]))


def line_ends(data):
    """Offsets after each newline, and the end of the stream."""
    return sorted({at + 1 for at, byte in enumerate(data) if byte == 10} | {len(data)} - {0})


def naive_marks(data, grid):
    """Each line's end within the first cell, then the first at or after each multiple of the grid."""
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    chosen = {end for end in ends if end <= grid}
    for multiple in range(grid, len(data) + 1, grid):
        chosen |= {min((end for end in ends if end >= multiple), default=0)} - {0}
    return sorted(chosen)


@st.composite
def cut(draw, data):
    """Pieces ``(start, end)`` of a stream, cut at ends of lines."""
    ends = line_ends(data)
    chosen = sorted(draw(st.sets(st.sampled_from(ends)))) if ends else []
    bounds = [0, *[end for end in chosen if end < len(data)], len(data)]
    return [(a, b) for a, b in itertools.pairwise(bounds) if a < b]


@st.composite
def streams_and_cuts(draw):
    data = draw(streams())
    return data, draw(cut(data)), draw(cut(data))


def walk(data, pieces):
    """[(end, node)] of every mark met, and the chain at the end."""
    chain, met = Chain(), []
    for start, end in pieces:
        marks, lead = digest_marks(data[start:end], start, end, chain.lead)
        met += [(end, node) for end, node, _ in chain.advance(marks, lead)]
    return met, chain


@given(streams_and_cuts())
@settings(max_examples=300)
def test_marks_and_nodes_do_not_depend_on_the_cuts(case):
    data, one, other = case
    with small_grid():
        first, chain = walk(data, one)
        second, same = walk(data, other)
        assert [end for end, _ in first] == naive_marks(data, SMALL)
        assert first == second
        assert chain.node_after() == same.node_after()
        for start, _ in other:
            # Wherever a piece begins, the place before it has one digest.
            parts = [(a, b) for a, b in [*one, (0, 0)] if b <= start and a < b]
            reached = parts[-1][1] if parts else 0
            _, there = walk(data, parts)
            if reached <= start and not any(reached < mark <= start for mark in naive_marks(data, SMALL)):
                straight = walk(data, [(0, start)] if start else [])[1]
                assert there.node_after(data[reached:start]) == straight.node_after()


@given(streams(), streams())
def test_nodes_tell_streams_apart(one, other):
    with small_grid():
        first = dict(walk(one, [(0, len(one))] if one else [])[0])
        second = dict(walk(other, [(0, len(other))] if other else [])[0])
        for end in set(first) & set(second):
            assert (first[end] == second[end]) == (one[:end] == other[:end])


@given(streams())
def test_mark_ends_of_a_whole_stream(data):
    with small_grid():
        assert mark_ends(data, 0, len(data)) == naive_marks(data, SMALL)


def test_the_real_grid():
    data = b"".join(b"%06d %s\n" % (number, b"y" * (number % 900)) for number in range(300))
    assert mark_ends(data, 0, len(data)) == naive_marks(data, 16 * 1024)


@dataclass
class Committed:
    """A stream and the stretches of it that were stored."""

    data: bytes
    pieces: list
    stored: list

    def stretches(self):
        chain, found = Chain(), []
        for piece in self.pieces:
            start, end = piece
            data = self.data[start:end]
            node = short(chain.node_after())
            marks, lead = digest_marks(data, start, end, chain.lead)
            nodes = chain.advance(marks, lead)
            if piece in self.stored:
                packed = pack_marks(start, node, line_crc(data, 0), nodes)
                found.append(Stretch(start, end, short(chain.node_after()), packed))
        return found


@st.composite
def committed_and_read(draw):
    """What was stored of one stream, and another that begins like it, up to any byte."""
    data = draw(streams())
    pieces = draw(cut(data))
    stored = [piece for piece in pieces if draw(st.integers(0, 3))]
    shared = draw(st.one_of(st.just(len(data)), st.integers(0, len(data)), st.sampled_from(line_ends(data) or [0])))
    more = draw(st.one_of(st.just(b""), streams(), streams().map(lambda rest: data[shared:][: len(rest)] + rest)))
    return Committed(data, pieces, stored), data[:shared] + more


def reader_pieces(data, targets):
    """A piece of a stream from ``start``: up to the first line that ends at or after the target; a last line
    without its newline is a piece of its own. And what is left behind it, where that is no whole line."""
    tail = data.rfind(b"\n") + 1

    def piece(start, target):
        if start >= tail:
            return data[start:], 0
        end = data.find(b"\n", max(target - 1, start), tail) + 1 or tail
        return data[start:end], len(data) - end if end >= tail else None

    return piece


def read(known, data, piece_size):
    """[(start, until)] that is claimed as counted before, reading as an import reads."""
    piece_of, chain, offset, claimed = reader_pieces(data, None), Chain(), 0, []
    while offset < len(data):
        target = (offset // piece_size + 1) * piece_size
        if offset < known.limit:
            target = known.next_cut(offset, target)
        part, rest = piece_of(offset, target)
        end, until = offset + len(part), offset
        if offset < known.limit:
            until, read_on, _ = known.counted_until(part, offset, chain, rest)
            while read_on and end < len(data):
                more, rest = piece_of(end, read_on)
                part, end = part + more, end + len(more)
                until, read_on, _ = known.counted_until(part, offset, chain, rest)
        assert offset <= until <= end
        if until > offset:
            claimed.append((offset, until))
        for start, stop in ((offset, until), (until, end)):
            if start < stop:
                marks, lead = digest_marks(data[start:stop], start, stop, chain.lead)
                chain.advance(marks, lead)
        offset = end
    return claimed


def common_prefix(one, other):
    size = min(len(one), len(other))
    return next((at for at in range(size) if one[at] != other[at]), size)


def lines_of(data):
    starts = [0, *line_ends(data)]
    return [(a, b) for a, b in itertools.pairwise(starts)]


def may_be_claimed(line, old, data, grid):
    """Whether a line of the stream ``data`` was counted before, or may be taken for it by a documented rule."""
    start, end = line
    for a, b in old.stored:
        if a <= start and end <= b and old.data[:end] == data[:end]:
            return True
        # Continued: the stretch ended in the middle of this line, whose end had not been written yet.
        if a < b <= end and start < b and old.data[:b] == data[:b] and old.data[b - 1 : b] != b"\n":
            return True
        # A shorter copy ends before the next place that is known; its first line there goes on alike.
        same = common_prefix(old.data, data)
        noted = [place for place in {a, b, *naive_marks(old.data, grid)} if a <= place <= b]
        place = max((place for place in noted if place <= same), default=None)
        following = min((other for other in noted if place is not None and other > place), default=None)
        if place is None or following is None or start < place or len(data) >= following:
            continue
        # Or it is cut off in the middle of a line that begins at a place that is known.
        if place and start == place and not data[start:end].endswith(b"\n"):
            return True
        first = data.find(b"\n", place) + 1
        if first and data[place:first] == old.data[place:first]:
            return True
    return False


LINES = b"\n" * 4 + b"x" * 59 + b"\n\n"
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@given(committed_and_read(), st.sampled_from([SMALL, 2 * SMALL, 4 * SMALL, 64 * SMALL]))
@settings(max_examples=400, suppress_health_check=SLOW)
@example((Committed(b"a\n" * 70, [(0, 140)], [(0, 140)]), b"a\n" * 40), 64 * SMALL)
@example((Committed(LINES + b"no newline", [(0, 75)], [(0, 75)]), LINES + b"nno newline"), 64)  # longer, so no copy
@example((Committed(b"x" * 78 + b"\na\na\n", [(0, 83)], [(0, 83)]), b"x" * 78 + b"\na\n\nno newline"), 64)
def test_nothing_is_claimed_that_was_not_counted(case, piece_size):
    old, data = case
    with small_grid():
        claimed = read(Known(old.stretches()), data, piece_size)
    for line in lines_of(data):
        inside = any(a < line[1] and line[0] < b for a, b in claimed)
        if inside:
            assert any(a <= line[0] and line[1] <= b for a, b in claimed), "a line is claimed as a whole or not at all"
            assert may_be_claimed(line, old, data, SMALL), f"line {line} was never counted, but is claimed: {claimed}"


@given(committed_and_read(), st.sampled_from([SMALL, 2 * SMALL, 4 * SMALL, 64 * SMALL]))
@settings(max_examples=400, suppress_health_check=SLOW)
def test_whatever_ends_as_a_stretch_ended_is_claimed(case, piece_size):
    old, data = case
    with small_grid():
        claimed = read(Known(old.stretches()), data, piece_size)
    same = common_prefix(old.data, data)
    marks = naive_marks(old.data, SMALL)
    for a, b in old.stored:
        if b <= same:
            reach = b
        else:
            reach = max((place for place in marks if a < place <= same), default=a)
        for line in lines_of(data):
            if a <= line[0] and line[1] <= reach:
                assert any(start <= line[0] and line[1] <= end for start, end in claimed), (
                    f"line {line} of {(a, b)} was counted and {same} bytes are the same, but only {claimed} is claimed"
                )


def stored(data, size=1 << 22):
    """A stream of the real grid, stored in pieces."""
    pieces = [(0, 0)]
    while pieces[-1][1] < len(data):
        start = pieces[-1][1]
        end = data.find(b"\n", min(start + size, len(data)) - 1) + 1 or len(data)
        pieces.append((start, end))
    return Known(Committed(data, pieces[1:], pieces[1:]).stretches())


def log(lines, seed=1):
    return b"".join(b"10.0.0.%d - - [x] GET /orders/%d 200\n" % (n % 250, n * 7919 + seed) for n in range(lines))


def claimed_bytes(known, data):
    return sum(end - start for start, end in read(known, data, 1 << 22))


def test_the_same_file_again_is_all_duplicate():
    data = log(5000)
    assert claimed_bytes(stored(data), data) == len(data)


def test_only_the_tail_of_a_grown_file_is_new():
    data = log(5000)
    assert claimed_bytes(stored(data), data + log(300, 2)) == len(data)


def test_a_file_after_its_first_half():
    data = log(5000)
    half = data.find(b"\n", len(data) // 2) + 1
    assert claimed_bytes(stored(data[:half]), data) == half


def test_the_first_half_after_the_file():
    data = log(5000)
    half = data.find(b"\n", len(data) // 2) + 1
    assert claimed_bytes(stored(data), data[:half]) == half


def test_a_file_written_twice_into_one():
    data = log(2000)
    assert claimed_bytes(stored(data), data + data) == len(data)
    assert claimed_bytes(stored(data + data), data) == len(data)


def test_a_file_that_goes_another_way_in_the_middle():
    """Half is the same, then other lines come: at most a cell of the grid of the common lines is counted again,
    and none of the other lines is taken for a duplicate."""
    data = log(5000)
    half = data.find(b"\n", len(data) // 2) + 1
    for more in (4000, 2000, 300):
        claimed = claimed_bytes(stored(data), data[:half] + log(more, 3))
        assert half - 16 * 1024 - 100 <= claimed <= half, f"with {more} other lines"


def test_a_line_that_is_missing_in_the_middle():
    """A log from which somebody deleted a line goes on with new places; its end was not counted at these."""
    data = log(5000)
    half = data.find(b"\n", len(data) // 2) + 1
    rest = data.find(b"\n", half) + 1
    claimed = claimed_bytes(stored(data), data[:half] + data[rest:])
    assert half - 16 * 1024 - 100 <= claimed <= half


def test_an_end_that_had_not_been_written():
    data = log(1000)
    torn = data[:-20]
    assert claimed_bytes(Known(Committed(torn, pieces := torn_pieces(torn), pieces).stretches()), data) == len(data)
    more = data + log(50, 2)
    assert claimed_bytes(Known(Committed(torn, pieces, pieces).stretches()), more) == len(data)


def torn_pieces(data):
    tail = data.rfind(b"\n") + 1
    return [(0, tail), (tail, len(data))]


def test_another_stream_with_the_same_first_line():
    assert claimed_bytes(stored(b"#Version: 1.0\n" + log(900)), b"#Version: 1.0\n" + log(900, 2)) == len(
        b"#Version: 1.0\n"
    )


def test_two_streams_with_the_same_first_line_do_not_disturb_each_other():
    """Where one of them ends is a place in the other; the other is still known from its first line to its last."""
    head = b"#Version: 1.0\n"
    long, short_one = head + log(9000), head + log(4000, 2)
    first = Committed(long, [(0, len(long))], [(0, len(long))])
    rest = [(0, len(head)), (len(head), len(short_one))]
    second = Committed(short_one, rest, rest[1:])
    known = Known([*first.stretches(), *second.stretches()])
    assert claimed_bytes(known, short_one) == len(short_one)
    assert claimed_bytes(known, long) == len(long)


@st.composite
def two_committed(draw):
    """A stream stored whole, and another that begins like it, stored from where they part."""
    one, more = draw(streams()), draw(streams())
    # They part at a mark: a place between two marks is judged with the lines up to the next one.
    shared = draw(st.sampled_from([0, *naive_marks(one, SMALL)]))
    other = one[:shared] + more
    first = Committed(one, [(0, len(one))], [(0, len(one))])
    second = Committed(other, pieces := [(0, shared), (shared, len(other))], pieces[1:])
    return one, other, (first, second)


@given(two_committed(), st.sampled_from([SMALL, 4 * SMALL, 64 * SMALL]))
@settings(max_examples=300, suppress_health_check=SLOW)
def test_what_was_stored_of_either_stream_is_known_again(case, piece_size):
    one, other, committed = case
    with small_grid():
        stretches = [stretch for stored in committed for stretch in stored.stretches() if stretch.start < stretch.end]
        for data in (one, other):
            claimed = read(Known(stretches), data, piece_size)
            assert sum(end - start for start, end in claimed) == len(data)


def test_a_torn_end_is_known_of_a_stretch_whose_next_node_it_is():
    """The first line after the common part is one that the other stream has too; what follows has no newline."""
    shared = b"\n" + b"x" * 62 + b"\n"
    one, other = shared + b"\n", shared + b"\n\nno newline"
    committed = (
        Committed(one, [(0, 65)], [(0, 65)]),
        Committed(other, [(0, 64), (64, len(other))], [(64, len(other))]),
    )
    with small_grid():
        known = Known([stretch for stored in committed for stretch in stored.stretches()])
        assert read(known, other, SMALL) == [(0, 64), (64, 65), (65, len(other))]
        assert sum(end - start for start, end in read(known, one, SMALL)) == len(one)


def test_nothing_known():
    known = Known([])
    assert (known.limit, known.next_cut(0, 77)) == (0, 77)
    assert known.counted_until(b"a\n", 0, Chain(), True).until == 0
