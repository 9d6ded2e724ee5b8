#!/usr/bin/env bash
# Good and hostile clients at once, for long: no good request fails, nothing is left behind.
#
# Good: wrk with keep-alive, with a new connection for each request, on /io and on /cpu. Hostile: scripts/clients.py.
# The exit code is 1 when a target was missed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
--minutes N=20  how long, at least 2
--mode single|threads|cluster=cluster  of the target
--workers N=2  of threads and cluster
--binary
--json
TABLE
[ "$minutes" -ge 2 ] || refuse "--minutes takes 2 or more: memory is compared with what it was after the first"

need curl jq python3 wrk
program
seconds=$((minutes * 60))

arguments=(--mode "$mode")
[ "$mode" = single ] || arguments+=(--workers "$workers")
start target "${arguments[@]}"
good "$url" 100 >/dev/null
descriptors_before=$(descriptors "$pid")

python3 scripts/clients.py hostile "$url" "$seconds" >"$work/hostile" &
clients=($!)
load() { # name path argument...
    local name=$1 path=$2
    shift 2
    wrk -t1 -d"${seconds}s" --timeout 20s "$@" "$url$path" >"$work/good.$name" 2>&1 &
    clients+=($!)
}
load keep-alive /health -c20
load new /health -c2 -H 'Connection: close'
load io '/io?ms=20' -c50
load pool '/io?ms=20&mode=pool' -c10
load cpu '/cpu?iterations=10000' -c4
load not-found /nothing -c2
pids+=("${clients[@]}")

begun=$SECONDS
while second=$((SECONDS - begun)) && ((second < seconds)); do
    sleep 1
    memory "$pid" >>"$work/memory"
    bar "$second" "$seconds" "$((seconds - second)) s left, $(($(tail -1 "$work/memory") / 1024)) KiB, $(stats .totals.connections) connections"
done
wait "${clients[@]}"
progress ""
# Where a connection may still be draining.
await 45 eval '[ "$(stats .totals.connections)" = 0 ]' || true
# A thread of a pool that has nothing to do stays for 10 s, and the observer reads each thread's account.
await 45 eval '[ "$(descriptors "$pid")" -le "$descriptors_before" ]' || true
descriptors_after=$(descriptors "$pid")

sum() { awk -v what="$1" '$0 ~ what { for (i = 1; i <= NF; i++) sum += $i } END { printf "%.0f\n", sum }' "${@:2}"; }
requests=$(sum 'requests in' "$work"/good.*)
# What /nothing answers is 404, and meant.
failed=$(($(sum 'Socket errors' "$work"/good.*) + $(sum Non-2xx $(ls "$work"/good.* | grep -v not-found))))
first=$(tail -n +55 "$work/memory" | head -10 | median) last=$(tail -12 "$work/memory" | head -10 | median)
lost=$(stats .totals.lost) respawns=$(grep -c ',respawn,\|,worker-ended,' "$run/events.csv" || true)
account=$(stats '.totals.started - .totals.finished - .totals.lost')
rejected=$(stats .totals.rejected)
table
figure "hostile connections" "$(<"$work/hostile")" "" ""
figure "rejected requests" "$rejected" "" ""
figure "good requests failed, of $requests" "$failed" 0 "[ $failed = 0 ]"
figure "memory at the end : after the first minute" "$(ratio "$last" "$first")" "≤ 1.05" "at_most $last 1.05 $first"
figure "memory in KiB, after the first minute" "$((${first%.*} / 1024))" "" ""
figure "descriptors at rest: before, after" "$descriptors_before, $descriptors_after" "equal" "[ $descriptors_before = $descriptors_after ]"
figure "requests lost, workers ended" "$lost, $respawns" "0, 0" "[ $lost = 0 -a $respawns = 0 ]"
figure "started − finished − lost at rest" "$account" 0 "[ $account = 0 ]"
end "$pid"
figure "exit code" "$code" 0 "[ $code = 0 ]"
exit $missed
