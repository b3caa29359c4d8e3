"""A copy of the working tree as git sees it, with the environment that runs the suite, and processes that end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
# What the suite itself was started with must not reach what it starts.
OWN_SETTINGS = (
    "DATABASE_URL",
    "REDIS_URL",
    "DATA_DIR",
    "STATIC_ROOT",
    "TEST_DATA_DIR",
    "DJANGO_SETTINGS_MODULE",
    "SECRET_KEY",
    "TEST",
    "PORT",
    "HOST",
    "OWNER_EMAIL",
    "DJANGO_ALLOW_ASYNC_UNSAFE",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> int:
    """The status of an answer; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


@dataclass
class Clone:
    """A checkout with a data folder of its own."""

    folder: Path
    venv: Path
    data: Path
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        return kept | {"VENV": str(self.venv), "DATA_DIR": str(self.data)} | more

    def start(self, *command: str, log: Path, **more: str) -> "subprocess.Popen[bytes]":
        """A process that leads a group of its own, as a shell starts one on a terminal."""
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.env(**more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def run(self, *command: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=self.folder, env=self.env(**more), capture_output=True, text=True, timeout=120, check=False
        )

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.run(str(self.venv / "bin/python"), "manage.py", *arguments)

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
                process.kill()
                process.wait()


def family(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    found = psutil.Process(process.pid)
    return [found, *found.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def stop(process: "subprocess.Popen[bytes]", how: str) -> tuple[int, float, list[psutil.Process]]:
    """Exit code, seconds, and who is still there. ``how``: "ctrl-c" (SIGINT to the group) or "term" (to the pid)."""
    everyone = family(process)
    begin = time.monotonic()
    if how == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    code = process.wait(30)
    seconds = time.monotonic() - begin
    end = time.monotonic() + 3
    while alive(everyone) and time.monotonic() < end:
        time.sleep(0.05)
    return code, seconds, alive(everyone)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a commit of everything would hold."""
    folder = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    if (ROOT / "node_modules").exists():
        # As setup.sh left it, with its stamp: no test reaches for the npm registry.
        shutil.copytree(ROOT / "node_modules", folder / "node_modules", symlinks=True)
    return folder


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory, tree: Path) -> Path:
    """The suite's own environment under another name, marked as installed: nothing is installed into it again."""
    folder = tmp_path_factory.mktemp("venv")
    for path in Path(sys.prefix).iterdir():
        if not path.name.startswith(".installed-"):
            (folder / path.name).symlink_to(path)
    for lock in ("requirements.txt", "requirements-test.txt"):
        command = f"source scripts/lib.sh && checksum {lock}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=tree, env=os.environ | {"VENV": str(folder)}, capture_output=True, check=True
        )
        (folder / f".installed-{lock}").write_bytes(done.stdout)
    return folder


@pytest.fixture
def clone(tree: Path, venv: Path, tmp_path: Path) -> Iterator[Clone]:
    made = Clone(tree, venv, tmp_path / "data")
    yield made
    made.close()
