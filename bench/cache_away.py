"""What the overview takes with the cache there, stopped and silent, beside one another in one run.

    REDIS_URL=redis://127.0.0.1:6379/5 python bench/cache_away.py [--rounds 30]

Prints the median of each in milliseconds, and the ratio to the usual time, which is that without anything kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="cache-away-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")

from bench.proxy import Proxy  # noqa: E402  (after its folder is known)

REDIS = urlsplit(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/5"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    proxies = [Proxy((REDIS.hostname or "127.0.0.1", REDIS.port or 6379)) for _ in range(2)]
    os.environ["REDIS_URL"] = f"redis://127.0.0.1:{proxies[0].port}{REDIS.path}"
    os.environ["ALLOWED_HOSTS"] = "testserver"

    import django

    django.setup()
    from django.test import Client
    from django.test.utils import override_settings

    from accounts import user_cache
    from accounts.models import Project, User
    from settings.databases import caches

    for command in (["prepare", "--static"], ["simulate", "--project", "shop", "--requests", "100000"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True, capture_output=True)
    owner = User.objects.create_user("owner@example.org", "a long password")
    Project.objects.get().memberships.create(user=owner, role="owner")
    client = Client()
    client.force_login(owner)

    def median(before: object = None) -> float:
        took = []
        for _ in range(rounds):
            if callable(before):
                before()
            begun = time.perf_counter()
            answer = client.get("/projects/shop/")
            took.append(time.perf_counter() - begun)
            assert answer.status_code == 200
        return statistics.median(took) * 1000

    median()
    found = {"usual, nothing kept": median(lambda: user_cache.clear(owner)), "kept": median()}
    proxies[0].refuse()
    found["stopped"] = median()
    with override_settings(CACHES=caches(f"redis://127.0.0.1:{proxies[1].port}{REDIS.path}")):
        user_cache._patience.until = 0.0
        proxies[1].fall_silent()
        begun = time.perf_counter()
        client.get("/projects/shop/")
        found["silent, the first page"] = (time.perf_counter() - begun) * 1000
        found["silent, those after it"] = median()
    usual = found["usual, nothing kept"]
    for name, milliseconds in found.items():
        print(f"{name:26} {milliseconds:7.1f} ms   {milliseconds / usual:5.2f} × the usual")


if __name__ == "__main__":
    main()
