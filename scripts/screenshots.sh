#!/usr/bin/env bash
# Every page in a real Chromium, light and dark, 1440 and 390 wide, and as printed, into screenshots/ (which git
# ignores). With arguments only the pages whose names begin so: ./scripts/screenshots.sh overview compare
set -u -o pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1:-}" in
--help | -h) sed -n '2,3p' "scripts/screenshots.sh" && exit 0 ;;
esac

stop_on_signals
make_venv
install_lock requirements-test.txt
install_node_modules
command -v chromium >/dev/null 2>&1 || fail "Chromium is missing: install the package chromium."
step "$PYTHON" -m tests.e2e.screenshots screenshots "$@"
