#!/usr/bin/env bash
# From a fresh clone to a running installation with a demo: one command. Ctrl-C stops all of it.
set -u -o pipefail
exec </dev/null
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
Usage: scripts/run.sh [--no-demo]

Makes what is missing (.venv, databases, an owner, demo traffic) and starts Endpoint Stats: web, worker and
scheduler in one process tree. Starting it again takes seconds and changes nothing.

  --no-demo      no demo project

Environment: PORT (default 8000), HOST (default 127.0.0.1), OWNER_EMAIL (default owner@example.com),
DATA_DIR (default var), DEMO_REQUESTS (default 150000), VENV (default .venv); more in docs/operations.md.
TEXT
}

DEMO=1
for argument in "$@"; do
    case "$argument" in
    --no-demo) DEMO=0 ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done
PORT="${PORT:-8000}" HOST="${HOST:-127.0.0.1}"
case "$PORT" in
'' | *[!0-9]* | ??????*) fail "PORT is \"$PORT\": set it to a number from 1 to 65535." ;;
esac
[ "$PORT" -ge 1 ] && [ "$PORT" -le 65535 ] || fail "PORT is \"$PORT\": set it to a number from 1 to 65535."
case "$HOST" in
0.0.0.0) SHOWN=127.0.0.1 ;;
*) SHOWN="$HOST" ;;
esac
if (exec 3<>"/dev/tcp/$SHOWN/$PORT") 2>/dev/null; then
    fail "Port $PORT on $SHOWN is in use: stop what listens there, or choose another with PORT=8001 scripts/run.sh."
fi

stop_on_signals
step scripts/setup.sh dev || exit 1
step "$PYTHON" manage.py create_owner --email "${OWNER_EMAIL:-owner@example.com}" || exit 1
if [ "$DEMO" = 1 ]; then
    step "$PYTHON" manage.py simulate --project demo --demo --requests "${DEMO_REQUESTS:-150000}" ||
        fail "The demo traffic could not be imported; the reason stands above (scripts/run.sh --no-demo starts without it)."
fi
say "Endpoint Stats: http://$SHOWN:$PORT (Ctrl-C stops it)"
trap - INT TERM HUP
exec "$PYTHON" manage.py up --host "$HOST" --port "$PORT"
