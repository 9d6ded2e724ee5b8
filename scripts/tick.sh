#!/usr/bin/env bash
# What a tick costs: CPU of the observer over its rows, with 8 workers in a cluster, between two readings of PSS.
#
#   scripts/tick.sh [BINARY] [WORKERS] [ROUNDS]
#
# Idle, and so all of it is the observer's: reading, comparing, writing, and waking up for that.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
binary=${1:-${CARGO_TARGET_DIR:-target}/release/quintain} workers=${2:-8} rounds=${3:-5}
[ $# -gt 0 ] || cargo build --release --locked --quiet

measure() {
    rm -f "$work/out"
    "$binary" --mode cluster --workers "$workers" --listen 127.0.0.1:0 --admin off --sample-interval 50ms \
        --log warn --run-dir "$work/$1" > "$work/out" &
    target=$!
    pids+=("$target")
    until grep -qs ^ready "$work/out"; do sleep 0.1; done
    local observer
    observer=$(grep -lx observer /proc/[0-9]*/comm 2>/dev/null | while read -r comm; do
        process=${comm%/comm}
        if [ "$(awk '/^PPid/ {print $2}' "$process/status")" = "$target" ]; then echo "$process"; fi
    done)
    # The first row reads PSS too, and what is made once is made by the second.
    sleep 1
    local cpu rows
    cpu=$(cut -d' ' -f1 "$observer/schedstat"); rows=$(wc -l < "$work/$1/resources.csv")
    sleep 7
    cpu=$(($(cut -d' ' -f1 "$observer/schedstat") - cpu)); rows=$(($(wc -l < "$work/$1/resources.csv") - rows))
    kill "$target"; wait "$target" || true
    echo $((cpu / rows / 1000)) >> "$work/figures"
}
for round in $(seq "$rounds"); do measure "$round"; done
sort -n "$work/figures" | awk -v workers="$workers" '
    { figure[NR] = $1 }
    END { printf "µs CPU a tick, %d workers: median %d (%d to %d, %d rounds)\n", workers, figure[int((NR + 1) / 2)], figure[1], figure[NR], NR }'
