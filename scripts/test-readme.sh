#!/usr/bin/env bash
# Runs the README's examples and holds what they print against what the README shows: word for word, but for numbers.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
--write  put what was printed into the README
--binary
TABLE
need curl jq wrk python3
program
start readme
python3 scripts/readme-examples.py "$([ -n "$write" ] && echo --write || echo --check)" README.md "$work/quintain" "$url" "$admin"
end "$pid"
exit "$code"
