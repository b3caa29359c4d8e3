"""Forks and ends of processes, in processes of their own; the stand-in for the server counts."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.sender.stub import KEY

ROOT = Path(__file__).resolve().parents[2]
BEGIN = """
import os, sys, threading, time
from endpoint_stats_sender import HttpTransport, Retry, Sender, flush
sender = Sender(HttpTransport({url!r}, {key!r}, timeout={timeout}), interval={interval})
def record(name, count=1):
    for number in range(count):
        sender.record({{"time": 1763700000, "method": "GET", "path": f"/{{name}}/{{number}}", "status": 200}})
"""


# Of the warnings one is left out: Python's own, of any fork beside threads, which is what these tests do.
def run(url, script, timeout=5.0, interval=60.0, **options):
    """The finished process, and its seconds."""
    begin = time.monotonic()
    code = BEGIN.format(url=url, key=KEY, timeout=timeout, interval=interval) + script
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-W", "ignore:This process:DeprecationWarning", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )
    return done, time.monotonic() - begin


def counted(stub):
    return Counter(hit["path"].split("/")[1] for hit in stub.hits)


class TestForks:
    def test_children_send_what_they_record_and_the_parent_its_own(self, stub):
        """Prefork servers: imported and used before the fork, then each worker by itself, threads and all."""
        done, _ = run(
            stub.url,
            """
record("before", 7)                 # queued in the parent, whose thread is running
children = []
for index in range(3):
    child = os.fork()
    if not child:
        assert sender.stats.recorded == 0, sender.stats
        record(f"child{index}", 50)
        sys.exit(0)                 # a worker that ends: atexit runs
    children.append(child)
record("after", 5)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
assert sender.flush(10), sender.stats
print(sender.stats.sent)
""",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "12\n"
        assert counted(stub) == {"before": 7, "after": 5, "child0": 50, "child1": 50, "child2": 50}

    def test_a_connection_is_not_shared(self, stub):
        """The parent's stays its own: two processes on one connection would read each other's answers."""
        done, _ = run(
            stub.url,
            """
record("parent"); assert sender.flush(10)
child = os.fork()
record("child" if not child else "parent"); assert sender.flush(10)
if child:
    assert os.waitpid(child, 0)[1] == 0
    record("parent"); assert sender.flush(10)
""",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert counted(stub) == {"parent": 3, "child": 1}
        ports = Counter(request.connection for request in stub.received)
        assert sorted(ports.values()) == [1, 3]

    def test_a_fork_in_the_middle_of_everything(self, stub):
        """Other threads hold the lock at the moment of the fork; in the child nobody would ever release it."""
        done, _ = run(
            stub.url,
            """
stop = threading.Event()
def traffic():
    while not stop.is_set():
        record("parent")
threads = [threading.Thread(target=traffic, daemon=True) for _ in range(3)]
for thread in threads: thread.start()
for _ in range(20):
    child = os.fork()
    if not child:
        record("child", 3)
        os._exit(0 if sender.flush(10) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
assert sender.flush(20), sender.stats
stats = sender.stats
assert stats.recorded == stats.sent + stats.dropped, stats
print(stats.sent)
""",
        )
        assert done.returncode == 0, done.stderr
        assert counted(stub)["child"] == 60
        assert counted(stub)["parent"] == int(done.stdout)

    @pytest.mark.parametrize("where", ["hang", "half"])
    def test_a_batch_under_way_is_not_sent_again_by_the_child(self, stub, where):
        """And what the parent's thread holds locked while it reads the answer is left alone."""
        stub.script.append(where)
        done, _ = run(
            stub.url,
            """
record("parent"); sender.flush(0.01)
time.sleep(0.2)
if not os.fork():
    assert sender.stats.recorded == 0
    record("child"); assert sender.flush(10)
    assert sender.stats.last_error == "", sender.stats
    os._exit(0)
assert os.wait()[1] == 0
os._exit(0)
""",
        )
        assert done.returncode == 0, done.stderr
        assert counted(stub) == {"child": 1}

    def test_sending_imports_nothing(self, stub):
        """A fork in the middle of an import in another thread leaves its lock taken for ever."""
        stub.script.append((503, {"Retry-After": "Fri, 21 Nov 2025 12:00:30 GMT"}))
        done, _ = run(
            stub.url,
            """
before = set(sys.modules)
record("one"); assert sender.flush(10)
print(sorted(set(sys.modules) - before))
""",
        )
        assert done.stdout == "[]\n"


class TestExit:
    def test_the_rest_is_sent(self, stub):
        done, _ = run(stub.url, "record('last', 2_500)")
        assert (done.returncode, done.stderr) == (0, "")
        assert counted(stub) == {"last": 2_500}

    def test_also_after_an_exception(self, stub):
        done, _ = run(stub.url, "record('last')\nraise ValueError('x')")
        assert done.returncode == 1
        assert counted(stub) == {"last": 1}

    def test_a_sender_that_never_sent_costs_nothing(self, stub):
        done, _ = run(stub.url, "")
        assert (done.returncode, done.stderr, stub.received) == (0, "", [])

    def test_a_server_that_hangs_does_not_hold_it(self, stub):
        """flush_seconds (2) is the end of it, though an answer may be waited for longer."""
        stub.script.append("hang")
        done, seconds = run(stub.url, "record('last')", timeout=30.0)
        assert done.returncode == 0
        assert seconds < 15
        assert done.stderr == "Endpoint Stats: hits not sent before the end: 1\n"

    def test_nor_does_one_that_is_away(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        done, seconds = run(url, "sender._flush_seconds = 0.1\nrecord('last', 3)")
        assert done.returncode == 0
        assert seconds < 15
        assert "hits not sent before the end: 3" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signals_that_a_server_turns_into_an_exit(self, stub, number):
        done, _ = run(
            stub.url,
            f"""
import signal
signal.signal({int(number)}, lambda *_: sys.exit(0))
record('last')
os.kill(os.getpid(), {int(number)})
time.sleep(30)
""",
        )
        assert done.returncode == 0
        assert counted(stub) == {"last": 1}

    def test_requests_that_go_on_during_the_end_break_nothing(self, stub):
        done, _ = run(
            stub.url,
            """
def traffic():
    while True:
        record("late")
for _ in range(3): threading.Thread(target=traffic, daemon=True).start()
time.sleep(0.05)
""",
        )
        assert done.returncode == 0
        assert "Traceback" not in done.stderr


def test_a_long_wait_costs_no_processor(stub):
    """The thread sleeps; it does not poll."""
    done, _ = run(
        stub.url,
        """
record("one"); assert sender.flush(10)
begin = time.process_time()
time.sleep(0.5)
print(time.process_time() - begin)
""",
        interval=0.05,
    )
    assert float(done.stdout) < 0.05
