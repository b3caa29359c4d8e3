"""Takes a picture of every page of an installation of its own, with demo data: ``scripts/screenshots.sh``."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright
from rich.progress import track

EMAIL = "owner@example.com"
WIDTHS, SCHEMES = (1440, 390), ("light", "dark")
PAPER = 794  # pixels of a page of A4
# Name of the picture and address; {endpoint} is the busiest one's page.
PAGES = (
    ("overview", "/projects/demo/"),
    ("overview-filtered", "/projects/demo/?filter.status=5xx&filter.traffic=normal"),
    ("overview-cannot", "/projects/demo/?filter.consumer=acme&filter.release=1"),
    ("overview-empty", "/projects/empty/"),
    ("upload", "/projects/sent/upload/"),
    ("upload-preview", "{preview}"),
    ("upload-unknown", "{unknown}"),
    ("upload-queued", "{queued}"),
    ("endpoint", "{endpoint}"),
    ("live", "/projects/demo/live/"),
    ("live-empty", "/projects/empty/live/"),
    ("consumers", "/projects/demo/consumers/"),
    ("releases", "/projects/demo/releases/"),
    ("compare-ranges", "/projects/demo/compare/"),
    ("compare-versions", "/projects/demo/compare/?by=release"),
    ("compare-consumers", "/projects/demo/compare/?by=consumer"),
    ("filters", "/projects/demo/filters/"),
    ("search", "/projects/demo/search/?q=orders"),
    ("suggestions", "/projects/demo/suggestions/"),
    ("incidents", "/projects/demo/incidents/"),
    ("ledger", "/projects/demo/ledger/"),
    ("settings", "/projects/demo/settings/"),
    ("settings-members", "/projects/demo/settings/members/"),
    ("settings-keys", "/projects/demo/settings/keys/"),
    ("settings-ingest", "/projects/demo/settings/ingest/"),
    ("settings-sharing", "/projects/demo/settings/sharing/?filter.consumer=acme"),
    ("settings-channels", "/projects/demo/settings/channels/"),
    ("settings-channels-none", "/projects/empty/settings/channels/"),
    ("settings-channel", "{channel}"),
    ("settings-channel-new", "/projects/demo/settings/channels/new/?kind=email"),
    ("settings-policies", "/projects/demo/settings/policies/"),
    ("settings-policy", "{policy}"),
    ("settings-quiet", "/projects/demo/settings/quiet/"),
    ("settings-quiet-none", "/projects/empty/settings/quiet/"),
    ("settings-audit", "/projects/demo/settings/audit/"),
    ("new-project", "/new-project/"),
    ("account", "/account/"),
    ("account-email", "/account/email/"),
    ("account-password", "/account/password/change/"),
    ("account-factors", "/account/2fa/"),
    ("account-sessions", "/account/sessions/"),
    ("account-data", "/account/data/"),
    ("missing", "/nothing-here/"),
    ("admin", "/admin/"),
    ("admin-users", "/admin/accounts/user/"),
)
OUTSIDE = (("sign-in", "/account/login/"), ("sign-up", "/account/signup/"), ("forgotten", "/account/password/reset/"))


def main(folder: Path, *wanted: str) -> int:
    """``wanted``: beginnings of names, where not all are."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, installation(Path(data)) as (base, password), sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        todo = [(scheme, width) for scheme in SCHEMES for width in WIDTHS]
        sent = uploads(browser, base, password) | alerts(browser, base, password)
        for scheme, width in track(todo, description="Pages", transient=True):
            look(browser, base, password, folder, scheme, width, sent, wanted)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}/")
    return 0


@contextmanager
def installation(data: Path) -> Iterator[tuple[str, str]]:
    """One that is thrown away: its address, and its owner's password."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "DATA_DIR": str(data), "SIGN_UP": "open", "DJANGO_SETTINGS_MODULE": "settings.dev"}
    environment.pop("DATABASE_URL", None)

    def manage(*arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    manage("prepare", "--static")
    said = manage("create_owner", "--email", EMAIL)
    manage("simulate", "--project", "demo", "--demo", "--requests", "60000")
    for slug in ("empty", "sent"):
        manage("create_project", slug, "--owner", EMAIL)
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{base}/health/ready")
        found = re.search(r"password (\S+) ", said)
        assert found, said
        yield base, found[1]
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address: str) -> None:
    """Raises TimeoutError where nothing answers within half a minute."""
    for _ in range(150):
        try:
            with urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{address} does not answer.")


LINE = '192.0.2.{n} - - [20/Nov/2026:10:{n:02d}:00 +0000] "GET /orders/{n} HTTP/1.1" 200 512 "-" "curl/8.1" 0.{n:03d}\n'


def uploads(browser: Browser, base: str, password: str) -> dict[str, str]:
    """Addresses of uploads that wait: one that is read, one that is not, one that a worker is to take."""
    context = browser.new_context(base_url=base)
    page = context.new_page()
    sign_in(page, password)
    log = "".join(LINE.format(n=n) for n in range(1, 40)).replace("GET /orders/3 ", "broken ")
    found = {}
    for name, text in (("preview", log), ("unknown", "one|two|three\n" * 30), ("queued", log)):
        page.goto("/projects/sent/upload/")
        page.set_input_files("#log", {"name": "access.log", "mimeType": "text/plain", "buffer": text.encode()})
        page.get_by_role("button", name="Upload").click()
        page.wait_for_url(re.compile(r"/upload/[0-9a-f-]{36}/"))
        if name == "queued":
            page.get_by_role("button", name="Import", exact=True).click()
            page.get_by_text("waits for a worker").wait_for()
        found[name] = page.url.removeprefix(base)
    context.close()
    return found


def alerts(browser: Browser, base: str, password: str) -> dict[str, str]:
    """Channels, whom they tell and when not; addresses of a channel and of a policy."""
    context = browser.new_context(base_url=base)
    page = context.new_page()
    sign_in(page, password)
    settings = "/projects/demo/settings"
    for kind, name, field, value in (
        ("email", "Mail to the owners", "Addresses", "oncall@example.com"),
        ("webhook", "Status page", "URL", "https://status.example.com/hook"),
        ("slack", "#alerts", "Webhook URL", "https://hooks.slack.com/services/T000/B000/xyz"),
    ):
        page.goto(f"{settings}/channels/new/?kind={kind}")
        page.get_by_label("What it is called").fill(name)
        page.get_by_label(field, exact=True).fill(value)
        page.get_by_role("button", name="Add the channel").click()
    page.goto(f"{settings}/channels/")
    page.get_by_role("link", name="Mail to the owners").click()
    page.get_by_role("button", name="Send a test").click()
    found = {"channel": page.url.removeprefix(base)}
    page.goto(f"{settings}/channels/")
    page.get_by_role("button", name="Switch Status page off").click()
    page.goto(f"{settings}/policies/")
    page.get_by_label("What it is called").fill("Nights")
    page.get_by_label("#alerts").first.check()
    page.get_by_label("Minutes after the first").fill("15")
    page.get_by_label("Mail to the owners").nth(1).check()
    page.get_by_role("button", name="Add the policy").click()
    page.get_by_role("link", name="Nights").click()
    found["policy"] = page.url.removeprefix(base)
    page.goto(f"{settings}/quiet/")
    page.locator("#silence-name-1").fill("service")
    page.locator("#silence-value-1").fill("shop")
    page.get_by_label("Why").fill("The database moves to another host until five")
    page.get_by_role("button", name="Silence", exact=True).click()
    page.get_by_text("New window").click()
    page.locator("#window-called").fill("Backup of the night")
    page.get_by_label("Sunday").check()
    page.get_by_label("It begins at").fill("04:00")
    page.get_by_role("button", name="Add the window").click()
    context.close()
    return found


def sign_in(page: Page, password: str) -> None:
    page.goto("/account/login/")
    page.fill("#id_login", EMAIL)
    page.fill("#id_password", password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def look(
    browser: Browser,
    base: str,
    password: str,
    folder: Path,
    scheme: Any,
    width: int,
    sent: dict[str, str],
    wanted: tuple[str, ...],
) -> None:
    context = browser.new_context(base_url=base, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()

    def take(name: str, address: str) -> None:
        if wanted and not name.startswith(wanted):
            return
        page.goto(address)
        page.wait_for_timeout(600)  # charts are drawn after the page has loaded
        page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)
        if scheme == "dark" and width == max(WIDTHS):
            page.set_viewport_size({"width": PAPER, "height": 1123})
            page.emulate_media(media="print")
            page.wait_for_timeout(300)
            page.screenshot(path=folder / f"{name}-print.png", full_page=True)
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": width, "height": 900})

    for name, address in OUTSIDE:
        take(name, address)
    sign_in(page, password)
    page.goto("/projects/demo/")
    busiest = page.locator("table.endpoints a.route").first
    endpoint, endpoint_name = busiest.get_attribute("href") or "", busiest.get_attribute("title") or ""
    for name, address in PAGES:
        take(name, address.format(endpoint=endpoint, **sent))
    for kind in () if wanted and not any(one.startswith("s") for one in wanted) else ("page", "badge"):
        page.goto("/projects/demo/settings/sharing/")
        page.get_by_label("What it is called").fill("Orders")
        page.get_by_label("Route", exact=True).fill(endpoint_name)
        page.get_by_label("It is", exact=True).select_option(kind)
        page.get_by_role("button", name="Make the link").click()
        page.screenshot(path=folder / f"settings-sharing-{kind}-{scheme}-{width}.png", full_page=True)
        if kind == "page":
            take("shared", page.locator("#address").inner_text())
    take("shared-over", "/shared/nothing/")
    context.close()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
