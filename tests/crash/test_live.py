"""kill -9 of serving processes at each named commit point and at random moments, with clients that send in-doubt
batches again: what was acknowledged is stored, once. scripts/proof.sh does it a thousand times over a million hits."""

import os
import random
import subprocess
import time
from typing import Any

import pytest

from endpoint_stats.store.points import POINTS
from tests.crash.live import Load, Server, check, new_key

KILLS = int(os.environ.get("PROOF_KILLS", "5"))
HITS = int(os.environ.get("PROOF_HITS", "0"))
SIZE = int(os.environ.get("PROOF_SIZE", "4"))
PATIENCE = 90 + 4 * KILLS + HITS // 1000

pytestmark = [pytest.mark.timeout(PATIENCE + 120), pytest.mark.xdist_group("live")]


@pytest.fixture
def server(installation: Any) -> Any:
    made = Server(installation)
    yield made
    made.kill_all()


LIVE = [point for point in POINTS if point.startswith("live.")]


@pytest.mark.parametrize("point", LIVE)
def test_at_each_commit_point(point: str, installation: Any, server: Server) -> None:
    """Processes die at the point again and again: each that is started does at its 5th commit."""
    load = Load(server, new_key(installation), batches=6, clients=12)
    server.start(kill_at=f"{point}:5")
    load.start()
    time.sleep(4)
    assert load.retries, "nothing was killed"
    server.start()
    load.end()
    check(installation, load)


def test_at_random_moments_while_it_is_compacted(installation: Any, server: Server) -> None:
    chance = random.Random(os.environ.get("PROOF_SEED", "live"))
    load = Load(server, new_key(installation), batches=0, size=SIZE, deadline=PATIENCE)
    server.start()
    load.start()
    kills = compactions = 0
    compacting: Any = None
    while kills < KILLS or load.total < HITS:
        assert load.running(), load.wrong
        time.sleep(chance.uniform(0.05, 1.2))
        server.revive()
        if compacting is None or compacting.poll() is not None:
            compacting = installation.start("compact", "--project", "shop", stdout=subprocess.DEVNULL)
            compactions += 1
        if kills < KILLS:
            kills += server.kill_one(chance)
        if chance.random() < 0.3:
            compacting.kill()
    server.revive()
    load.enough.set()
    load.end()
    if compacting is not None:
        compacting.kill()
        compacting.wait()
    print(f"{load.total:,} hits, {kills} kills, {compactions} compactions, {load.retries} batches in doubt,", end=" ")
    print(f"{load.duplicates:,} hits known as duplicates")
    check(installation, load)
