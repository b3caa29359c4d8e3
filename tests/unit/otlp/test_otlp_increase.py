"""What each point of a stream adds: deltas, cumulative ones, restarts, several processes, and damaged states."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint_stats.ingest.otlp import lives
from endpoint_stats.ingest.otlp.histograms import Increase, increase
from endpoint_stats.ingest.otlp.points import Explicit, Exponential, Point

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T = 1_763_035_200 * SECOND
BOUNDS = (0.1, 0.2, 0.4)
# The sketch's slots of what stands for these buckets: 2 low high / (low + high), half of the first, the last one's low.
VALUES = (0.05, 2 * 0.1 * 0.2 / 0.3, 2 * 0.2 * 0.4 / 0.6, 0.4)


def slot(value: float) -> int:
    """By the definition: the bucket i = ceil(log_gamma of the nanoseconds) is slot i + 1."""
    edge, index = 1.0, 0
    while edge < value * 1e9:
        edge *= 1.01 / 0.99
        index += 1
    return index + 1


SLOTS = tuple(slot(value) for value in VALUES)


def point(counts: tuple[int, ...], *, time: int = T, start: int = T - MINUTE, **changes: Any) -> Point:
    made = Point(
        service="shop",
        version="",
        method="GET",
        path="",
        route="/orders/{id}",
        consumer="",
        status=200,
        time=time,
        start=start,
        cumulative=True,
        series=b"s" * 16,
        writer=b"w" * 16,
        count=sum(counts),
        sum=None,
        minimum=None,
        maximum=None,
        buckets=Explicit(BOUNDS, counts),
    )
    return replace(made, **changes)


def exponential(counts: dict[int, int], scale: int, zero: int = 0, threshold: float = 0.0, **changes: Any) -> Point:
    first, last = min(counts, default=0), max(counts, default=0)
    told = tuple(counts.get(at, 0) for at in range(first, last + 1))
    made = point(told, **changes)
    return replace(made, count=made.count + zero, buckets=Exponential(scale, zero, threshold, first, told))


def added(found: Increase) -> dict[int, int]:
    assert sum(count for _, count in found.slots) + found.untimed == found.count
    assert [one for one, _ in found.slots] == sorted(one for one, _ in found.slots)
    return dict(found.slots)


def expected(*counts: int) -> dict[int, int]:
    return {one: count for one, count in zip(SLOTS, counts, strict=True) if count}


def feed(*points: Point, heard: bool = False) -> list[Increase]:
    """What each of the points adds, one after the other."""
    state: bytes | None = None
    found = []
    for one in points:
        more, state = increase(state, one, heard=heard)
        found.append(more)
    return found


OLD_START = T - 72 * HOUR  # of a process that has run for three days


def test_a_delta_counts_itself_and_keeps_nothing() -> None:
    found, state = increase(None, point((1, 2, 3, 4), cumulative=False, sum=2.5))
    assert state is None
    assert added(found) == expected(1, 2, 3, 4)
    assert (found.count, found.duration_us, found.untimed, found.error_extra) == (10, 2_500_000, 0, 10_000)
    assert increase(b"whatever", point((1, 0, 0, 0), cumulative=False))[0].count == 1


def test_a_delta_uses_its_extremes() -> None:
    found, _ = increase(None, point((1, 0, 0, 1), cumulative=False, minimum=0.09, maximum=0.5))
    low, high = 2 * 0.09 * 0.1 / 0.19, 2 * 0.4 * 0.5 / 0.9
    assert added(found) == {slot(low): 1, slot(high): 1}
    assert found.error_extra == 1_123  # (0.5 - 0.4) / (0.5 + 0.4) × 1.01 × 10,000 = 1,122.2, rounded up


def test_extremes_of_a_cumulative_point_are_those_of_its_whole_life() -> None:
    found, _ = increase(None, point((1, 0, 0, 1), minimum=0.09, maximum=0.5))
    assert added(found) == expected(1, 0, 0, 1)


def test_a_sum_that_is_missing_is_estimated() -> None:
    found, _ = increase(None, point((2, 0, 0, 1), cumulative=False))
    assert found.duration_us == 2 * 50_000 + 400_000


def test_cumulative_points_add_their_differences() -> None:
    first, second, third = feed(
        point((1, 0, 0, 2), sum=1.5),
        point((1, 5, 0, 2), time=T + MINUTE, sum=2.25),
        point((2, 5, 0, 3), time=T + 2 * MINUTE, sum=3.0),
    )
    assert (added(first), first.duration_us) == (expected(1, 0, 0, 2), 1_500_000)
    assert (added(second), second.count, second.duration_us) == (expected(0, 5, 0, 0), 5, 750_000)
    assert (added(third), third.duration_us) == (expected(1, 0, 0, 1), 750_000)
    # The first bucket and the last one have no bound for their error, those between have one.
    assert (first.error_extra, second.error_extra) == (10_000, 3_367)  # 1/3 × 1.01 × 10,000, rounded up


def test_a_point_in_which_nothing_has_happened() -> None:
    assert feed(point((1, 0, 0, 2), sum=1.5), point((1, 0, 0, 2), time=T + MINUTE, sum=1.5))[1] == Increase()


@pytest.mark.parametrize("time", [T, T - 1, T - HOUR])
def test_the_same_point_again_or_an_older_one_adds_nothing(time: int) -> None:
    _, state = increase(None, point((1, 0, 0, 2)))
    assert increase(state, point((9, 9, 9, 9), time=time)) == (Increase(), state)


def test_a_restart_counts_whole() -> None:
    """Its start lies after the point before, however long the process has run by now."""
    found = feed(point((5, 5, 5, 5), start=OLD_START), point((6, 0, 0, 0), time=T + 3 * HOUR, start=T + 1))
    assert found[0] == Increase()
    assert added(found[1]) == expected(6, 0, 0, 0)


@pytest.mark.parametrize("counts", [(4, 5, 5, 5), (6, 5, 5, 4), (0, 0, 0, 1), (9, 9, 0, 9)])
@pytest.mark.parametrize("start", [OLD_START, 0])
def test_counts_that_went_down_are_a_restart(counts: tuple[int, ...], start: int) -> None:
    found = feed(point((5, 5, 5, 5), start=start), point(counts, time=T + MINUTE, start=start))
    assert (found[0].count, added(found[1])) == (0, expected(*counts))


@pytest.mark.parametrize(("age", "counts"), [(0, 3), (10 * MINUTE, 3), (10 * MINUTE + 1, 0), (72 * HOUR, 0)])
def test_the_first_point_counts_if_its_process_is_fresh(age: int, counts: int) -> None:
    found, state = increase(None, point((1, 0, 0, 2), start=T - age))
    assert found.count == counts
    later, _ = increase(state, point((1, 0, 1, 2), time=T + MINUTE, start=T - age))
    assert added(later) == expected(0, 0, 1, 0)


def test_a_first_point_of_unknown_start_is_where_counting_begins() -> None:
    found = feed(point((1, 0, 0, 2), start=0), point((1, 3, 0, 2), time=T + MINUTE, start=0))
    assert (found[0], added(found[1])) == (Increase(), expected(0, 3, 0, 0))


def test_a_new_series_of_a_process_that_was_heard_before_counts_whole() -> None:
    """The first error after three days: the process reported without it a minute ago."""
    error = point((1, 0, 0, 0), start=OLD_START)
    assert increase(None, error)[0].count == 0
    assert increase(None, error, heard=True)[0].count == 1
    # Another process has had such errors already.
    state = increase(None, point((3, 0, 0, 0), start=OLD_START - 1))[1]
    later = replace(error, time=T + MINUTE)
    assert increase(state, later)[0].count == 0
    assert increase(state, later, heard=True)[0].count == 1


def test_other_bounds_are_a_restart() -> None:
    other = point((1, 1, 0, 0), time=T + MINUTE, buckets=Explicit((0.1, 0.2, 0.5), (1, 1, 0, 0)))
    fewer = point((1, 1, 0), time=T + MINUTE, buckets=Explicit((0.1, 0.2), (1, 1, 0)))
    for changed in (other, fewer):
        found = feed(point((1, 0, 0, 0), start=T - MINUTE), changed)
        assert (found[0].count, found[1].count) == (1, 2)


def test_another_kind_of_histogram_is_a_restart() -> None:
    explicit, exponent = point((1, 0, 0, 2)), exponential({-3: 5}, 0)
    later = T + MINUTE
    assert [one.count for one in feed(explicit, replace(exponent, time=later))] == [3, 5]
    assert [one.count for one in feed(exponent, replace(explicit, time=later, count=6, buckets=Explicit((), ())))] == [
        5,
        6,
    ]
    ms = replace(exponent, time=later, buckets=Exponential(0, 0, 0.0, -3, (5,), 1000.0))
    assert [one.count for one in feed(exponent, ms)] == [5, 5]


def test_histograms_without_buckets_are_untimed() -> None:
    unknown = Explicit((), ())
    first, second = feed(
        point((), count=5, sum=2.0, buckets=unknown), point((), count=7, sum=9.0, time=T + MINUTE, buckets=unknown)
    )
    assert (first, second) == (Increase(count=5, untimed=5), Increase(count=2, untimed=2))


@pytest.mark.parametrize(("before", "after", "microseconds"), [
    (1.5, 1.75, 250_000), (1.5, 1.5, 0), (None, 1.5, 400_000), (1.5, None, 400_000), (1.5, 1.25, 400_000),
])  # fmt: skip
def test_sums_that_come_and_go(before: float | None, after: float | None, microseconds: int) -> None:
    found = feed(point((1, 0, 0, 2), sum=before), point((1, 0, 0, 3), time=T + MINUTE, sum=after))
    assert found[1].duration_us == microseconds


def test_exponential_differences() -> None:
    first, second = feed(
        exponential({-4: 1, -1: 2}, 0, zero=1), exponential({-6: 1, -4: 1, -1: 5, 2: 1}, 0, zero=3, time=T + MINUTE)
    )
    assert added(first) == {0: 1, slot(2 * 2**-4 / 3 * 2): 1, slot(4 / 3 * 2**-1): 2}
    assert added(second) == {0: 2, slot(4 / 3 * 2**-6): 1, slot(4 / 3 * 2**-1): 3, slot(4 / 3 * 2**2): 1}
    assert second.error_extra == 3_367


def test_a_scale_that_was_lowered() -> None:
    """SDKs do so when durations spread: the buckets 2 i and 2 i + 1 become the bucket i."""
    found = feed(exponential({-8: 1, -7: 2, -2: 3}, 1), exponential({-4: 4, -1: 3, 3: 1}, 0, time=T + MINUTE))
    assert added(found[1]) == {slot(4 / 3 * 2**-4): 1, slot(4 / 3 * 2**3): 1}


def test_a_scale_that_was_raised() -> None:
    found = feed(
        exponential({-4: 4, -1: 3}, 0),
        exponential({-8: 2, -7: 3, -2: 1, -1: 2}, 1, time=T + MINUTE),
        exponential({-8: 2, -7: 4, -2: 1, -1: 2}, 1, time=T + 2 * MINUTE),
    )
    assert added(found[1]) == {slot(4 / 3 * 2**-4): 1}
    # From then on at the finer scale.
    assert added(found[2]) == {slot(2 * 2**-3.5 * 2**-3 / (2**-3.5 + 2**-3)): 1}


@pytest.mark.parametrize(("before", "after"), [
    (exponential({-1: 2}, 0, zero=2), exponential({-1: 4}, 0, zero=1)),
    (exponential({-1: 2, 5: 1}, 0), exponential({-1: 9}, 0)), (exponential({-1: 5}, 0), exponential({-1: 4}, 0)),
    (exponential({-2: 1, -1: 5}, 1), exponential({-1: 5, 0: 1}, 0)),
])  # fmt: skip
def test_exponential_restarts(before: Point, after: Point) -> None:
    assert feed(before, replace(after, time=T + MINUTE))[1].count == after.count


def test_a_zero_bucket_that_grew_takes_what_lies_below_it() -> None:
    before = exponential({-8: 3, -1: 1}, 0, zero=1)
    after = exponential({-1: 2}, 0, zero=6, threshold=2**-7, time=T + MINUTE)
    found = feed(before, after)[1]
    assert added(found) == {slot(2**-8): 2, slot(4 / 3 * 2**-1): 1}
    shrunk = feed(replace(after, time=T), exponential({-8: 3, -1: 2}, 0, zero=4, time=T + MINUTE))[1]
    assert shrunk.count == 1


def test_buckets_that_lie_worlds_apart_need_no_room_between() -> None:
    far = replace(exponential({0: 1}, 20), buckets=Exponential(20, 0, 0.0, -(2**31), (1,)))
    near = replace(exponential({0: 2}, 20), buckets=Exponential(20, 0, 0.0, 2**20, (2,)), time=T + MINUTE)
    assert [one.count for one in feed(far, near)] == [1, 2]


def test_processes_that_share_a_series_are_followed_each_by_itself() -> None:
    """Forked workers of one server, without service.instance.id: each sends its own counts in turn."""
    rng = random.Random(3)
    starts = [T - HOUR - number for number in range(4)]
    counts = {start: [100, 100, 100, 100] for start in starts}
    state, total, wanted = None, 0, 0
    for minute in range(20):
        for start in starts:
            if minute:
                more = [rng.randrange(3) for _ in range(4)]
                counts[start] = [old + new for old, new in zip(counts[start], more, strict=True)]
                wanted += sum(more)
            now = point(tuple(counts[start]), start=start, time=T + minute * MINUTE + rng.randrange(SECOND))
            found, state = increase(state, now)
            total += found.count
    assert total == wanted


def test_a_worker_that_joined_counts_whole() -> None:
    """It began after the series was first seen, even if its first point is late."""
    running = point((5, 0, 0, 0), start=OLD_START)
    again = point((6, 0, 0, 0), start=OLD_START, time=T + HOUR)
    joined = point((7, 0, 0, 0), start=T + MINUTE, time=T + HOUR)
    assert [one.count for one in feed(running, again, joined)] == [0, 1, 7]
    before = point((7, 0, 0, 0), start=T - MINUTE, time=T + HOUR)
    assert [one.count for one in feed(running, again, before)] == [0, 1, 0]


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("first", [OLD_START, T - MINUTE])
def test_lives_that_are_given_up_do_not_count_again(first: int, heard: bool) -> None:
    """More processes than are remembered: a forgotten one begins anew, it does not count whole again."""
    starts = [first - number for number in range(lives.MAX_LIVES + 5)]
    state, total = None, 0
    for minute in range(3):
        for start in starts:
            now = point((1_000 + minute, 0, 0, 0), start=start, time=T + minute * MINUTE)
            found, state = increase(state, now, heard=heard and minute > 0)
            total += found.count
    assert total <= (1_000 if first != OLD_START else 0) * len(starts) + 2 * len(starts)
    kept = lives.unpack(state)
    assert kept is not None
    assert len(kept.lives) == lives.MAX_LIVES


def test_a_life_that_is_silent_for_a_day_is_forgotten() -> None:
    day = lives.SILENT
    _, one = increase(None, point((1, 0, 0, 0), start=T - 2))
    _, both = increase(one, point((1, 0, 0, 0), start=T - 1, time=T + day))
    _, other = increase(both, point((1, 0, 0, 0), start=T - 1, time=T + day + 1))
    assert one is not None and both is not None and other is not None
    assert len(one) < len(both) > len(other)
    returned, _ = increase(other, point((9, 0, 0, 0), start=T - 2, time=T + day + 2))
    assert returned.count == 0


def test_a_life_silent_for_long_goes_on_where_it_was_alone() -> None:
    found = feed(point((1, 0, 0, 0)), point((5, 0, 0, 0), time=T + 3 * lives.SILENT))
    assert found[1].count == 4


POINTS = [point((1, 0, 0, 2), sum=1.5), exponential({-8: 1, -1: 2}, 3, zero=4, threshold=1e-6, sum=2.5)]


@pytest.mark.parametrize("one", POINTS, ids=["explicit", "exponential"])
def test_a_damaged_state_is_none(one: Point) -> None:
    _, state = increase(None, one)
    assert state is not None
    later = replace(one, time=T + HOUR, start=OLD_START)
    assert lives.unpack(state) is not None
    for at in range(len(state)):
        for damaged in (state[:at], state[:at] + bytes((state[at] ^ 0x10,)) + state[at + 1 :]):
            assert lives.unpack(damaged) is None
            found, new = increase(damaged, later)
            assert found == Increase()
            assert new == increase(None, later)[1]
            if damaged:
                assert increase(damaged, later, heard=True)[0] == Increase()
    assert lives.unpack(state + b"\0") is None


def test_a_state_of_another_version_is_none() -> None:
    kept = lives.Lives(1, T, -1, [lives.life_of(POINTS[0])])
    assert lives.unpack(lives.pack(kept)) == kept
    kept.version = 2  # type: ignore[assignment]
    assert lives.unpack(lives.pack(kept)) is None


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_a_state(state: bytes) -> None:
    assert increase(state, POINTS[0])[0].count == 3


def test_a_state_is_small() -> None:
    _, state = increase(None, point((100, 2_000, 30, 4), sum=1.5))
    assert state is not None
    assert len(state) < 80


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), max_size=8))
@settings(deadline=None)
def test_differences_add_up_to_the_last_point(steps: list[tuple[int, ...]]) -> None:
    points = [point((0, 0, 0, 0))]
    for number, step in enumerate(steps, start=1):
        last = points[-1].buckets
        points.append(
            point(tuple(old + new for old, new in zip(last.counts, step, strict=True)), time=T + number * MINUTE)
        )
    total: dict[int, int] = {}
    for found in feed(*points):
        for one, count in found.slots:
            total[one] = total.get(one, 0) + count
    assert total == expected(*points[-1].buckets.counts)
