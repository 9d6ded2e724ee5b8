#!/usr/bin/env bash
# Asks the target and its admin listener everything that their /openapi.json allows, and much that it doesn't, with
# schemathesis: no server error, no undocumented status, type, header or shape, nothing wrong accepted, nothing right
# refused; but for /events, which never ends. Installs it from PyPI into target/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
--examples N=10  of each kind for each operation
--seed N=1  of what is drawn
--binary
TABLE
need curl python3

version=4.32.5
venv=${CARGO_TARGET_DIR:-target}/fuzz
if ! "$venv/bin/schemathesis" --version 2>/dev/null | grep -qF "$version"; then
    progress "installing schemathesis $version"
    python3 -m venv "$venv" || { install_packages python3-venv && python3 -m venv "$venv"; }
    "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
    progress ""
fi

program
# What the requests order must be small, or the fuzzing never ends; and large enough for what is done by default.
start fuzzed --max-delay 200ms --max-cpu 10ms --max-body 64KiB --max-bytes 64KiB --max-mem 16MiB --max-leak 1MiB
missed=0
for one in target admin; do
    case $one in target) at=$url ;; admin) at=$admin ;; esac
    echo "${bold}$one${plain}"
    SCHEMATHESIS_HOOKS=hooks PYTHONPATH=scripts/fuzz-api \
        "$venv/bin/schemathesis" --config-file scripts/fuzz-api/schemathesis.toml run "$at/openapi.json" --no-color \
        --max-examples "$examples" --seed "$seed" --workers 1 --request-timeout 20 --exclude-path /events || missed=1
done
[ "$(curl -s "$url/health")" = OK ] || { echo "the target no longer answers" >&2; missed=1; }
end "$pid"
[ "$code" -eq 0 ] || { echo "the target ended with code $code" >&2; cat "$work/fuzzed.err" >&2; missed=1; }
exit "$missed"
