#!/usr/bin/env bash
# What it costs to be watched: CPU a request with a part of the watching and without it, in the same run.
#
#   scripts/watching.sh [times|watchers|all] [--rounds N] [--seconds N] [--connections N] [--binary PATH]
#
#   times      everything on, against no arrival stamps and no histograms (--without-times, which no user meets)
#   watchers   the live page open and /metrics scraped each second, against nobody who looks
#
# A cluster of 2 on CPU 0, wrk on CPU 1 with 256 connections (unless given) on /health, who looks on the last CPU; the
# sides alternate A B B A.
# Figures: CPU µs a request of all of the target's processes, medians over the rounds (20 unless given); the ratio round
# by round, its median and 95 % interval. The target counts as missed when the whole interval is above it.
# As long as any socket of the machine asks for arrival stamps, its kernel takes them of all: so each measurement of
# `times` has a target of its own, and no other quintain may run beside it.
set -euo pipefail
cd "$(dirname "$0")/.."

what=all rounds=20 seconds=4 connections=256 binary=""
while [ $# -gt 0 ]; do
    case $1 in
        times | watchers | all) what=$1; shift; continue ;;
        --rounds) rounds=${2:?--rounds takes a number} ;;
        --seconds) seconds=${2:?--seconds takes a number} ;;
        --connections) connections=${2:?--connections takes a number} ;;
        --binary) binary=${2:?--binary takes a path} ;;
        *) sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift 2
done

. scripts/lib.sh
need wrk curl
program "$binary"
under=(taskset -c 0)
cluster=(--mode cluster --workers 2) last=$(($(nproc) - 1))

# One measurement of a target of its own.
fresh() { # name argument...
    start "$@"
    taskset -c 1 wrk -t1 -c"$connections" -d1s "$url/health" >/dev/null
    measure "$pid" "$url" "$connections" health >"$work/measured"
    end "$pid"
}
with_times() { fresh "with$1" "${cluster[@]}"; }
without_times() { fresh "without$1" "${cluster[@]}" --without-times; }

# One measurement of the target that runs.
unwatched() { measure "$pid" "$url" "$connections" health >"$work/measured"; }
watched() {
    local page scraper
    taskset -c "$last" curl -sN "$admin/events" >/dev/null &
    page=$!
    taskset -c "$last" curl -sf --rate 1/s "$admin/metrics#[1-1000]" >/dev/null &
    scraper=$!
    pids+=("$page" "$scraper")
    unwatched
    kill "$page" "$scraper"
    wait "$page" "$scraper" 2>/dev/null || true
}

# Both sides, round by round: a line in $work/rounds, the one that should cost more first.
compare() { # text dearer cheaper
    local text=$1 round one
    : >"$work/rounds"
    for ((round = 1; round <= rounds; round++)); do
        bar "$((round - 1))" "$rounds" "$text"
        for one in $( ((round % 2)) && echo "$2 $3" || echo "$3 $2"); do
            "$one" "$round"
            mv "$work/measured" "$work/measured.$one"
        done
        paste -d" " "$work/measured.$2" "$work/measured.$3" >>"$work/rounds"
    done
    progress ""
    local middle low high
    read -r middle low high < <(awk '{ print $1 / $4 }' "$work/rounds" | interval)
    figure "$text: CPU µs a request" "$(cut -d' ' -f1 "$work/rounds" | median | xargs printf %.2f)" "" ""
    figure "  without" "$(cut -d' ' -f4 "$work/rounds" | median | xargs printf %.2f)" "" ""
    figure "  ratio, $rounds rounds" "$middle ($low to $high)" "≤ 1.02" "at_most $low 1.02"
}

table
if [ "$what" != watchers ]; then compare "arrival stamps and histograms" with_times without_times; fi
if [ "$what" != times ]; then
    start watched "${cluster[@]}"
    # A warm-up.
    unwatched
    compare "page open, /metrics each second" watched unwatched
    end "$pid"
fi
exit $missed
