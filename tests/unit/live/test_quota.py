"""Quotas: a minute's worth at once, then as it refills; what other processes sent counts too."""

import pytest

from endpoint_stats.ingest.live.quota import RECONCILE, Bucket, OverQuota


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class World:
    """Some processes with a bucket each, and what all have committed."""

    def __init__(self, limit, processes=1):
        self.clock, self.committed = Clock(), 0
        self.buckets = [Bucket("This key", limit, lambda: self.committed, self.clock) for _ in range(processes)]

    def send(self, hits, process=0):
        try:
            self.buckets[process].take(hits)
        except OverQuota as error:
            return error.seconds
        self.committed += hits
        return 0


def test_a_minutes_worth_at_once_and_then_nothing():
    world = World(60)
    assert world.send(60) == 0
    assert world.send(1) == 1
    assert world.send(30) == 30
    world.clock.now += 30
    assert world.send(30) == 0
    assert world.send(1) == 1


def test_what_is_refused_takes_nothing():
    world = World(60)
    world.send(50)
    assert world.send(20) == 10
    assert world.send(10) == 0


def test_a_batch_larger_than_a_minute_waits_for_a_full_bucket_and_is_paid_back():
    world = World(60)
    world.send(1)
    assert world.send(200) == 1
    world.clock.now += 1
    assert world.send(200) == 0
    assert world.send(1) == 141  # 140 are owed
    world.clock.now += 141
    assert world.send(1) == 0


def test_what_others_sent_leaves_this_bucket():
    world = World(600, processes=2)
    world.send(1, 0), world.send(1, 1)
    assert world.send(598, 0) == 0
    world.clock.now += RECONCILE
    assert world.send(300, 1) > 0


@pytest.mark.parametrize("lag", [0, 3])
def test_over_ten_minutes_two_processes_keep_to_the_limit_together(lag):
    limit, world = 600, World(600, processes=2)
    history, accepted = [0], 0
    for bucket in world.buckets:
        bucket._committed = lambda: history[max(len(history) - 1 - lag, 0)]
    for _ in range(600):
        world.clock.now += 1
        for process in (0, 1):
            for _ in range(20):
                if world.send(1, process) == 0:
                    accepted += 1
        history.append(accepted)
    allowed = limit * 10
    assert allowed * 0.95 <= accepted <= allowed * 1.1 + 2 * limit


def test_own_hits_that_are_not_committed_yet_are_not_counted_twice():
    world = World(60)
    bucket = world.buckets[0]
    bucket.take(30)
    for _ in range(5):
        world.clock.now += RECONCILE
        bucket._looked = float("-inf")
        world.committed = 30
        bucket.take(0)
    assert bucket._others == 0
