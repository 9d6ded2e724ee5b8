#!/usr/bin/env bash
# Runs the README's examples and holds what they print against what the README shows: word for word, but for numbers.
# usage: scripts/test-readme.sh [--write] [program]     --write puts what was printed into the README
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

mode=--check
if [ "${1:-}" = --write ]; then mode=--write && shift; fi
need curl jq wrk python3
program "${1:-}"
start readme
python3 scripts/readme-examples.py "$mode" README.md "$work/quintain" "$url" "$admin"
end "$pid"
exit "$code"
