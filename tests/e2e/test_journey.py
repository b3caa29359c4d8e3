"""From a fresh clone to the culprit, as somebody does it who has never seen the product: one command, two clicks."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.ops.conftest import Clone, stop
from tests.ops.conftest import clone as clone  # fixtures
from tests.ops.conftest import tree as tree
from tests.ops.conftest import venv as venv
from tests.ops.test_run import begin

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300), pytest.mark.xdist_group("run.sh")]


def test_from_run_to_the_bad_release(browser: Any, clone: Clone, tmp_path: Path) -> None:
    """The demo's checkout 5.2.0 fails payments; 5.2.1 mends it (devtools/simulator/story.py)."""
    log = tmp_path / "run.log"
    process, url = begin(clone, log, DEMO_REQUESTS="90000")
    email, password = re.search(r"(\S+@\S+) with the password (\S+) \(shown", log.read_text()).groups()  # type: ignore[union-attr]
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(url)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()

    # Which endpoint hurts, and after which release, stands on the first page.
    culprit = page.locator(".suggestions li").filter(has_text="checkout 5.2.0 is worse than 5.1.3")
    culprit.wait_for()
    assert "POST /checkout/{id}/pay" in culprit.inner_text()
    culprit.get_by_role("link", name="Compare the two").click()

    # How much, against before.
    worst = page.locator("table.compare tbody tr").first
    worst.wait_for()
    assert "/checkout/{id}/pay" in worst.inner_text() and "errors +" in worst.inner_text()
    assert "POST /checkout/{id}/pay changed most" in page.locator(".sentence").inner_text()
    worst.get_by_role("link").click()

    # Since when, for whom, and how often.
    page.get_by_role("heading", level=1, name="/checkout/{id}/pay").wait_for()
    assert re.search(r"[\d,]+ of [\d,.]+( k)? requests failed", page.locator(".sentence").inner_text())
    page.locator(".parts").get_by_role("link", name="5.2.0").wait_for()
    assert complaints == []
    context.close()
    code, _, left = stop(process, "ctrl-c")
    assert (code, left) == (0, [])
