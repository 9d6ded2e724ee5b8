#!/usr/bin/env bash
# One process or a cluster: which does more CPU-bound work a second on this machine, by how much, how sure? Within two minutes.
#
#   scripts/single-vs-cluster.sh [--binary PATH]
#
# It takes the first load generator that is there: wrk, oha, hey, h2load or ab. The report is runs/single-vs-cluster/report.html.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
binary_option "$@"
a_generator wrk oha hey h2load ab
program "$binary"
rm -rf runs/single-vs-cluster
"$work/quintain" compare --a mode=single --b mode=cluster --with "$generator" --path '/cpu?iterations=1000000' \
    --duration 2s --rounds 8 --output runs/single-vs-cluster
