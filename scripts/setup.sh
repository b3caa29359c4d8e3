#!/usr/bin/env bash
# Makes ready what a developer or an operator needs; running it again does only what is missing.
set -u -o pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
Usage: scripts/setup.sh [dev|k8s|all] [--test]

  dev     Python environment in .venv, browser packages in node_modules, databases, static files
          (the default)
  k8s     container image for a cluster
  all     both
  --test  the packages of the test suite too

Environment: VENV (default .venv), DATA_DIR (default var), IMAGE (default endpoint-stats:local).
TEXT
}

setup_dev() {
    make_venv
    # The lock for tests holds everything that the other one holds, at the same versions.
    if [ "$TEST" = 1 ]; then
        install_lock requirements-test.txt
        checksum requirements.txt >"$VENV/.installed-requirements.txt"
    else
        install_lock requirements.txt
    fi
    install_node_modules
    step "$PYTHON" manage.py prepare --static || exit 1
}

setup_k8s() {
    command -v docker >/dev/null 2>&1 || fail "docker is missing: install Docker to build the image, then start this again."
    command -v kubectl >/dev/null 2>&1 || fail "kubectl is missing: install it to apply manifests, then start this again."
    docker info >/dev/null 2>&1 || fail "docker is there but its engine does not answer: start Docker, then start this again."
    local image="${IMAGE:-endpoint-stats:local}"
    step docker build --tag "$image" . || fail "The image could not be built; docker's reason stands above."
    say "Built $image."
    local manifests
    manifests="$(find k8s -name '*.yaml' 2>/dev/null | sort)"
    [ -n "$manifests" ] || fail "There are no manifests in k8s/ to apply yet; the image $image is ready for docker compose."
    say "To install it, with kubectl pointing to your cluster: kubectl apply --kustomize k8s"
    printf '%s\n' "$manifests"
}

WHAT=dev TEST="${TEST:-0}"
for argument in "$@"; do
    case "$argument" in
    dev | k8s | all) WHAT="$argument" ;;
    --test) TEST=1 ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done
stop_on_signals
case "$WHAT" in
dev) setup_dev ;;
k8s) setup_k8s ;;
all) setup_dev && setup_k8s ;;
esac
