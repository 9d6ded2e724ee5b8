#!/usr/bin/env bash
# Crowds: thousands of connections that wait, thousands that come at once, replacements under full load.
#
#   waiting   /io?ms=200 with 1,000 and 10,000 keep-alive connections in one worker
#   opening   10,000 connections at once, and the kernel's overflow counters
#   hups      ten HUPs in a cluster of 4 under full load
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
words waiting|opening|hups=all  which crowds
--seconds N=10  how long a load lasts; with hups, thrice
--binary
--json
TABLE

need wrk curl jq python3
program
ulimit -n "$(ulimit -Hn)"
[ "$(ulimit -n)" -ge 10100 ] || refuse "10,000 connections need ulimit -n 10100, and this is $(ulimit -n)"

# What wrk could not do: sockets, and statuses that are none of 2xx.
failures() { awk '/Socket errors|Non-2xx/ { for (i = 1; i <= NF; i++) sum += $i } END { printf "%.0f\n", sum }' <<<"$1"; }
requests() { awk '/requests in/ { print $1 }' <<<"$1"; }

waiting() {
    local count output p99 failed target
    start waiting --mode single --workers 1
    for count in 1000 10000; do
        progress "waiting: $count connections"
        output=$(wrk -t1 -c"$count" -d"${seconds}s" --timeout 20s --latency "$url/io?ms=200")
        progress ""
        failed=$(failures "$output")
        figure "/io?ms=200, $count connections: failed of $(requests "$output")" "$failed" 0 "[ $failed = 0 ]"
        p99=$(awk '$1 == "99%" { print $2 }' <<<"$output" | awk '/ms$/ { print $1 + 0; next } /us$/ { print $1 / 1000; next } { print $1 * 1000 }')
        target=""
        [ "$count" != 1000 ] || target="at_most $p99 210"
        figure "  p99, seen by the client" "$p99 ms" "${target:+≤ 210 ms}" "$target"
        figure "  p99, seen by the target" "$(stats '.routes[] | select(.route == "/io") | .lat_us.p99 / 1000') ms" "" ""
    done
    end "$pid"
}

# The whole machine's.
overflows() { awk '/^TcpExt:/ && !named { split($0, name); named = 1; next } /^TcpExt:/ { for (i = 2; i <= NF; i++) if (name[i] == "ListenOverflows" || name[i] == "ListenDrops") print $i }' /proc/net/netstat | paste -sd' '; }

opening() {
    local mode before after seen
    for mode in single "cluster --workers 2"; do
        # shellcheck disable=SC2086 # Two arguments.
        start "opening-${mode%% *}" --mode $mode
        progress "opening: $mode"
        before=$(overflows)
        seen=$(python3 scripts/clients.py burst "$url" 10000)
        after=$(overflows)
        progress ""
        figure "10,000 connections opened in ${seen##* } s, $mode: failed" "$(cut -d' ' -f2 <<<"$seen")" 0 "[ '${seen% *}' = '10000 0' ]"
        figure "  ListenOverflows, ListenDrops" "+$((${after% *} - ${before% *})), +$((${after#* } - ${before#* }))" "+0, +0" "[ '$before' = '$after' ]"
        end "$pid"
    done
}

hups() {
    local load number failed total=0 times=0
    start hups --mode cluster --workers 4
    : >"$work/answers"
    # wrk doesn't pipeline, and so no request of it may fail.
    while [ "$total" -lt 1000000 ] || [ "$times" -lt 10 ]; do
        wrk -t1 -c64 -d"$((seconds * 3))s" --timeout 20s "$url/health" >"$work/answers.one" &
        load=$!
        pids+=("$load")
        for ((number = 1; number <= 10 && times < 10; number++)); do
            progress "hups: $times done, $total requests"
            sleep "$(awk -v seconds="$seconds" 'BEGIN { print seconds / 5 }')"
            kill -HUP "$pid"
            await 40 eval '[ "$(stats "[.workers[] | select(.state == \"live\" and .generation == '$((times + 2))')] | length")" = 4 ]' || break
            times=$((times + 1))
        done
        wait "$load"
        cat "$work/answers.one" >>"$work/answers"
        total=$(awk '/requests in/ { sum += $1 } END { printf "%.0f\n", sum }' "$work/answers")
        [ "$total" -gt 0 ] || break
    done
    progress ""
    failed=$(failures "$(<"$work/answers")")
    figure "HUPs carried out under load, cluster of 4" "$times" 10 "[ $times = 10 ]"
    figure "  requests" "$total" "≥ 1000000" "[ $total -ge 1000000 ]"
    figure "  failed, lost" "$failed, $(stats .totals.lost)" "0, 0" "[ $failed = 0 -a $(stats .totals.lost) = 0 ]"
    end "$pid"
}

table
for one in "${words[@]}"; do "$one"; done
exit $missed
