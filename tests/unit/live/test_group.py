"""Group commit: who comes while another commits shares the next one; whatever happens nobody waits for ever."""

import threading
import time
from collections import Counter

import pytest

from endpoint_stats.ingest.live import group as groups
from endpoint_stats.ingest.live.group import MAX_MEMBERS, Abandoned, Group


class Away(Exception):
    pass


class Commits:
    """Remembers the groups; waits at the gate while it is closed."""

    def __init__(self, error=None):
        self.groups, self.gate, self.begun, self.error = [], threading.Event(), threading.Event(), error
        self.gate.set()

    def __call__(self, members):
        self.groups.append(list(members))
        self.begun.set()
        assert self.gate.wait(10)
        if self.error:
            self.error(members)
        return [member * 10 for member in members]


def together(group, members):
    """Submit each from a thread of its own; what each got."""
    got = {}

    def submit(member):
        try:
            got[member] = group.submit(member)
        except BaseException as error:
            got[member] = error

    threads = [threading.Thread(target=submit, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    return threads, got


def end(threads):
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def wait_for_line(group, length):
    end = time.monotonic() + 10
    while len(group._line) < length:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_alone():
    commits = Commits()
    assert Group(commits).submit(7) == 70
    assert commits.groups == [[7]]


def behind_one(commits, members, shared=()):
    """One commits; ``members`` line up behind it and come next."""
    group = Group(commits, shared=shared)
    commits.gate.clear()
    first, got_first = together(group, [0])
    assert commits.begun.wait(10)
    others, got = together(group, members)
    wait_for_line(group, len(members))
    commits.gate.set()
    end(first + others)
    return got_first | got


def test_who_comes_while_another_commits_shares_the_next():
    commits = Commits()
    got = behind_one(commits, [1, 2, 3])
    assert got == {0: 0, 1: 10, 2: 20, 3: 30}
    assert [sorted(group) for group in commits.groups] == [[0], [1, 2, 3]]


def test_a_group_has_an_end():
    commits = Commits()
    members = list(range(1, MAX_MEMBERS + 6))
    assert behind_one(commits, members) == {member: member * 10 for member in [0, *members]}
    assert [len(group) for group in commits.groups] == [1, MAX_MEMBERS, 5]


def test_after_an_error_each_is_tried_alone():
    def bad(members):
        if 2 in members:
            raise ValueError("two")

    commits = Commits(bad)
    got = behind_one(commits, [1, 2, 3])
    assert (got[0], got[1], got[3]) == (0, 10, 30)
    assert isinstance(got[2], ValueError)
    assert sorted(map(sorted, commits.groups[2:])) == [[1], [2], [3]]


def test_a_shared_error_goes_to_all_at_once():
    def away(members):
        if 0 not in members:
            raise Away

    commits = Commits(away)
    got = behind_one(commits, [1, 2, 3], shared=(Away,))
    assert got[0] == 0
    assert all(isinstance(got[member], Away) for member in (1, 2, 3))
    assert len(commits.groups) == 2


def test_a_leader_that_is_ended_leaves_nobody_waiting():
    def ended(members):
        if 1 in members:
            raise SystemExit

    commits = Commits(ended)
    got = behind_one(commits, [1, 2, 3])
    assert got[0] == 0
    led = [one for one in got.values() if isinstance(one, SystemExit)]
    assert len(led) == 1
    assert sum(isinstance(one, Abandoned) for one in got.values()) == 2
    assert Group(commits).submit(5) == 50


def test_many_threads_and_each_member_once():
    commits = Commits(lambda members: time.sleep(0.0005))
    group = Group(commits)
    wrong = []

    def work(number):
        for at in range(50):
            member = number * 1000 + at
            if group.submit(member) != member * 10:
                wrong.append(member)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    end(threads)
    counts = Counter(member for members in commits.groups for member in members)
    assert not wrong
    assert len(counts) == 400
    assert set(counts.values()) == {1}
    assert len(commits.groups) < 400  # some did share
    assert not group._line
    assert not group._led


@pytest.mark.parametrize("error", [KeyError("x"), Away()])
def test_the_group_works_on_after_errors(error):
    commits = Commits(lambda members: (_ for _ in ()).throw(error) if 1 in members else None)
    group = Group(commits, shared=(Away,))
    with pytest.raises(type(error)):
        group.submit(1)
    assert group.submit(2) == 20


def test_a_leader_waits_for_as_many_as_came_of_late(monkeypatch):
    monkeypatch.setattr(groups, "PATIENCE", 30)
    commits = Commits()
    group = Group(commits)
    commits.gate.clear()
    first, _ = together(group, [0])
    assert commits.begun.wait(10)
    three, _ = together(group, [1, 2, 3])
    wait_for_line(group, 3)
    commits.gate.set()
    end(first + three)
    two, _ = together(group, [4, 5])
    wait_for_line(group, 2)
    assert len(commits.groups) == 2, "two of them wait for the third"
    third, got = together(group, [6])
    end(two + third)
    assert got == {6: 60}
    assert sorted(commits.groups[2]) == [4, 5, 6]


def test_who_comes_alone_waits_for_nobody_and_who_stays_away_is_forgotten(monkeypatch):
    waits = []

    class Waited:
        def __init__(self):
            self.lock = threading.Lock()

        def acquire(self, timeout=-1):
            waits.append(timeout)
            return self.lock.acquire(timeout=timeout)

        def release(self):
            self.lock.release()

    commits = Commits()
    group = Group(commits)
    monkeypatch.setattr(groups, "PATIENCE", 0.01)
    monkeypatch.setattr(groups, "Lock", Waited)
    for member in range(20):
        group.submit(member)
    assert [timeout for timeout in waits if timeout > 0] == []
    group._expected = 4  # as after a group of four
    for member in range(20):
        group.submit(member)
    assert [timeout for timeout in waits if timeout > 0] == [0.01] * 3
