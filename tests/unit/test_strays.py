"""The suite's own guard against a browser amid other tests."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_parameter_with_the_name_of_a_fixture_of_the_browser(tmp_path: Path) -> None:
    stray = tmp_path / "test_stray.py"
    stray.write_text("import pytest\n@pytest.mark.parametrize('name', ['a'])\ndef test_a(name, page): pass\n")
    options = ("-p", "no:xdist", "-p", "tests.conftest", "-c", "pyproject.toml", "--rootdir", ".")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--collect-only", "-q", stray],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 4, run.stdout + run.stderr
    assert "Outside of tests/e2e a test asks for a fixture of the browser" in run.stdout + run.stderr
