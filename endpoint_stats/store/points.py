"""Named commit points: where a crash is most telling. A test kills the process at each of them."""

import os
import signal

from django.conf import settings

POINTS = (
    "import.begun",
    "import.identity_written",
    "import.before_commit",
    "import.after_commit",
    "live.begun",
    "live.identity_written",
    "live.before_commit",
    "live.after_commit",
    "compact.rollups_written",
    "compact.before_commit",
    "compact.after_commit",
    "prune.floor_raised",
    "prune.before_commit",
    "prune.after_commit",
    "rollback.state_changed",
    "rollback.before_commit",
    "rollback.after_commit",
)
VARIABLE = "KILL_AT_COMMIT_POINT"


def reached(point: str) -> None:
    """Nothing, unless the suite's settings allow it and ``KILL_AT_COMMIT_POINT=point[:n]`` asks for SIGKILL
    at the n-th time (default the first)."""
    if not getattr(settings, "COMMIT_POINTS", False):
        return
    if point not in POINTS:
        raise ValueError(f"{point} is not a registered commit point.")
    wanted, _, times = os.environ.get(VARIABLE, "").partition(":")
    if wanted != point:
        return
    left = int(times or 1) - 1
    os.environ[VARIABLE] = f"{point}:{left}"
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def asked_for(prefix: str) -> bool:
    """Whether a test wants to kill at a point that begins so."""
    return getattr(settings, "COMMIT_POINTS", False) and os.environ.get(VARIABLE, "").startswith(prefix)
