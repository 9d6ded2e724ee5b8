#!/usr/bin/env bash
# The same load on 1, 2 and 4 replicas behind the balancer, each with a share of a core, and on one replica of two workers
# with two shares, behind the balancer and without it. Each account is held against generator and balancer, to the request.
# A killed and a drained replica are scripts/test-containers.sh's.
# usage: scripts/scale-test.sh [SECONDS] [PLOT.svg]     of load an arm, 10 unless given
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
. scripts/lib-docker.sh
seconds=${1:-10} plot=${2:-scale.svg}
# Four shares leave room on two cores for balancer and generator.
share=$(awk -v cores="$(nproc)" 'BEGIN { printf "%.2f", cores / 8 }')
twice=$(awk -v share="$share" 'BEGIN { printf "%.2f", share * 2 }')
with_daemon
with_compose
with_oha
need gnuplot=gnuplot-nox
build_images
compose_images
build_image quintain:local

arm() { # name replicas share mode workers url
    local before cpu_web cpu_balancer requests ok
    WEB_CPUS=$3 QUINTAIN_MODE=$4 QUINTAIN_WORKERS=$5 compose up -d --wait --no-build --scale web="$2" web balancer
    await 30 replicas_up "$2"
    url=$target
    [ "$6" = balancer ] || url=http://$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(docker ps -q --filter label=com.docker.compose.service=web)"):8080
    load warm "$path" 200 "$url"
    # As many as there is CPU for.
    requests=$(awk -v replicas="$2" -v share="$3" -v s="$seconds" 'BEGIN { printf "%d", replicas * share * s / 0.002 }')
    before=$(answered_by_balancer) cpu_web=$(cpu_of web) cpu_balancer=$(cpu_of balancer)
    load arm "$path" "$requests" "$url"
    ok=$(ok_of arm) cpu_web=$(($(cpu_of web) - cpu_web)) cpu_balancer=$(($(cpu_of balancer) - cpu_balancer))
    local passed=$(($(answered_by_balancer) - before)) expected=$ok verdict="to the request"
    [ "$6" = balancer ] || expected=0
    [ "$passed" = "$expected" ] || verdict="the balancer passed on $passed of $expected"
    await 10 account "$((ok + 200))" || verdict="the files have $(finished "$route") of $((ok + 200))"
    [ "$verdict" = "to the request" ] || missed=1
    jq -r --arg name "$1" --argjson web "$cpu_web" --argjson balancer "$cpu_balancer" --arg verdict "$verdict" --argjson failed "$(failures_of arm)" \
        '[$name, .summary.requestsPerSec, .latencyPercentiles.p50 * 1000, .latencyPercentiles.p99 * 1000, $web / .statusCodeDistribution."200", $balancer / .statusCodeDistribution."200", $failed, $verdict] | @tsv' "$work/arm.json" |
        awk -F'\t' '{ printf "%-28s %8.0f %9.1f %9.1f %12.0f %12.1f %7d  %s\n", $1, $2, $3, $4, $5, $6, $7, $8 }' | tee -a "$work/table"
    compose down -v
}
route=/cpu path='/cpu?ms=2'
account() { [ "$(finished "$route")" = "$1" ]; }

echo "$path, 32 connections, a share is $share of a core"
printf '%s%-28s %8s %9s %9s %12s %12s %7s  %s%s\n' "$bold" arm req/s "p50 ms" "p99 ms" "CPU us/req" "balancer us" failed account "$plain"
for replicas in 1 2 4; do arm "replicas: $replicas" "$replicas" "$share" single 1 balancer; done
arm "cluster 2, two shares" 1 "$twice" cluster 2 balancer
arm "the same, no balancer" 1 "$twice" cluster 2 direct
awk '$1 == "replicas:" { print $2, $3 }' "$work/table" >"$work/points"
gnuplot -e "set terminal svg size 640,400; set output '$plot'; set xlabel 'replicas'; set ylabel 'requests a second'; set xrange [0:5]; set yrange [0:*]; set grid; set key left;
    first = $(awk 'NR == 1 { print $2 / $1 }' "$work/points"); plot '$work/points' with linespoints pointtype 7 title 'measured', first * x title 'that of one replica, times x'"
echo "plot: $plot"
[ "$missed" = 0 ]
