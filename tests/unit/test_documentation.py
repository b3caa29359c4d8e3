"""What people can set, call or meet is written down: docs/*.md, README.md or Runbook.md name it."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from endpoint_stats.ingest.sources.base import REASONS
from endpoint_stats.ingest.sources.known import names
from endpoint_stats.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "endpoint_stats", "alerts", "files", "devtools")
READERS = {"string", "integer", "number", "boolean", "words", "secret", "folder"}
# Set by Python, Django and the suite; nobody sets them for this product.
OF_OTHERS = {"DJANGO_SETTINGS_MODULE", "TEST_DATA_DIR"}


@cache
def documentation():
    found = {}
    for path in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "Runbook.md"):
        if path.exists():
            found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
    return found


def mentioned(name):
    """Whether a document has the name as a word of its own."""
    word = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    return any(word.search(text) for text in documentation().values())


def commands():
    return sorted(
        path.stem
        for app in APPS
        for path in (ROOT / app).glob("management/commands/*.py")
        if not path.stem.startswith("_")
    )


def variables():
    """Names that settings/ read from the environment."""
    found = set()
    for path in (ROOT / "settings").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            called = ast.unparse(node.func)
            readers = {f"env.{reader}" for reader in READERS} | {"os.environ.get", "os.getenv", "os.environ.setdefault"}
            if called in readers:
                found.add(node.args[0].value)
            if called == "env.secret":
                found.add(f"{node.args[0].value}_FILE")
    return sorted(found - OF_OTHERS)


def api_routes():
    """Addresses of ours that programs call, as written in the documentation: parameters as {name}."""

    def walk(resolver, prefix):
        for entry in resolver.url_patterns:
            path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(entry.pattern))
            if isinstance(entry, URLResolver):
                yield from walk(entry, path)
            elif isinstance(entry, URLPattern):
                yield "/" + path

    wanted = ("/api/", "/otlp/", "/health/", "/metrics", "/stats")
    return sorted({path for path in walk(get_resolver(), "") if path.startswith(wanted)})


def test_there_is_something_to_hold():
    assert len(documentation()) >= 3
    assert {"import_log", "stats", "create_project"} <= set(commands())
    assert {"DATABASE_URL", "SECRET_KEY", "SECRET_KEY_FILE", "LOG_LEVEL"} <= set(variables())
    assert {"/stats", "/health/live", "/api/v1/projects/{slug}/stats"} <= set(api_routes())


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    assert mentioned(name)


@pytest.mark.parametrize("name", commands())
def test_commands(name):
    assert mentioned(name)


@pytest.mark.parametrize("name", variables())
def test_environment_variables(name):
    assert mentioned(name)


@pytest.mark.parametrize("name", REASONS)
def test_reject_reasons(name):
    assert mentioned(name)


@pytest.mark.parametrize("name", names())
def test_log_formats(name):
    assert mentioned(name)


@pytest.mark.parametrize("path", api_routes())
def test_api_routes(path):
    assert any(path in text for text in documentation().values())


def test_links_between_documents_lead_somewhere():
    broken = []
    for name, text in documentation().items():
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            elsewhere = "://" in target or target.startswith("mailto:")
            if not elsewhere and not ((ROOT / name).parent / target).exists():
                broken.append(f"{name}: {target}")
    assert not broken


def test_documents_that_the_code_names_exist():
    missing = set()
    for folder in (*APPS, "settings", "scripts", "bench"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".sh", ".html", ".yaml"):
                named = re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8"))
                missing |= {f"{path.relative_to(ROOT)}: {name}" for name in named if not (ROOT / name).exists()}
    assert not missing
