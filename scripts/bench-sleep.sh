#!/usr/bin/env bash
# How late sleeps end, and what each costs: tokio's, ours, a bare timerfd and clock_nanosleep, in the same run.
#
#   scripts/bench-sleep.sh [--turns N] [--seconds N] [--spin-us N]
#
# 0.2, 0.5, 5 and 50 ms, 1 and 1,000 sleepers, deadlines spread evenly; each way runs for --seconds (1), --turns (4)
# times, in turns. ":fd" is the ratio to the bare timerfd's; CPU is the process's, over all sleeps. Run it on an idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
turns=4 seconds=1 spin=40
while [ $# -gt 0 ]; do
    case $1 in
        --turns) turns=${2:?--turns takes a number}; shift ;;
        --seconds) seconds=${2:?--seconds takes a number}; shift ;;
        --spin-us) spin=${2:?--spin-us takes a number}; shift ;;
        *) wrong_usage ;;
    esac
    shift
done
TURNS=$turns SECONDS_EACH=$seconds SPIN_US=$spin cargo bench --quiet --locked --bench sleep
