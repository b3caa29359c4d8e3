"""A real Alertmanager (Debian: prometheus-alertmanager) on a loopback port."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def program() -> str:
    found = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if found is None:
        pytest.skip("prometheus-alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)")
    return found


class RealAlertmanager:
    def __init__(self, folder: Path) -> None:
        config = folder / "alertmanager.yml"
        config.write_text(CONFIG)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                program(), f"--config.file={config}", f"--storage.path={folder}", "--cluster.listen-address=",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        try:
            self._wait(folder / "log")
        except BaseException:
            self.close()
            raise

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            assert self._process.poll() is None, log.read_text()
            try:
                with urlopen(f"{self.url}/-/ready", timeout=5):
                    return
            except (URLError, ConnectionError):
                time.sleep(0.05)
        raise AssertionError(f"Alertmanager did not start: {log.read_text()}")

    def alerts(self) -> list[dict[str, object]]:
        """What it holds for firing."""
        with urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
            found: list[dict[str, object]] = json.load(answer)
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
