#!/usr/bin/env bash
# The live page in a real browser: headless Chromium, steered by playwright-core. Leaves screenshots in target/page.
# usage: scripts/test-page.sh [program]     a release build, unless a program is given
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

need curl jq chromium node=nodejs npm
program "${1:-}"
pages=$PWD/target/page
browser=$PWD/target/tools/playwright
mkdir -p "$pages" "$browser"
steers() { [ "$(jq -r .version "$browser/node_modules/playwright-core/package.json" 2>/dev/null)" = 1.65.1 ]; }
steers || npm install --prefix "$browser" --no-save --no-audit --no-fund --loglevel error playwright-core@1.65.1 >/dev/null

start page --mode cluster --workers 2 --sample-interval 200ms
CHROMIUM=$(command -v chromium) NODE_PATH=$browser/node_modules node scripts/test-page.cjs "$url" "$admin" "$pid" "$pages"
end "$pid"
exit "$code"
