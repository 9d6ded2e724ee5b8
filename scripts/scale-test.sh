#!/usr/bin/env bash
# The same load on 1, 2 and 4 replicas behind the balancer, each with a share of a core, and on one replica of two workers
# with two shares, behind the balancer and without it; then on four of which one is drained in the middle, and one killed.
# With `--load infer` it is the profile image-inference and a picture, on 1, 2 and 4 replicas alone.
# `quintain verify` holds each arm's replicas against the generator, and against the balancer server by server.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/lib-docker.sh
options "$@" <<'TABLE'
--seconds N=10  of load an arm
--load cpu|infer=cpu  what is asked for: /cpu?ms=2, or what a picture shows
--plot FILE=scale.svg  where the plot goes, and beside it the report of four replicas
TABLE
# Four shares leave room on two cores for balancer and generator.
share=$(awk -v cores="$(nproc)" 'BEGIN { printf "%.2f", cores / 8 }')
twice=$(awk -v share="$share" 'BEGIN { printf "%.2f", share * 2 }')
with_daemon
with_compose
with_oha
need gnuplot=gnuplot-nox
compose_images
have_image quintain:local
docker create --name unpacked quintain:local >/dev/null
docker cp -q unpacked:/usr/bin/quintain "$work/quintain"
docker rm -v unpacked >/dev/null

# Both take about 2 ms of CPU.
path='/cpu?ms=2' picture=$(find "$PWD/tests/flags" -name '*.jpg' | sort | head -n 1)
if [ "$load" = infer ]; then
    export QUINTAIN_PROFILE=image-inference
    path=/predict sending=(-m POST -T image/jpeg -D "$picture")
fi

# Starts so many replicas behind a fresh balancer, loads them as long as there is CPU for, and prints a line of the table.
arm() { # name replicas share mode workers balancer|direct [what happens to a replica in the middle]
    local name=$1 cpu_web cpu_balancer requests url loading victim
    WEB_CPUS=$3 QUINTAIN_MODE=$4 QUINTAIN_WORKERS=$5 compose up -d --wait --no-build --scale web="$2" web balancer
    await 30 replicas_up "$2" || { echo "the balancer never had $2 replicas" >&2; return 1; }
    url=$target
    [ "$6" = balancer ] || url=http://$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(replicas | head -n 1)"):8080
    requests=$(awk -v replicas="$2" -v share="$3" -v s="$seconds" 'BEGIN { printf "%d", replicas * share * s / 0.002 }')
    cpu_web=$(cpu_of web) cpu_balancer=$(cpu_of balancer)
    load arm "$path" "$requests" "$url" &
    loading=$!
    if [ -n "${7:-}" ]; then
        await 120 passed_on $((requests / 3)) || { echo "a third of the load never came" >&2; return 1; }
        victim=$(replicas | head -n 1)
        "$7" "$victim"
        kill -0 "$loading" || { echo "the load ended before the replica did" >&2; return 1; }
    fi
    wait "$loading"
    cpu_web=$(($(cpu_of web) - cpu_web)) cpu_balancer=$(($(cpu_of balancer) - cpu_balancer))
    balancer_says >"$work/balancer.csv"
    # Files are whole when their replicas have ended.
    compose stop web
    rm -rf "$work/runs"
    compose cp web:/runs "$work/runs"
    local generator balancer=-
    generator=$(verified generator "$work/arm.json")
    [ "$6" != balancer ] || balancer=$(verified balancer "$work/balancer.csv")
    # A replica that is gone takes its control group with it.
    [ -z "${7:-}" ] || cpu_web=0
    jq -r --arg name "$name" --argjson web "$cpu_web" --argjson balancer "$cpu_balancer" --arg failed "$(failures_of arm)" --arg generator "$generator" --arg account "$balancer" '
        .statusCodeDistribution."200" as $ok |
        [$name, .summary.requestsPerSec, .latencyPercentiles.p50 * 1000, .latencyPercentiles.p99 * 1000, $web / $ok, $balancer / $ok, $failed, $generator, $account] | @tsv' "$work/arm.json" |
        awk -F'\t' '{ printf "%-28s %8.0f %9.1f %9.1f %12s %12.1f %7d  %-10s %s\n", $1, $2, $3, $4, ($5 > 0 ? sprintf("%.0f", $5) : "-"), $6, $7, $8, $9 }' | tee -a "$work/table"
    compose down -v
}
replicas() { docker ps -q --filter label=com.docker.compose.service=web; }
drained() { docker stop -t 40 "$1" >/dev/null; }
killed() { docker kill "$1" >/dev/null; }

# `agrees` or `differs`: what `quintain verify` says of all replicas' runs and an output, as far as that is counted. What
# differs is printed; a busy machine makes the figures of time differ, which is no fault of the account. All that it says
# stays in $work/verified.WHOSE.
verified() { # whose output
    local counted='.check | IN("requests", "servers", "failures", "status", "bytes")'
    "$work/quintain" verify "$work/runs"/* "$2" --format json >"$work/verified.$1" 2>"$work/verified.err" || [ $? = 1 ] ||
        { cat "$work/verified.err" >&2; return 1; }
    said "$1" 'select(.verdict == "differs")' >&2
    jq -r "if any(.checks[]; ($counted) and .verdict == \"differs\") then \"differs\" else \"agrees\" end" "$work/verified.$1"
}
said() { # whose which-checks
    jq -r ".checks[] | $2 | \"  \\(.verdict)  \\(.check) \\(.which)  \\(.theirs)  |  \\(.ours)  |  \\(.cause)\"" "$work/verified.$1"
}

echo "$path, 32 connections, a share is $share of a core"
printf '%s%-28s %8s %9s %9s %12s %12s %7s  %-10s %s%s\n' "$bold" arm req/s "p50 ms" "p99 ms" "CPU us/req" "balancer us" failed generator balancer "$plain"
for one in 1 2 4; do arm "replicas: $one" "$one" "$share" single 1 balancer; done
"$work/quintain" report "$work/runs"/* --output "${plot%.svg}.html" >/dev/null
if [ "$load" = cpu ]; then
    arm "cluster 2, two shares" 1 "$twice" cluster 2 balancer
    arm "the same, no balancer" 1 "$twice" cluster 2 direct
    arm "four, one drained" 4 "$share" single 1 balancer drained
    cp "$work/arm.json" "$work/drained.json"
    arm "four, one killed" 4 "$share" single 1 balancer killed
    echo "what the kill cost, on both sides:"
    said generator 'select(.check | IN("requests", "failures"))'
    said balancer 'select(.check | IN("requests", "servers", "failures"))'
    [ "$(failures_of drained)" = 0 ] || { echo "requests failed while a replica drained" >&2; missed=1; }
fi
! grep -q differs "$work/table" || missed=1
awk '$1 == "replicas:" { print $2, $3 }' "$work/table" >"$work/points"
gnuplot -e "set terminal svg size 640,400; set output '$plot'; set xlabel 'replicas'; set ylabel 'requests a second'; set xrange [0:5]; set yrange [0:*]; set grid; set key left;
    first = $(awk 'NR == 1 { print $2 / $1 }' "$work/points"); plot '$work/points' with linespoints pointtype 7 title 'measured', first * x title 'that of one replica, times x'"
echo "plot: $plot; report of the four replicas: ${plot%.svg}.html"
[ "$missed" = 0 ]
