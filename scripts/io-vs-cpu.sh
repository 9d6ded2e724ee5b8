#!/usr/bin/env bash
# Waiting or computing: what do 20 ms of each cost, and how do they get slower as more ask at a time? Within a minute.
#
# One process with one loop gets the same load on /io (waits) and on /cpu (computes), from 1, 8 and 32 connections. It takes
# the first load generator that is there: wrk, oha or hey. The report is runs/io-vs-cpu/report.html.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
--binary
--json
TABLE
need curl jq
a_generator wrk oha hey
program
rm -rf runs/io-vs-cpu
directory=runs/io-vs-cpu start target --mode single --sample-interval 250ms

load() { # connections path
    case $generator in
        wrk) wrk -t1 -c"$1" -d4s "$url$2" ;;
        oha) oha --no-tui -c "$1" -z 4s -w "$url$2" ;;
        hey) hey -c "$1" -z 4s "$url$2" ;;
    esac >/dev/null
}
table "20 ms of:-16" requests/s:12 "p50 ms:10" "p99 ms:10" "CPU s/1,000:14"
for path in '/io?ms=20' '/cpu?ms=20'; do
    for connections in 1 8 32; do
        name=${path#/}
        phase="${name%%\?*} $connections at once"
        progress "$phase"
        curl -sf -o /dev/null -H 'content-type: application/json' -d "{\"phase\":\"$phase\"}" "$admin/marks"
        load "$connections" "$path"
        progress ""
        read -ra figures < <(curl -sf "$admin/stats?since=${phase// /%20}" | jq -r --arg path "${path%%\?*}" '
            (.routes[] | select(.route == $path)) as $route | ([.workers[].cpu_seconds] | add) as $cpu
            | [($route.finished / 4 | floor), ($route.lat_us.p50, $route.lat_us.p99 | . / 100 | round / 10), ($cpu / $route.finished * 1e5 | round / 100)] | @tsv')
        row "$phase" "${figures[@]}"
    done
done
end "$pid"
"$work/quintain" report runs/io-vs-cpu >&2
exit "$code"
