"""Senders that end with their test, transports in memory, and the stand-in for the server."""

from __future__ import annotations

import threading
import time
from collections import deque

import pytest

from endpoint_stats_sender import Answer, HttpTransport, Retry, Sender
from endpoint_stats_sender.complaints import Complaints
from tests.sender.stub import KEY, Stub

# Delays that a test need not wait for.
QUICK = Retry(first=0.002, longest=0.01, asked=0.02, tries=4)


class Memory:
    """A transport that keeps what it is given. Its script: an answer, or an exception, a batch; then all is well."""

    def __init__(self, *script):
        self.script = deque(script)
        self.batches = []  # (key, hits) of each try
        self.stored = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.closed = 0

    def send(self, hits, idempotency_key):
        self.batches.append((idempotency_key, list(hits)))
        self.entered.set()
        assert self.gate.wait(20)
        step = self.script.popleft() if self.script else Answer(200)
        if isinstance(step, BaseException):
            raise step
        if 200 <= step.status < 300:
            self.stored += hits
        return step

    def close(self):
        self.closed += 1

    @property
    def keys(self):
        return [key for key, _ in self.batches]


@pytest.fixture
def make_sender():
    """``make_sender(transport, **options)``: quick, and closed with the test."""
    made = []

    def make(transport, **options):
        # An interval that no test waits for: flush, full batches or their own say when.
        sender = Sender(transport, **{"interval": 30.0, "retry": QUICK, "complaints": Complaints(every=0.0)} | options)
        made.append(sender)
        return sender

    yield make
    for sender in made:
        if hasattr(sender._transport, "gate"):
            sender._transport.gate.set()
        sender.close(timeout=0.5)
        thread = sender._thread
        if thread is not None:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def stub():
    made = Stub()
    yield made
    made.close()


@pytest.fixture
def over_http(make_sender, stub):
    """A sender to the stand-in."""
    return make_sender(HttpTransport(stub.url, KEY, timeout=5.0))


def hit(number=0, **more):
    return {"time": 1_763_700_000.5, "method": "GET", "path": f"/orders/{number}", "status": 200, **more}


def wait_for(condition, what, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.002)
    raise AssertionError(f"waited in vain for {what}")
