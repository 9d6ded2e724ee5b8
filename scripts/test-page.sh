#!/usr/bin/env bash
# The live page in a real browser: headless Chromium, steered by playwright-core. Leaves screenshots in target/page.
# usage: scripts/test-page.sh [program]     a release build, unless a program is given
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need curl
with_browser
program "${1:-}"
pages=$PWD/target/page
mkdir -p "$pages"

start page --mode cluster --workers 2 --sample-interval 200ms
steer scripts/test-page.cjs "$url" "$admin" "$pid" "$pages"
end "$pid"
exit "$code"
