#!/usr/bin/env bash
# The main job on real input: the three modes in turn under wrk, on /health, /io and /cpu.
# Prints requests/s, CPU µs a request and what the run's CSV says.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
--seconds N=5  how long each load lasts
--connections N=50  of wrk
--workers N=2  of threads and cluster
--binary
--json
TABLE

need wrk
program

done_count=0

# Sums up a resources.csv by its column names.
summary() { # file
    awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { if ($at["cpu_pct"] != "" && $at["cpu_pct"] > cpu) cpu = $at["cpu_pct"]
          requests = $at["requests_total"]; seconds = $at["cpu_seconds_total"]
          peak = $at["rss_peak_bytes"]; errors = $at["errors_total"]; lost = $at["lost_total"] }
        END { printf "%.0f %.2f %.1f %.0f %.1f %d %d\n", requests, seconds * 1e6 / (requests ? requests : 1), seconds, cpu, peak / 1048576, errors, lost }' "$1"
}

table mode:-8 route:-22 "wrk req/s:10" requests:10 "CPU us/r:9" "CPU s:8" "max %:6" "peak MiB:8" errors:6 lost:5 wrk:-20
for mode in single threads cluster; do
    arguments=(--mode "$mode")
    [ "$mode" = single ] || arguments+=(--workers "$workers")
    for route in /health '/io?ms=20' '/cpu?iterations=100000'; do
        bar "$done_count" 9 "$done_count of 9  $mode $route"
        directory=$work/$mode-$done_count
        output=$("$work/quintain" "${arguments[@]}" --listen 127.0.0.1:0 --admin off --run-dir "$directory" --log warn \
            --while "wrk -t1 -c$connections -d${seconds}s '{url}$route'")
        rate=$(awk '/^Requests\/sec:/ { print $2 }' <<<"$output")
        bad=$(grep -E 'Non-2xx|Socket errors' <<<"$output" || true)
        progress ""
        read -ra figures < <(summary "$directory/resources.csv")
        row "$mode" "$route" "${rate%.*}" "${figures[@]}" "$bad"
        done_count=$((done_count + 1))
    done
done
