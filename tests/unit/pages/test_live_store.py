"""One computation a key at a time, with real threads."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from endpoint_stats.pages.live.store import Store


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def make(clock=time.monotonic, **more):
    return Store(**{"seconds": 2.0, "stale": 10.0, "patience": 5.0, "most": 3, "clock": clock} | more)


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


class Slow:
    """A computation that lasts until it is let go; ``entered`` is how often it was begun."""

    def __init__(self, outcome):
        self.outcome, self.go, self.entered, self.lock = outcome, threading.Event(), 0, threading.Lock()

    def __call__(self):
        with self.lock:
            self.entered += 1
        assert self.go.wait(20)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def asked_by_many(store, slow, callers=50):
    """What each of them got or was told, all having come before the first computation was over."""
    come = count()
    arrived = []

    def ask():
        arrived.append(next(come))
        try:
            return store.get("a", slow)
        except Exception as error:
            return error

    with ThreadPoolExecutor(callers) as pool:
        answers = [pool.submit(ask) for _ in range(callers)]
        wait_until(lambda: len(arrived) == callers and slow.entered)
        time.sleep(0.05)  # for the last of them to reach the lock
        slow.go.set()
        return [answer.result(20) for answer in answers]


def test_fifty_callers_and_one_computation():
    store, slow = make(), Slow("value")
    assert asked_by_many(store, slow) == ["value"] * 50
    assert slow.entered == 1


def test_a_failure_answers_all_who_wait_and_is_not_kept():
    store, slow = make(), Slow(ValueError("no"))
    answers = asked_by_many(store, slow)
    assert {(type(answer), str(answer)) for answer in answers} == {(ValueError, "no")}
    assert slow.entered == 1
    assert store.get("a", lambda: "well again") == "well again"


def test_what_ends_the_thread_that_computes_ends_no_other():
    store, slow = make(), Slow(SystemExit())
    told = []

    def lead():
        with pytest.raises(SystemExit):
            store.get("a", slow)

    def follow():
        try:
            store.get("a", slow)
        except BaseException as error:
            told.append(error)

    leader = threading.Thread(target=lead)
    leader.start()
    wait_until(lambda: slow.entered)
    follower = threading.Thread(target=follow)
    follower.start()
    time.sleep(0.05)
    slow.go.set()
    leader.join(20), follower.join(20)
    assert len(told) == 1
    assert isinstance(told[0], Exception) and not isinstance(told[0], SystemExit)


def test_who_waits_too_long_is_told_so_and_another_may_begin():
    store, stuck = make(patience=0.2), Slow("too late")
    leader = threading.Thread(target=store.get, args=("a", stuck))
    leader.start()
    wait_until(lambda: stuck.entered)
    with pytest.raises(TimeoutError):
        store.get("a", stuck)
    assert store.get("a", lambda: "new") == "new", "nobody waits for what hangs"
    stuck.go.set()
    leader.join(20)
    assert store.get("a", lambda: "newer") == "new", "what came too late does not replace it"


def test_a_value_is_taken_for_two_seconds_from_when_it_was_there(clock):
    store, numbers = make(clock), count()

    def compute():
        clock.now += 1.5
        return next(numbers)

    assert store.get("a", compute) == 0
    clock.now += 1.99
    assert store.get("a", compute) == 0
    clock.now += 0.01
    assert store.get("a", compute) == 1


def test_who_comes_while_the_next_is_computed_has_the_last_one_for_a_while(clock):
    """Else a slow database holds every thread of the web."""
    store, slow = make(clock), Slow("second")
    store.get("a", lambda: "first")
    clock.now += 3
    leader = threading.Thread(target=store.get, args=("a", slow))
    leader.start()
    wait_until(lambda: slow.entered)
    assert store.get("a", slow) == "first"
    slow.go.set()
    leader.join(20)
    assert store.get("a", slow) == "second"
    assert slow.entered == 1


def test_not_for_ever(clock):
    store, slow = make(clock, patience=60), Slow("second")
    store.get("a", lambda: "first")
    clock.now += 13
    leader = threading.Thread(target=store.get, args=("a", slow))
    leader.start()
    wait_until(lambda: slow.entered)
    got = []
    follower = threading.Thread(target=lambda: got.append(store.get("a", slow)))
    follower.start()
    time.sleep(0.05)
    assert got == [], "what is older than that is not handed out"
    slow.go.set()
    leader.join(20), follower.join(20)
    assert got == ["second"]


def test_keys_are_apart_and_their_number_is_bounded(clock):
    store = make(clock, most=3)
    assert [store.get(key, lambda key=key: key * 2) for key in "abc"] == ["aa", "bb", "cc"]
    store.get("a", lambda: "again")
    store.get("d", lambda: "dd")
    assert len(store) == 3
    assert store.get("a", lambda: "again") == "aa", "asked for lately"
    assert store.get("b", lambda: "again") == "again", "made room"


def test_none_is_a_value():
    store = make()
    assert store.get("a", lambda: None) is None
    assert store.get("a", lambda: 1) is None
