#!/usr/bin/env bash
# The live page in a real browser: headless Chromium, steered by playwright-core. Leaves screenshots in target/page.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<<"--binary"

need curl
with_browser
program
pages=$PWD/target/page
mkdir -p "$pages"

# One whose next tick is not seen here: what a page shows of it was in the greeting.
start slow --mode cluster --workers 2 --sample-interval 1m
slow=$admin
# One that is soon full, and that ends while it is looked at.
start small --mode cluster --workers 1 --sample-interval 200ms --max-connections 2
small=("$url" "$admin" "$pid")
# One with a database, whose pool is too small.
start database --mode single --sample-interval 200ms --db --db-rows 1000 --db-pool 2 --db-acquire-timeout 100ms
database=("$url" "$admin")
start page --mode cluster --workers 2 --sample-interval 200ms
steer scripts/test-page.cjs "$url" "$admin" "$pid" "$pages" "$slow" "${small[@]}" "${database[@]}"
end "$pid"
exit "$code"
