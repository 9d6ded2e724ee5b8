#!/usr/bin/env bash
# Do target and client agree, and does the target see the waiting that a client may not?
#
#   quantiles  /io?ms=20 by oha at 2,000 requests/s: `lat` in /stats beside what oha measured, nothing subtracted
#   waiting    /health by oha at 500 requests/s while a /cpu?ms=300 blocks the loop every 3 s, with and without
#              --latency-correction: `lat` and `queue` show the waiting, `svc` does not
#
# One worker on CPU 0, oha on CPU 1, each run with a target of its own. Medians over the runs of the
# quantiles and of their differences run by run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
words quantiles|waiting=all  what
--runs N=5  how often
--seconds N=12  how long a run loads
--binary
--json
TABLE

need curl jq
with_oha
program
under=(taskset -c 0)

# oha's view of a route in $work/client.json. It waits for its last answers, so that no request is cut short.
generate() { # rate connections path option...
    local rate=$1 connections=$2 path=$3
    shift 3
    taskset -c 1 oha --no-tui --output-format json -w -z "${seconds}s" -q "$rate" -c "$connections" "$@" "$url$path" >"$work/client.json"
    jq -e '.summary.successRate == 1 and (.errorDistribution | length == 0)' "$work/client.json" >/dev/null ||
        refuse "oha saw errors: $(jq -c '[.summary.successRate, .errorDistribution]' "$work/client.json")"
}
client() { jq ".latencyPercentiles.$1 * 1000" "$work/client.json"; } # quantile, in ms
target() { stats "(.routes[] | select(.route == \"$1\")).$2_us.$3 / 1000"; } # route times quantile, in ms

# The median of a field of $work/runs, and of the difference between two in %.
middle() { cut -d' ' -f"$1" "$work/runs" | median; }
apart() { awk -v a="$1" -v b="$2" '{ print ($a / $b - 1) * 100 }' "$work/runs" | median; }
within() { awk -v apart="$1" -v most="$2" 'BEGIN { exit !(apart <= most && apart >= -most) }'; }

quantiles() {
    local number
    : >"$work/runs"
    for ((number = 1; number <= runs; number++)); do
        bar "$((number - 1))" "$runs" "/io?ms=20 at 2,000 requests/s"
        start "quantiles$number" --mode single
        generate 2000 100 "/io?ms=20"
        echo "$(target /io lat p50) $(client p50) $(target /io lat p99) $(client p99) $(jq .summary.requestsPerSec "$work/client.json")" >>"$work/runs"
        end "$pid"
    done
    progress ""
    local p50 p99
    p50=$(apart 1 2) p99=$(apart 3 4)
    figure "/io?ms=20, requests/s by oha, $runs runs" "$(middle 5 | xargs printf %.0f)" "" ""
    figure "  p50, ms: lat, oha" "$(printf '%.3f, %.3f' "$(middle 1)" "$(middle 2)")" "" ""
    figure "    apart" "$(printf '%+.2f %%' "$p50")" "± 2 %" "within $p50 2"
    figure "  p99, ms: lat, oha" "$(printf '%.3f, %.3f' "$(middle 3)" "$(middle 4)")" "" ""
    figure "    apart" "$(printf '%+.2f %%' "$p99")" "± 5 %" "within $p99 5"
}

# A tenth of the requests come while the loop is blocked and wait up to 300 ms: a hundredth waits more than 270 ms.
waiting() {
    local name option=() lat queue svc
    for name in "" " --latency-correction"; do
        progress "waiting: oha$name"
        [ -z "$name" ] || option=(--latency-correction)
        start "waiting${name// /}" --mode single
        curl -s --rate 20/m "$url/cpu?ms=300#[1-$((seconds / 3))]" >/dev/null &
        pids+=("$!")
        # More connections than requests that come in 300 ms, so that none has to wait for another one's answer.
        generate 500 250 /health "${option[@]}"
        lat=$(target /health lat p99) queue=$(target /health queue p99) svc=$(target /health svc p99)
        progress ""
        figure "/health behind /cpu?ms=300, p99 by oha$name" "$(printf '%.1f ms' "$(client p99)")" "" ""
        figure "  lat p99" "$(printf '%.1f ms' "$lat")" "≥ 200 ms" "at_least $lat 200"
        figure "  queue p99" "$(printf '%.1f ms' "$queue")" "≥ 200 ms" "at_least $queue 200"
        figure "  svc p99" "$(printf '%.3f ms' "$svc")" "≤ 3 ms" "at_most $svc 3"
        end "$pid"
    done
}

table
for one in "${words[@]}"; do "$one"; done
exit $missed
