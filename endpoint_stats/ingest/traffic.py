"""Classes of traffic: people and programs, bots, health checks (config/traffic.yaml)."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml

from endpoint_stats.aggregate.fold import BOT, HEALTH, NORMAL

_FILE = Path(__file__).resolve().parents[2] / "config" / "traffic.yaml"


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    listed = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    wanted = {
        "bot": listed["bots"]["user_agents"],
        "health agent": listed["health_checks"]["user_agents"],
        "health path": listed["health_checks"]["paths"],
    }
    return {
        name: re.compile("|".join(f"(?:{part})" for part in parts), re.IGNORECASE) for name, parts in wanted.items()
    }


def class_of_agent(user_agent: str, bots: Sequence[str] = ()) -> int:
    """NORMAL, BOT or HEALTH by the user agent alone. ``bots``: parts, in lower case, of those that are bots besides."""
    if _patterns()["health agent"].search(user_agent):
        return HEALTH
    if _patterns()["bot"].search(user_agent):
        return BOT
    lower = user_agent.lower() if bots else ""
    return BOT if any(part in lower for part in bots) else NORMAL


# What every health path has in it. None of it can stand in a number or a UUID, so that it is found in a path's shape
# (routes/lexical.py) as well.
_HINTS = ("heal", "live", "read", "ping", "beat", "status")


def may_be_health_path(path: str) -> bool:
    """False for most paths: asked first, or of many paths at once."""
    lower = path.lower()
    for hint in _HINTS:  # noqa: SIM110  # asked of each new path of a log, and twice as fast as any()
        if hint in lower:
            return True
    return False


def is_health_path(path: str) -> bool:
    return may_be_health_path(path) and _patterns()["health path"].fullmatch(path) is not None
