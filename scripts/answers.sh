#!/usr/bin/env bash
# How long /metrics and /stats take to answer when there is much to say: many workers, many routes, full histograms.
#
# A cluster of 64 serves 30 routes of a profile for --seconds, each on every worker, with delays spread from
# milliseconds to a second. Then, at rest, 200 answers of each on one connection, by curl's time_total. /stats is also
# asked with ?since= a mark, which no target is set for. Ticks go on meanwhile, a second apart.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
--workers N=64  of the cluster
--routes N=30  of the profile
--answers N=200  how often each is asked
--seconds N=20  how long the cluster is loaded before
--binary
--json
TABLE

need wrk curl jq
program
ulimit -n "$(ulimit -Hn)"

for ((number = 1; number <= routes; number++)); do
    cat <<ROUTE
[[route]]
method = "GET"
path = "/of/$number"
steps = [ { io = { delay = "lognormal(p50=20ms,p99=600ms)" } } ]
response = { status = 200, size = 100 }
ROUTE
done >"$work/profile.toml"
# Routes at random, or each connection would ask its worker for the same ones in the same order.
cat >"$work/routes.lua" <<LUA
request = function() return wrk.format("GET", "/of/" .. math.random($routes)) end
LUA

start answers --mode cluster --workers "$workers" --profile "$work/profile.toml"
load() { wrk -t1 -c$((workers * 12)) -d"$1s" --timeout 20s -s "$work/routes.lua" "$url" >/dev/null; }
progress "filling the histograms of $workers workers and $routes routes"
load $((seconds / 2))
curl -sf -d '{"phase": "half"}' "$admin/marks" >/dev/null
load $((seconds - seconds / 2))
progress ""

# ms of each answer.
answer() { # path
    curl -sf -o "$work/answer" -w '%{time_total}\n' "$admin$1#[1-$answers]" | awk '{ print $1 * 1000 }' >"$work/times"
    [ "$(wc -l <"$work/times")" = "$answers" ] || { echo "answers.sh: $1 was not answered each time" >&2; return 1; }
}
rank() { sort -n "$work/times" | awk -v share="$1" '{ value[NR] = $1 } END { at = NR * share; at = at > int(at) ? int(at) + 1 : at; printf "%.2f", value[at] }'; }

table
figure "requests, fewest of a worker" "$(stats '[.totals.finished, ([.workers[].finished] | min)] | map(tostring) | join(", ")')" "" ""
for path in /metrics /stats "/stats?since=half"; do
    answer "$path"
    if [[ $path = *since* ]]; then
        figure "$path, $(wc -c <"$work/answer") bytes: median, p99" "$(rank 0.5), $(rank 0.99) ms" "" ""
        continue
    fi
    figure "$path, $(wc -c <"$work/answer") bytes: median" "$(rank 0.5) ms" "≤ 5 ms" "at_most $(rank 0.5) 5"
    figure "  p99 of $answers" "$(rank 0.99) ms" "≤ 5 ms" "at_most $(rank 0.99) 5"
done
end "$pid"
exit $missed
