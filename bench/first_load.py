"""What the first look at a page costs a browser with an empty cache: bytes, requests, script and layout time.

    python bench/first_load.py [--lighthouse /path/to/lighthouse]

An installation of its own with 60,000 requests of demo traffic, in a folder that is thrown away; Debian's Chromium.
With ``--lighthouse`` (npm's package of that name, installed anywhere) also its scores for accessibility and best
practices, and what it found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import BrowserContext, sync_playwright  # noqa: E402

from tests.e2e.screenshots import installation, sign_in  # noqa: E402

PAGES = {
    "overview": "/projects/demo/",
    "live": "/projects/demo/live/",
    "consumers": "/projects/demo/consumers/",
    "compare": "/projects/demo/compare/?by=release",
    "upload": "/projects/sent/upload/",
    "sharing": "/projects/demo/settings/sharing/",
}
TIMES = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lighthouse", default="", metavar="PROGRAM")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as data, installation(Path(data)) as (base, password), sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(base_url=base)
        page = context.new_page()
        sign_in(page, password)
        page.goto("/projects/demo/")
        endpoint = page.locator("table.endpoints a.route").first.get_attribute("href") or ""
        pages = PAGES | {"endpoint": endpoint}
        state: Any = context.storage_state()
        print(f"{'page':10} {'kB':>6} {'requests':>9} " + " ".join(f"{name.lower()[:-8]:>12}" for name in TIMES))
        for name, address in pages.items():
            fresh = browser.new_context(base_url=base, storage_state=state)
            size, count, times = first_load(fresh, address)
            fresh.close()
            print(f"{name:10} {size / 1000:6.0f} {count:9} " + " ".join(f"{time * 1000:9.0f} ms" for time in times))
        cookies = "; ".join(f"{one['name']}={one['value']}" for one in state["cookies"])
        browser.close()
        if options.lighthouse:
            for name, address in pages.items():
                lighthouse(options.lighthouse, name, base + address, cookies, str(chromium))


def first_load(context: BrowserContext, address: str) -> tuple[int, int, list[float]]:
    """Bytes over the wire, requests, and seconds by TIMES."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Performance.enable")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address)
    page.wait_for_timeout(1_500)  # charts, and what is asked for after the page
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return int(sum(sizes)), len(sizes), [found[name] for name in TIMES]


def lighthouse(program: str, name: str, address: str, cookies: str, chromium: str) -> None:
    flags = (
        "--quiet", "--output=json", "--only-categories=accessibility,best-practices",
        f"--extra-headers={json.dumps({'Cookie': cookies})}", "--chrome-flags=--headless=new --no-sandbox",
    )  # fmt: skip
    environment = {**os.environ, "CHROME_PATH": chromium}
    done = subprocess.run([program, address, *flags], env=environment, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    scores = {title: round(category["score"] * 100) for title, category in report["categories"].items()}
    weighed = {
        ref["id"] for category in report["categories"].values() for ref in category["auditRefs"] if ref["weight"]
    }
    wrong = [audit for audit in sorted(weighed) if (report["audits"][audit]["score"] or 0) < 1]
    wrong = [audit for audit in wrong if report["audits"][audit]["score"] is not None]
    print(f"{name:10} {scores} {', '.join(wrong)}")


if __name__ == "__main__":
    main()
