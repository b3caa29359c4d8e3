"""What pages load from node_modules: found, checked for, and collected as production serves it."""

import re
from pathlib import Path

from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template.loader import render_to_string

from endpoint_stats.checks import BROWSER_FILES, browser_packages

BACKEND = {"BACKEND": "settings.staticfiles.ModuleStorage"}


def test_they_are_found():
    assert browser_packages() == []


def test_the_check_says_what_to_do(monkeypatch):
    monkeypatch.setattr(finders, "find", lambda name: None)
    (found,) = browser_packages()
    assert found.id == "endpoint_stats.E003"
    assert BROWSER_FILES[0] in found.msg
    assert "scripts/setup.sh" in found.hint


def test_pages_name_the_files_that_the_check_looks_for():
    page = render_to_string("endpoint_stats/_chart_assets.html")
    assert {name.removeprefix("/static/") for name in re.findall(r"/static/vendor/[^\"]+", page)} == set(BROWSER_FILES)


def test_production_names_every_file_by_its_content(settings, tmp_path: Path):
    """Modules import each other by those names too: a browser never puts two releases together."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": BACKEND}
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=["admin", "rest_framework"])
    page = render_to_string("endpoint_stats/_chart_assets.html")
    names = re.findall(r'(?:href|src)="/static/([^"]+)"', page)
    assert len(names) == 4
    modules = set()
    waiting = [name for name in names if "js/charts" in name]
    while waiting:
        name = waiting.pop()
        assert re.search(r"\.[0-9a-f]{12}\.(js|css)$", name)
        modules.add(name)
        imported = re.findall(r'(?:from|import)\s*"\./([^"]+)"', (tmp_path / name).read_text(encoding="utf-8"))
        waiting += {f"js/charts/{one}" for one in imported} - modules
    written = {path.name for path in (Path(settings.BASE_DIR) / "static/js/charts").glob("*.js")}
    assert len(modules) == len(written)


def test_modules_stay_small():
    for path in (Path(__file__).resolve().parents[2] / "static/js").rglob("*.js"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path.name
