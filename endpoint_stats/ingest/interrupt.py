"""Ctrl-C, taken where nothing is half done.

Python raises KeyboardInterrupt between any two bytecodes: in a destructor it is lost, and while the ledger is being
closed it leaves a batch open. So the first Ctrl-C is only remembered; an import looks at it after each commit, and
waits for input where it may be raised at once. Who presses again means it.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_asked = 0
_waiting = False


def install() -> None:
    """Take over SIGINT in this process, where it can be (signals belong to the main thread)."""
    global _asked
    _asked = 0
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _ask)


def _ask(*_: object) -> None:
    global _asked
    _asked += 1
    if _waiting or _asked > 1:
        raise KeyboardInterrupt


def asked() -> bool:
    return _asked > 0


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed."""
    if _asked:
        raise KeyboardInterrupt


@contextmanager
def waiting() -> Iterator[None]:
    """Around a call that may wait for ever, and that nothing is lost by breaking off."""
    global _waiting
    _waiting = True
    try:
        check()
        yield
    finally:
        _waiting = False


def sleep(seconds: float) -> None:
    with waiting():
        time.sleep(seconds)


@contextmanager
def held_back() -> Iterator[None]:
    """Around the start of processes that are to know nothing of Ctrl-C: what they inherit blocks it for good."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
