#!/bin/sh
# What a container runs. Each part takes the place of this shell, so that signals reach it.
set -eu
cd "$(dirname "$0")"

# The same secret file serves the database server and its clients; libpq reads PGPASSWORD.
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    PGPASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"
    export PGPASSWORD
fi
PORT="${PORT:-8000}"
WAIT="${DATABASE_WAIT:-60}"

# GET /health/live must answer 200. The Host header is one that the settings allow.
health() {
    exec python - "$PORT" <<'PYTHON'
import os
import sys
import urllib.request

host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".").replace("*", "") or "localhost"
address = f"http://127.0.0.1:{sys.argv[1]}/health/live"
urllib.request.urlopen(urllib.request.Request(address, headers={"Host": host}), timeout=4)
PYTHON
}

part="${1:-up}"
[ $# -gt 0 ] && shift
case "$part" in
web)
    python manage.py prepare --wait "$WAIT"
    exec python manage.py serve --host 0.0.0.0 --port "$PORT" "$@"
    ;;
worker)
    # Under the supervisor, which restarts a cluster whose canary does not come back.
    python manage.py prepare --wait "$WAIT" --only-wait
    exec python manage.py up --only worker "$@"
    ;;
scheduler)
    python manage.py prepare --wait "$WAIT" --only-wait
    exec python manage.py scheduler "$@"
    ;;
up)
    python manage.py prepare --wait "$WAIT"
    exec python manage.py up --host 0.0.0.0 --port "$PORT" "$@"
    ;;
manage)
    exec python manage.py "$@"
    ;;
health)
    health
    ;;
*)
    echo "entrypoint.sh: there is no part $part; choose web, worker, scheduler, up, health or manage COMMAND." >&2
    exit 2
    ;;
esac
