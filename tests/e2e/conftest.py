"""A real Chromium, Debian's: Playwright's own is not downloaded."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

# Playwright's synchronous interface runs an event loop in this thread; Django would refuse to query beside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": shutil.which("chromium"), "args": FLAGS}


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[1440, 390])
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def reader(browser: Any, scheme: str, width: int) -> Iterator[Any]:
    """A page of a browser window in one theme and one width, which collects what the console complains about."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    context.set_default_timeout(8_000)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


@pytest.fixture
def window(browser: Any) -> Iterator[Any]:
    """A page where neither theme nor width matters."""
    context = browser.new_context()
    context.set_default_timeout(8_000)
    yield context.new_page()
    context.close()
