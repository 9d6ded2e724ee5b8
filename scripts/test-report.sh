#!/usr/bin/env bash
# A report in a real browser: a run with load, phases, a fault plan and a killed worker, and what its page does. Leaves
# screenshots and a PDF in target/page.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<<"--binary"

need curl jq
with_browser
program
pages=$PWD/target/page
mkdir -p "$pages"

# Loads it for so many seconds on so many connections.
load() { # seconds clients path
    local until=$((SECONDS + $1)) client clients=()
    for ((client = 0; client < $2; client++)); do
        while [ $SECONDS -lt $until ]; do curl -s -o /dev/null "$url$3#[1-50]" || true; done &
        clients+=($!)
    done
    wait "${clients[@]}"
}
mark() { curl -sf -X POST -H 'Content-Type: application/json' -d "{\"phase\":\"$1\"}" "$admin/marks" >/dev/null; }

start report --mode cluster --workers 2 --sample-interval 100ms
load 2 2 "/io?ms=5"
mark measure
# One all the time, one whose window opens twice.
curl -sf -X PUT -d '{"faults":[{"name":"a test","route":"/io","kinds":[{"kind":"status","code":500,"rate":0.05}]},
    {"name":"now and then","kinds":[{"kind":"delay","delay":"1ms","rate":0.1}],"window":{"every":"1500ms","for":"300ms"}}],"ttl":"2s"}' "$admin/faults" >/dev/null
load 3 8 "/io?ms=50" &
loading=$!
serves() { [ "$(stats '.workers[1].in_flight')" -gt 0 ]; }
await 10 serves
kill -KILL "$(stats '.workers[1].pid')"
wait "$loading"
load 2 4 "/cpu?ms=10"
mark "cool down"
load 1 1 "/io?ms=5"
end "$pid"
[ "$code" = 0 ]

# The same, as somebody may have written into it.
hostile=$work/hostile
cp -r "$run" "$hostile"
evil='</script><img src=x onerror=alert(1)>'
sed -i "s|cool down|$evil|; s|a test|$evil|" "$hostile"/*.csv
# And one whose rows are too many to be shown one by one: the same ones, over and over.
long=$work/long
mkdir "$long"
awk -F, -v OFS=, '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print; next }
    { rows[NR - 1] = $0 }
    END {
        for (n = 0; n < 20000; n++) {
            $0 = rows[2 + n % (NR - 2)]
            $at["elapsed_s"] = n * 0.1; $at["interval_s"] = n ? 0.1 : ""; $at["epoch_ms"] = 1e12 + n * 100
            $at["phase"] = n < 5000 ? "warm-up" : "measure"
            $at["requests_total"] = n * 10; $at["errors_total"] = n
            print
        }
    }' "$run/resources.csv" >"$long/resources.csv"

for one in "$run" "$hostile" "$long"; do "$work/quintain" report "$one" >/dev/null 2>&1; done
steer scripts/test-report.cjs "$run/report.html" "$hostile/report.html" "$long/report.html" "$pages"
