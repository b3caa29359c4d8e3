#!/usr/bin/env bash
# The whole suite, as CI runs it: lint, types, import contracts, then pytest on PostgreSQL and on SQLite.
# Arguments go to pytest. What could not run, and why, stands in the last lines.
#
# PostgreSQL and Redis are used where DATABASE_URL and REDIS_URL point to them; with CI=true they default to the
# local ones, and nothing may be skipped for want of a service.
set -u -o pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1:-}" in
--help | -h) sed -n '2,7s/^# \{0,1\}//p' "scripts/test.sh" && exit 0 ;;
esac

stop_on_signals
make_venv
install_lock requirements-test.txt
checksum requirements.txt >"$VENV/.installed-requirements.txt"
install_node_modules

# The suite decides where it writes and what it talks to; the caller's own installation stays out of it.
unset DATA_DIR STATIC_ROOT DJANGO_SETTINGS_MODULE SECRET_KEY SECRET_KEY_FILE ALLOWED_HOSTS
POSTGRESQL="${DATABASE_URL:-}"
unset DATABASE_URL
if [ "${CI:-}" = true ]; then
    POSTGRESQL="${POSTGRESQL:-postgresql://postgres@127.0.0.1:5432/postgres}"
    export REDIS_URL="${REDIS_URL:-redis://127.0.0.1:6379/0}"
fi

FAILED=""
check() {
    local name="$1"
    shift
    say "== $name"
    step "$@" || FAILED="$FAILED $name"
}

run_pytest() {
    step "$PYTHON" -m pytest -n 2 --dist loadgroup "$@"
}

check ruff "$VENV/bin/ruff" check .
check format "$VENV/bin/ruff" format --check .
check imports "$VENV/bin/lint-imports"
check types "$VENV/bin/mypy"

if [ -n "$POSTGRESQL" ]; then
    say "== pytest on PostgreSQL"
    status=0
    # What is stored is the same bytes in both: how they come about is tried where it is quicker.
    BYTES=(--ignore=tests/integration/test_same_bytes.py --ignore=tests/integration/test_stored_answers.py)
    FOLDERS=(integration crash query api pages accounts admin security)
    FOLDERS+=(alerts/watch alerts/dispatch alerts/services alerts/rest)
    DATABASE_URL="$POSTGRESQL" run_pytest "${BYTES[@]}" "${FOLDERS[@]/#/tests/}" "$@" || status=$?
    # 5: the arguments chose no test of these folders.
    [ "$status" = 0 ] || [ "$status" = 5 ] || FAILED="$FAILED pytest-postgresql"
    export RAN_ON_POSTGRESQL=1
fi
# Who may do what, whatever is sent to the API, what staff see: where PostgreSQL has answered, SQLite answers the same.
ONCE=()
[ -z "${RAN_ON_POSTGRESQL:-}" ] || ONCE=(--ignore=tests/security --ignore=tests/api --ignore=tests/admin)

# Said before the last run, so that pytest's own summary is the last thing printed.
[ -z "$FAILED" ] || say "== failed so far:$FAILED"
say "== pytest on SQLite"
run_pytest "${ONCE[@]}" "$@" || FAILED="$FAILED pytest-sqlite"
[ -z "$FAILED" ]
