#!/usr/bin/env bash
# Waiting or computing: what do 20 ms of each cost, and how do they get slower as more ask at a time? Within a minute.
#
#   scripts/io-vs-cpu.sh [--binary PATH]
#
# One process with one loop gets the same load on /io (waits) and on /cpu (computes), from 1, 8 and 32 connections. It takes
# the first load generator that is there: wrk, oha or hey. The report is runs/io-vs-cpu/report.html.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
binary_option "$@"
need curl jq
a_generator wrk oha hey
program "$binary"
rm -rf runs/io-vs-cpu
directory=runs/io-vs-cpu start target --mode single --sample-interval 250ms

load() { # connections path
    case $generator in
        wrk) wrk -t1 -c"$1" -d4s "$url$2" ;;
        oha) oha --no-tui -c "$1" -z 4s -w "$url$2" ;;
        hey) hey -c "$1" -z 4s "$url$2" ;;
    esac >/dev/null
}
printf '%s%-16s %12s %10s %10s %14s%s\n' "$bold" "20 ms of" "requests/s" p50 p99 "CPU s/1,000" "$plain"
for path in '/io?ms=20' '/cpu?ms=20'; do
    for connections in 1 8 32; do
        name=${path#/}
        phase="${name%%\?*} $connections at once"
        progress "$phase"
        curl -sf -o /dev/null -H 'content-type: application/json' -d "{\"phase\":\"$phase\"}" "$admin/marks"
        load "$connections" "$path"
        progress ""
        curl -sf "$admin/stats?since=${phase// /%20}" | jq -r --arg phase "$phase" --arg path "${path%%\?*}" '
            (.routes[] | select(.route == $path)) as $route | ([.workers[].cpu_seconds] | add) as $cpu
            | [$phase, ($route.finished / 4 | floor), ($route.lat_us.p50 / 1000), ($route.lat_us.p99 / 1000), ($cpu / $route.finished * 1000)] | @tsv' |
            awk -F'\t' '{ printf "%-16s %12d %7.1f ms %7.1f ms %14.2f\n", $1, $2, $3, $4, $5 }'
    done
done
end "$pid"
"$work/quintain" report runs/io-vs-cpu
exit "$code"
