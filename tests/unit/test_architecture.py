"""Who may know whom, and how large a part may be. Read from the syntax trees; nothing is imported."""

import ast
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("settings", "accounts", "endpoint_stats", "endpoint_stats_sender", "alerts", "files", "devtools")
MAX_MODULE, MAX_FUNCTION, LONG_FUNCTION = 400, 60, 40

# What each may import of ours. Wiring by name (INSTALLED_APPS, urls' include) is no import.
ALLOWED = {
    "settings": {"settings"},
    "accounts": {"accounts"},
    "endpoint_stats": {"endpoint_stats", "accounts"},
    "endpoint_stats_sender": {"endpoint_stats_sender"},
    "alerts": {"alerts", "endpoint_stats", "accounts"},
    "files": {"files", "endpoint_stats", "accounts"},
    "devtools": {"devtools", "endpoint_stats", "accounts", "alerts", "files"},
}
# Of the core: files may use query and ingest, alerts query; what describes the core is everybody's.
OPEN_TO_ALL = ("endpoint_stats.query", "endpoint_stats.metrics", "endpoint_stats.models", "endpoint_stats.registry",
               "endpoint_stats.api", "endpoint_stats.pages", "endpoint_stats.ids", "endpoint_stats.apps",
               "endpoint_stats.workers", "endpoint_stats.management")  # fmt: skip
VOLUME = {
    "Journal", "RollupMinute", "RollupHour", "RollupDay", "Rollup", "TotalMinute", "TotalHour", "TotalDay",
    "TotalRollup", "ConsumerHour", "ConsumerDay", "ConsumerRollup", "CallerHour", "CallerDay", "CallerRollup",
}  # fmt: skip
TABLES = (
    "endpoint_stats_journal",
    "endpoint_stats_rollup",
    "endpoint_stats_total",
    "endpoint_stats_consumerhour",
    "endpoint_stats_consumerday",
    "endpoint_stats_caller",
)


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules():
    """{module: (path, tree)} of all that ships, tests left out."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            found[module_of(path)] = (path, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return found


def imports_of(module):
    """Dotted names that a module imports, anywhere in it; ``from a import b`` is a.b, relative ones resolved."""
    path, tree = modules()[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            found |= {".".join([*base, alias.name]) for alias in node.names}
    return found


def under(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def all_imports(*packages):
    return [(module, name) for module in modules() if under(module, *packages) for name in sorted(imports_of(module))]


def test_every_module_is_seen():
    assert len(modules()) > 80
    assert "endpoint_stats.aggregate.fold" in modules()
    assert under("endpoint_stats.aggregate.words", "endpoint_stats.aggregate")
    assert "endpoint_stats.aggregate.words" in imports_of("endpoint_stats.aggregate.fold")  # a relative import


@pytest.mark.parametrize("app", APPS)
def test_who_knows_whom(app):
    wrong = [
        f"{module} imports {name}"
        for module, name in all_imports(app)
        if name.split(".")[0] in APPS and name.split(".")[0] not in ALLOWED[app]
    ]
    assert not wrong


OF_THE_CORE = [("alerts", ("endpoint_stats.aggregate.buckets",)), ("files", ("endpoint_stats.ingest",))]


@pytest.mark.parametrize(("app", "more"), OF_THE_CORE)
def test_what_higher_apps_know_of_the_core(app, more):
    wrong = [
        f"{module} imports {name}"
        for module, name in all_imports(app)
        if under(name, "endpoint_stats") and not under(name, *OPEN_TO_ALL, *more)
    ]
    assert not wrong


def test_the_sender_needs_the_standard_library_and_django_alone():
    """It runs inside other people's applications, on Python 3.9 too."""
    wrong = [
        f"{module} imports {name}"
        for module, name in all_imports("endpoint_stats_sender")
        if name.split(".")[0] not in sys.stdlib_module_names | {"endpoint_stats_sender", "django", "asgiref"}
    ]
    assert not wrong
    for path, _ in (modules()[module] for module in modules() if under(module, "endpoint_stats_sender")):
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


PURE = ("endpoint_stats.aggregate", "endpoint_stats.routes.rules", "endpoint_stats.routes.lexical", "alerts.evaluate")


def test_the_fold_and_the_route_rules_know_no_django():
    frameworks = ("django", "rest_framework", "django_q", "psycopg", "sqlite3", "django_redis")
    assert not [f"{module} imports {name}" for module, name in all_imports(*PURE) if under(name, *frameworks)]


def test_not_even_through_another_module():
    """What the pure modules import of ours must be as pure, all the way down."""
    seen, waiting = set(), [module for module in modules() if under(module, *PURE)]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imports_of(module):
            assert not under(name, "django", "rest_framework"), f"{module} imports {name}"
            parts = name.split(".")
            waiting += [
                ".".join(parts[:size]) for size in range(1, len(parts) + 1) if ".".join(parts[:size]) in modules()
            ]


def test_worker_processes_of_an_import_load_no_django():
    """ingest/piece.py runs in processes that know no database."""
    for name in ("piece", "encode", "places", "streams", "redact", "traffic"):
        wanted = imports_of(f"endpoint_stats.ingest.{name}")
        assert not [
            other for other in wanted if under(other, "django", "endpoint_stats.models", "endpoint_stats.store")
        ]


def test_who_shows_or_judges_numbers_never_writes_them():
    wrong = [
        f"{module} imports {name}"
        for module, name in all_imports(
            "endpoint_stats.api", "endpoint_stats.pages", "endpoint_stats.query", "alerts", "files"
        )
        if under(name, "endpoint_stats.store")
    ]
    assert not wrong


def names_in(tree):
    """(line, name) of every name, attribute and imported name; and strings that name a table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for word in node.value.lower().split():
                if word.strip('",;()').startswith(TABLES):
                    yield node.lineno, word


MAY_TOUCH = ("endpoint_stats.store", "endpoint_stats.query", "endpoint_stats.models", "endpoint_stats.migrations",
             "endpoint_stats.admin")  # fmt: skip


def test_only_store_and_query_touch_rollups_and_journal():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for module, (path, tree) in modules().items()
        if not under(module, *MAY_TOUCH)
        for line, name in names_in(tree)
        if name in VOLUME or name.lower().startswith(TABLES)
    ]
    assert not wrong


WRITES = {"create", "bulk_create", "update", "bulk_update", "delete", "save", "get_or_create", "update_or_create"}


def test_query_only_reads():
    wrong = []
    for module, (path, tree) in modules().items():
        if not under(module, "endpoint_stats.query"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                first = node.value.strip().split(" ")[0]
                if first in ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "TRUNCATE"):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {first}")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
                owner = ast.unparse(node.func.value)
                if "objects" in owner:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {owner}.{node.func.attr}")
    assert not wrong


def test_no_module_is_too_long():
    long = {
        str(path.relative_to(ROOT)): lines
        for module, (path, _) in modules().items()
        if "migrations" not in module.split(".")
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_MODULE
    }
    assert not long


def functions():
    for module, (path, tree) in modules().items():
        if "migrations" in module.split("."):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_function_is_too_long():
    sizes = dict(functions())
    too_long = {name: size for name, size in sizes.items() if size > MAX_FUNCTION}
    rather_long = {name: size for name, size in sizes.items() if size > LONG_FUNCTION}
    assert not too_long, f"over {LONG_FUNCTION} lines: {rather_long}"


def test_the_clock_is_never_read_inside_the_core():
    """``now`` is passed in; only what begins a request, a command or a worker's turn reads the clock."""
    wrong = []
    for module, (path, tree) in modules().items():
        if not under(module, "endpoint_stats.aggregate", "endpoint_stats.query", "endpoint_stats.routes"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "timezone.now", "datetime.now", "datetime.utcnow", "time.time", "time.time_ns", "date.today",
            ):  # fmt: skip
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node.func)}")
    assert not wrong


def test_modules_of_the_core_do_not_import_each_other_in_a_circle():
    edges = defaultdict(set)
    for module in modules():
        for name in imports_of(module):
            parts = name.split(".")
            target = next(
                (".".join(parts[:size]) for size in range(len(parts), 0, -1) if ".".join(parts[:size]) in modules()),
                None,
            )
            # A package's __init__ is loaded for each of its modules anyhow.
            if target and target != module and not under(module, target):
                edges[module].add(target)
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for target in sorted(edges[module]):
            visit(target)
        path.pop()
        done.add(module)

    for module in modules():
        visit(module)
