#!/usr/bin/env bash
# Stands up one of the reference systems, loads it with its plan, holds the load generator's account against the target's, and
# writes reports in which the published figures stand beside those measured here.
#
#   baseline       oha: 10,000 requests, 50 at a time
#   node-cluster   loadtest: 10,000 requests to one process from 482 clients, to a cluster from 849; then both under the same load
#   flask-locust   Locust: 10, 50 and 100 users on all routes; then oha on /io and on /cpu alone
#   image-inference  Locust: 25 users post the pictures of tests/flags; the same with the model quantised, and with two workers
#   market         Locust: 10,000 users of a small database pool behind a limit on connections; then as many connections by oha, with
#                  room for them and a larger pool. The short form has a twentieth of the users, of the limit and of the pool
#
# What it leaves is in runs/reference/NAME: the runs, what the generators wrote, and each run's verify.txt and report.html.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
. scripts/lib.sh

options "$@" <<'TABLE'
word baseline|node-cluster|flask-locust|image-inference|market  which system
--quick  a short plan of the same shape, within a minute; it is what there is without --full
--full  as long as the published plan
--untimed  for a machine that others use: how fast something was is told, and no reason to fail
--binary
--json
TABLE
name=$word

need curl jq
with_oha
case $name in
    node-cluster) with_npm ;;
    flask-locust | image-inference | market) with_locust ;;
esac
program
place=$PWD/runs/reference/$name
rm -rf "$place"
mkdir -p "$place"
cd "$place"
cat >"$work/mark" <<'SH'
#!/bin/sh
# mark ADMIN PHASE
exec curl -sf -o /dev/null -H 'content-type: application/json' -d "{\"phase\":\"$2\"}" "$1/marks"
SH
chmod +x "$work/mark"
export PATH=$work:$PATH

# Loads a target of the profile with a command, which should take so long and writes $run/generator.out; then verifies and
# reports. {out} in the command is that file.
measure() { # run seconds command [argument of quintain]…
    local run=$1 seconds=$2 begun=$SECONDS out=$PWD/$1.out done loading
    quintain --profile "$name" --listen 127.0.0.1:0 --admin 127.0.0.1:0 --run-dir "$run" --sample-interval 250ms --quiet --log error \
        "${@:4}" --while "${3//\{out\}/$out} && curl -s {admin}/stats >$PWD/$run.stats.json && curl -s {admin}/metrics >$PWD/$run.metrics" >"$run.done" 2>"$run.err" &
    loading=$!
    pids+=("$loading")
    while kill -0 "$loading" 2>/dev/null; do
        done=$((SECONDS - begun))
        bar $((done < seconds ? done : seconds)) "$seconds" "$run: $done of about $seconds s"
        sleep 0.2
    done
    progress ""
    wait "$loading" || { cat "$run.done" "$run.err" "$out"* >&2; exit 1; }
    mv "$out"* "$run.done" "$run.err" "$run.stats.json" "$run.metrics" "$run/"
    account "$run"
}

# What verify says of a run: its checks in verify.json; those that differ are told.
account() { # run
    local output=$1/$1.out
    [ ! -f "$output"_stats.csv ] || output=$1/$1.out_stats.csv
    quintain verify "$1" "$output" >"$1/verify.txt" || true
    quintain verify "$1" "$output" --format json >"$1/verify.json" || true
    quintain report "$1" >/dev/null
    quintain report "$1" --format md >/dev/null
    local check verdict
    for check in requests failures status; do
        # What a generator does not tell is no difference.
        verdict=$(jq -r --arg check "$check" '[.checks[] | select(.check == $check) | .verdict | select(. != "unknown")] | unique | join(" ")' "$1/verify.json")
        [ -z "$verdict" ] || figure "  both accounts: $check" "$verdict" agrees "is '$verdict' agrees"
    done
    grep '^differs' "$1/verify.txt" | grep -vE '^differs +(requests|failures|status) ' | sed 's/^/  verify: /' >&2 || true
}
is() { [ "$1" = "$2" ]; }
# A figure of how fast something was.
speed() {
    local before=$missed
    figure "$@"
    [ -z "$untimed" ] || missed=$before
}
# How many answers of a status the target has counted; without a status, how many from 400 on.
status() { # run [status]
    jq --arg status "${2:-}" '[.status | to_entries[] | select(if $status == "" then .key >= "400" else .key == $status end) | .value] | add // 0' "$1/$1.stats.json"
}
# Whether a run's report says something.
says() { # run what pattern
    local found=no
    ! grep -qE "$3" "$1/report.md" || found=yes
    figure "  its report: $2" "$found" yes "is $found yes"
}
# Of a route, from begin to end of a run: the mean latency, and the mean of what it waited on purpose, in ms.
mean_ms() { # run route
    awk -v route="route=\"$2\"" 'index($0, route) && /^quintain_request_duration_seconds_sum/ { sum = $2 }
        index($0, route) && /^quintain_request_duration_seconds_count/ { count = $2 } END { printf "%.2f", sum / count * 1e3 }' "$1/$1.metrics"
}
waited_ms() { # run route
    jq --arg route "$2" '.routes[] | select(.route == $route) | .work | .io_seconds / .requests * 1e5 | round / 100' "$1/$1.stats.json"
}
# Of each worker the median of how busy its event loop was; of those the least.
busy_pct() { # run
    local slot
    for slot in $(column slot "$1/workers.csv" | sort -u); do
        awk -F, -v slot="$slot" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $at["slot"] == slot { print $at["loop_busy_pct"] }' "$1/workers.csv" | median
    done | sort -n | head -n 1
}
# The cores that the target used, the median.
cores() { # run
    awk "BEGIN { printf \"%.2f\", $(column cpu_pct "$1/resources.csv" | median) / 100 }"
}
# Requests a second, as oha has them.
rate() { # run
    jq '.summary.requestsPerSec | round' "$1/$1.out"
}
oha="oha --no-tui --output-format json"
# A worker for each processor, and a second one in any case.
several=$(nproc)
[ "$several" -gt 1 ] || several=2

baseline() {
    measure run 26 "mark {admin} load && $oha -n 10000 -c 50 -o {out} {url}/page && mark {admin} end"
    local code expected count theirs
    while read -r code expected; do
        count=$(status run "$code")
        theirs=$(jq ".statusCodeDistribution[\"$code\"] // 0" run/run.out)
        figure "status $code: target, oha" "$count, $theirs" "$expected" "is '$count $theirs' '$expected $expected'"
    done <<<$'200 9950\n500 30\n502 20'
    figure "requests/s, of 658 published" "$(rate run)" "" ""
    figure "mean, of 120 ms published" "$(mean_ms run /page) ms" "" ""
    says run "Little's law in the published figures" "^\| Little's law \| 658 a second"
    says run "rates, percentiles and errors by status" "^\| – \| status 502 \| 20 \| 20 \|"
    says run "when CPU and memory peaked" "^\| memory \| "
    says run "what it means" "^- \*\*"
}

node_cluster() {
    local side expected errors theirs
    measure single 12 "mark {admin} load && loadtest -n 10000 -c 482 -k --cores 1 {url}/published/single >{out} && mark {admin} end" --mode single
    measure cluster 8 "mark {admin} load && loadtest -n 10000 -c 849 -k --cores 1 {url}/published/cluster >{out} && mark {admin} end" --mode cluster --workers "$several"
    while read -r side expected; do
        errors=$(status "$side")
        theirs=$(sed -n 's/^Total errors: *\([0-9]*\).*/\1/p' "$side/$side.out")
        figure "$side: errors by the target, by loadtest" "$errors, $theirs" "$expected" "is '$errors $theirs' '$expected $expected'"
        figure "  requests/s, p50, p99" "$(sed -n 's/^Effective rps: *\([0-9]*\).*/\1/p; s/^ *50% *\([0-9]* ms\).*/\1/p; s/^ *99% *\([0-9]* ms\).*/\1/p' "$side/$side.out" | tr '\n' ' ')" "" ""
        says "$side" "two things were changed at once" "two things were changed at once"
    done <<<$'single 3883\ncluster 1195'
    # The same load on both sides, several rounds, with the resources that each took.
    local rounds=(--rounds 6 --requests 1000 --concurrency 482)
    [ -z "$full" ] || rounds=()
    progress "compare"
    # It says itself how far it is.
    quintain compare --profile node-cluster --a mode=single --b "mode=cluster,workers=$several" --with loadtest "${rounds[@]}" --path /work --output compare >compare.out ||
        { cat compare.out >&2; exit 1; }
    progress ""
    grep -E '^[0-9]+ rounds|^requests/s|^p99|^CPU' compare.out >&2 || true
}

flask_locust() {
    local stages=180 alone=30 users mean waited mode busy
    quintain profiles flask-locust --locustfile >locustfile.py
    if [ -z "$full" ]; then
        alone=4
        stages=6
        sed -i 's/^STAGES = .*/STAGES = [(10, 20, 6), (50, 50, 6), (100, 100, 6)]/' locustfile.py
    fi
    measure all $((3 * stages + 5)) "MARKS_AT={admin} locust --headless --stop-timeout 10 --exit-code-on-error 0 --host {url} --csv {out} --html report.html >{out} 2>&1" --mode single
    mv locustfile.py report.html all/
    for users in 10 50 100; do
        says all "the bottleneck of $users users" "^\| $users users \| .* \| (it was the bottleneck|nothing was used up: the clients set the rate) \|"
    done
    awk '/^## / { within = /Bottlenecks/ } within && /^\| [0-9]/ { print "  " $0 }' all/report.md >&2
    figure "failures in all steps" "$(status all)" 0 "is 0 '$(status all)'"
    says all "the 7,046 published failures were the client's" "7,046 of them with a message of the client's own system"
    says all "the same CPU at other rates" "CPU 54.4 % in all of 3 sets"
    for users in 10 50 100; do
        measure "io-$users" "$alone" "$oha -z ${alone}s -w -c $users -o {out} {url}/io" --mode single
        mean=$(mean_ms "io-$users" /io) waited=$(waited_ms "io-$users" /io)
        speed "/io alone, $users users: mean, beside its delay" "$mean, $waited ms" "within 2 ms" "at_most $mean $(awk -v delay="$waited" 'BEGIN { print delay + 2 }')"
    done
    for mode in single cluster; do
        local workers=()
        [ $mode = single ] || workers=(--workers "$(nproc)")
        measure "cpu-$mode" "$alone" "$oha -z ${alone}s -w -c 20 -o {out} {url}/cpu" --mode $mode "${workers[@]}"
        busy=$(busy_pct "cpu-$mode")
        speed "/cpu alone, $mode: its event loops are busy" "$busy %" "at least 95 %" "at_least $busy 95"
        figure "  cores used; requests/s" "$(cores "cpu-$mode"); $(rate "cpu-$mode")" "" ""
    done
}

image_inference() {
    local seconds=180 run
    quintain profiles image-inference --locustfile >locustfile.py
    if [ -z "$full" ]; then
        seconds=8
        sed -i 's/^STAGES = .*/STAGES = [(25, 25, 8)]/' locustfile.py
    fi
    PICTURES=$root/tests/flags
    export PICTURES
    local locust="MARKS_AT={admin} locust --headless --stop-timeout 10 --exit-code-on-error 0 --host {url} --csv {out} --html report.html >{out} 2>&1"
    measure one $((seconds + 5)) "$locust" --mode single
    mv report.html one/
    measure quantised $((seconds + 5)) "$locust" --mode single --set quantised=on
    measure cached $((seconds + 5)) "$locust" --mode single --set cache=on
    measure two $((seconds + 5)) "$locust" --mode cluster --workers 2
    mv locustfile.py two/
    for run in one quantised cached two; do
        figure "$run: failures" "$(status $run)" 0 "is 0 '$(status $run)'"
        figure "  mean; cores used" "$(mean_ms $run /predict) ms; $(cores $run)" "" ""
    done
    says one "no failure at one level of load is no capacity" "does not tell what would happen at the next"
    says one "a longest of four times the shortest is no little variation" "took 4.12 times as long as the shortest"
}

market() {
    local seconds=300 alone=60 clients=10000 scaled=() timeouts refused
    quintain profiles market --locustfile >locustfile.py
    if [ -z "$full" ]; then
        seconds=15 alone=5 clients=500
        sed -i 's/^STAGES = .*/STAGES = [(500, 100, 15)]/' locustfile.py
        scaled=(--max-connections 50 --set pool=1)
    fi
    ulimit -n "$(ulimit -H -n)"
    # A Locust process has one core: a worker for each.
    local locust="locust --headless --stop-timeout 30 --exit-code-on-error 0 --host {url} --csv {out} --html report.html"
    [ -z "$full" ] || locust+=" --processes $(nproc)"
    measure users $((seconds + 8)) "MARKS_AT={admin} $locust >{out} 2>&1" --mode cluster --workers "$several" "${scaled[@]}"
    mv locustfile.py report.html users/
    timeouts=$(jq '.totals.db.timeouts' users/users.stats.json) refused=$(jq '.totals.refused' users/users.stats.json)
    figure "503: no database connection in time" "$timeouts" "above 0" "[ $timeouts -gt 0 ]"
    figure "connections over --max-connections" "$refused" "above 0" "[ $refused -gt 0 ]"
    figure "404 and 500 of the application" "$(status users 404) and $(status users 500)" "" ""
    says users "the pool is what was exhausted" "^- \\*\\*.*waited .* for a database connection"
    says users "more is said to have worked than did not fail" "18,319 worked on 5 routes"
    says users "the generator was short of CPU" "the generator was short of CPU"
    measure light "$alone" "$oha -z ${alone}s -w -c $clients -o {out} {url}/accounts" --mode cluster --workers "$several" \
        --max-connections $((clients + 100)) --set pool=50 --set indexes=on --set queue=on
    figure "$clients connections by oha, pool=50, indexes, queue: failures" "$(status light)" 0 "is 0 '$(status light)'"
    figure "  requests/s; memory a connection" "$(rate light); $(awk "BEGIN { printf \"%.1f KiB\", $(column pss_bytes light/resources.csv | sort -n | tail -n 1) / $clients / 1024 }")" "" ""
}

begun=$SECONDS
table
"${name//-/_}"
echo "reports: runs/reference/$name/*/report.html ($((SECONDS - begun)) s)" >&2
exit $missed
