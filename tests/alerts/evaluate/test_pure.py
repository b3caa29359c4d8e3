"""The evaluator asks no database, no framework and no clock."""

import ast
import subprocess
import sys
from pathlib import Path

import alerts.evaluate

FOLDER = Path(alerts.evaluate.__file__).parent
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def test_it_loads_without_django():
    lines = [f"import alerts.evaluate.{name}" for name in MODULES]
    program = "\n".join([*lines, "import sys", "print('judge' in dir(alerts.evaluate), 'django' in sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=FOLDER.parents[1]
    )
    assert (done.stdout.split(), done.stderr) == (["True", "False"], "")


def test_it_reads_no_clock():
    clocks = ("datetime.now", "datetime.utcnow", "date.today", "time.time", "time.monotonic", "timezone.now")
    found = [
        f"{name}:{node.lineno}"
        for name in MODULES
        for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in clocks
    ]
    assert MODULES and not found
