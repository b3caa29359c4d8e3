#!/usr/bin/env bash
# The large proof, too long for every run of the suite: serving processes are killed KILLS times (default 1000) at random
# moments while clients send at least HITS hits (default 1000000), on SQLite and, where DATABASE_URL points to one, on
# PostgreSQL. Each batch in doubt is sent again; afterwards sum = acknowledged, nothing lost, nothing counted twice.
#
#   scripts/proof.sh [--kills N] [--hits N] [--seed TEXT]
set -u -o pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

KILLS=1000 HITS=1000000 SEED="$(date +%s)"
while [ $# -gt 0 ]; do
    case "$1" in
    --kills) KILLS="$2" && shift 2 ;;
    --hits) HITS="$2" && shift 2 ;;
    --seed) SEED="$2" && shift 2 ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "scripts/proof.sh" && exit 2 ;;
    esac
done

stop_on_signals
make_venv
install_lock requirements-test.txt

say "== $KILLS kills, at least $HITS hits, seed $SEED"
export PROOF_KILLS="$KILLS" PROOF_HITS="$HITS" PROOF_SIZE=100 PROOF_SEED="$SEED"
failed=0
for url in "" ${DATABASE_URL:+"$DATABASE_URL"}; do
    say "== on ${url:-SQLite}"
    DATABASE_URL="$url" step "$PYTHON" -m pytest -s tests/crash/test_live.py -k random || failed=1
done
exit "$failed"
