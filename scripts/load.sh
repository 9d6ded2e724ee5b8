#!/usr/bin/env bash
# The main job on real input: the three modes in turn under wrk, on /health, /io and /cpu.
# Prints requests/s, CPU µs a request and what the run's CSV says.
#
#   scripts/load.sh [--seconds N] [--connections N] [--workers N]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

seconds=5 connections=50 workers=2
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) seconds=$2 ;;
        --connections) connections=$2 ;;
        --workers) workers=$2 ;;
        *) wrong_usage ;;
    esac
    shift 2
done
for number in "$seconds" "$connections" "$workers"; do
    [[ $number =~ ^[1-9][0-9]*$ ]] || { echo "load.sh: not a number above 0: $number" >&2; exit 2; }
done

need wrk
cargo build --quiet --release --locked
target=${CARGO_TARGET_DIR:-target}/release/quintain

total=9 done_count=0

# Sums up a resources.csv by its column names.
summary() { # file
    awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { if ($at["cpu_pct"] != "" && $at["cpu_pct"] > cpu) cpu = $at["cpu_pct"]
          requests = $at["requests_total"]; seconds = $at["cpu_seconds_total"]
          peak = $at["rss_peak_bytes"]; errors = $at["errors_total"]; lost = $at["lost_total"] }
        END { printf "%10.0f %9.2f %8.1f %6.0f %8.1f %6d %5d\n", requests, seconds * 1e6 / (requests ? requests : 1), seconds, cpu, peak / 1048576, errors, lost }' "$1"
}

printf '%-8s %-22s %10s %10s %9s %8s %6s %8s %6s %5s\n' mode route 'wrk req/s' requests 'CPU us/r' 'CPU s' 'max %' 'peak MiB' errors lost
for mode in single threads cluster; do
    arguments=(--mode "$mode")
    [ "$mode" = single ] || arguments+=(--workers "$workers")
    for route in /health '/io?ms=20' '/cpu?iterations=100000'; do
        bar "$done_count" "$total" "$done_count of $total  $mode $route"
        directory=$work/$mode-$done_count
        output=$("$target" "${arguments[@]}" --listen 127.0.0.1:0 --admin off --run-dir "$directory" --log warn \
            --while "wrk -t1 -c$connections -d${seconds}s '{url}$route'")
        rate=$(awk '/^Requests\/sec:/ { print $2 }' <<<"$output")
        bad=$(grep -E 'Non-2xx|Socket errors' <<<"$output" || true)
        progress ""
        printf '%-8s %-22s %10.0f %s' "$mode" "$route" "$rate" "$(summary "$directory/resources.csv")"
        printf '%s\n' "${bad:+  wrk: $bad}"
        done_count=$((done_count + 1))
    done
done
