"""A small supervisor: starts children, forwards what they say, restarts what died, and leaves nobody behind.

Each child leads a process group of its own. To stop one, SIGTERM goes to the leader alone (Django-Q2 and granian
end their own processes in order), and after ``GRACE`` seconds SIGKILL to the group. Should the supervisor itself
be killed, the kernel sends its children SIGTERM. One thread, no locks: pipes and signals meet in one selector.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

GRACE = 10.0
TICK = 0.2
MAX_BACKOFF = 30.0
# A child that lived this long had started; one that never did gives up the whole tree after so many tries.
STARTED = 10.0
TRIES = 4

PR_SET_PDEATHSIG = 1
# Elsewhere than on Linux a killed supervisor's children stay until their owner ends them.
_prctl: Any = getattr(ctypes.CDLL(None), "prctl", None)


def _die_with(parent: int) -> None:
    """In the child, before exec: ask for SIGTERM at the parent's death, and be gone if that was before."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)


@dataclass(slots=True, eq=False)
class Child:
    """One process that should run. ``name`` stands before each of its lines."""

    name: str
    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    ever_started: bool = False
    deaths: int = 0
    next_start: float = 0.0
    kill_at: float | None = None
    rest: bytes = field(default=b"", repr=False)

    @property
    def running(self) -> bool:
        return self.process is not None

    def start(self, now: float) -> None:
        parent = os.getpid()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: _die_with(parent),
        )
        self.started, self.kill_at = now, None

    def ask_to_stop(self, now: float) -> None:
        if self.process is not None and self.kill_at is None:
            self.kill_at = now + GRACE
            self.process.send_signal(signal.SIGTERM)

    def kill_group(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """``watch``, called about once in ``watch_every`` seconds with the children, may ask some to be restarted."""

    def __init__(
        self,
        children: Sequence[Child],
        out: BinaryIO | None = None,
        watch: Callable[[Sequence[Child]], list[Child]] | None = None,
        watch_every: float = 5.0,
    ) -> None:
        self.children = list(children)
        self.out = out or sys.stderr.buffer
        self.watch, self.watch_every = watch, watch_every
        self.next_watch = 0.0
        self.stops = 0
        self.code = 0
        self.width = max(len(child.name) for child in self.children)
        self.selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Until SIGTERM, SIGINT or SIGHUP. Returns the exit code: 0 after a clean stop."""
        self._catch_signals()
        self.next_watch = time.monotonic() + self.watch_every
        try:
            while not (self.stops and not any(child.running for child in self.children)):
                self._forward(TICK)
                self._tick(time.monotonic())
        finally:
            for child in self.children:
                child.kill_group()
        return self.code

    def _catch_signals(self) -> None:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self.selector.register(reading, selectors.EVENT_READ, None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self._stop)

    def _stop(self, *_: object) -> None:
        self.stops += 1

    def _tick(self, now: float) -> None:
        if self.stops:
            for child in self.children:
                child.ask_to_stop(now)
                if self.stops > 1:
                    child.kill_at = now
        elif now >= self.next_watch:
            self.next_watch = now + self.watch_every
            self._restart(self.watch(self.children) if self.watch else [], now)
        for child in self.children:
            self._look_after(child, now)

    def _restart(self, children: Sequence[Child], now: float) -> None:
        for child in children:
            if child.running and child.kill_at is None:
                self.say(f"restarting {child.name}: it is there but does nothing")
                child.ask_to_stop(now)

    def _look_after(self, child: Child, now: float) -> None:
        if child.process is None:
            if not self.stops and now >= child.next_start:
                self._start(child, now)
            return
        if now - child.started > STARTED:
            child.ever_started, child.deaths = True, 0
        if child.process.poll() is not None:
            self._ended(child, now)
        elif child.kill_at is not None and now >= child.kill_at:
            child.kill_group()

    def _start(self, child: Child, now: float) -> None:
        child.start(now)
        assert child.process is not None and child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _ended(self, child: Child, now: float) -> None:
        assert child.process is not None and child.process.stdout is not None
        child.kill_group()  # what it left behind would hold its port or its pipe
        self._read(child)
        self._unwatch(child.process.stdout.fileno())
        child.process.stdout.close()
        if child.rest:
            self._write(child.name, child.rest)
            child.rest = b""
        code, asked = child.process.returncode, child.kill_at is not None
        child.process = None
        if self.stops:
            return
        if asked:
            child.next_start = now
            return
        child.deaths += 1
        if not child.ever_started and child.deaths >= TRIES:
            self.say(f"{child.name} ends as soon as it starts; what it says stands above. Stopping.")
            self.stops, self.code = 1, 1
            return
        pause = min(2.0 ** (child.deaths - 1), MAX_BACKOFF)
        child.next_start = now + pause
        self.say(f"{child.name} ended with {_reason(code)}; starting it again in {pause:.0f} s")

    def _forward(self, timeout: float) -> None:
        for key, _ in self.selector.select(timeout):
            if key.data is None:
                os.read(key.fd, 4096)
            else:
                self._read(key.data)

    def _read(self, child: Child) -> None:
        assert child.process is not None and child.process.stdout is not None
        fd = child.process.stdout.fileno()
        while True:
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:
                return
            if not data:
                self._unwatch(fd)  # closed by every writer: readable for ever
                return
            *lines, child.rest = (child.rest + data).split(b"\n")
            for line in lines:
                self._write(child.name, line)

    def _unwatch(self, fd: int) -> None:
        if fd in self.selector.get_map():
            self.selector.unregister(fd)

    def say(self, text: str) -> None:
        self._write("up", text.encode())

    def _write(self, name: str, line: bytes) -> None:
        # Nobody listens any more; the children need not die of it.
        with suppress(OSError, ValueError):
            self.out.write(f"{name:{self.width}} | ".encode() + line + b"\n")
            self.out.flush()


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
