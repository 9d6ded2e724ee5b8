#!/usr/bin/env bash
# What a tick costs: CPU of the observer over its rows, with 8 workers in a cluster, between two readings of PSS.
# Idle, and so all of it is the observer's: reading, comparing, writing, and waking up for that.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
--workers N=8  of the cluster
--rounds N=5  each with a target of its own
--binary
--json
TABLE
program

for ((round = 1; round <= rounds; round++)); do
    bar "$((round - 1))" "$rounds" "round $round"
    at_admin=off start "$round" --mode cluster --workers "$workers" --sample-interval 50ms
    observer=$(for one in $(tree "$pid"); do grep -lx observer "/proc/$one/comm" || true; done)
    # The first row reads PSS too, and what is made once is made by the second.
    sleep 1
    cpu=$(cut -d' ' -f1 "${observer%comm}schedstat") rows=$(wc -l <"$run/resources.csv")
    sleep 7
    echo $((($(cut -d' ' -f1 "${observer%comm}schedstat") - cpu) / ($(wc -l <"$run/resources.csv") - rows) / 1000)) >>"$work/figures"
    end "$pid"
done
progress ""
table
figure "µs CPU a tick, $workers workers, $rounds rounds: median" "$(median <"$work/figures")" "" ""
figure "  from, to" "$(sort -n "$work/figures" | sed -n '1p;$p' | paste -sd' ')" "" ""
