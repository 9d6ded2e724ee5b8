#!/usr/bin/env bash
# What a request costs, side by side with a peer, in the same run: the tool by which a change is judged.
#
#   scripts/bench.sh [health|new|bytes|upload|all] [--against COMMIT] [--connections "50 256 1000"] [--rounds N] [--seconds N]
#
#   health   keep-alive requests for /health
#   new      a new connection for each request
#   bytes    keep-alive requests for /bytes/1048576: CPU a MiB (50 connections unless given)
#   upload   1 MiB to /upload: CPU a MiB (50 connections unless given)
#
# The peer is nginx answering the same status, body and headers (a file of 1 MiB with sendfile off; an upload
# discarded), or quintain as it was at COMMIT.
# Target and generator are pinned apart (CPU 0, CPU 1); the sides alternate A B B A after a warm-up.
# Figures: CPU µs a request, from the scheduler's account of every thread of the target's process tree; medians over
# the rounds, the ratio round by round with its spread. requests/s stand only where the target's core was ≥ 95 % busy.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }
what=health against="" connections="" rounds=6 seconds=3
while [ $# -gt 0 ]; do
    case $1 in
        health | new | bytes | upload | all) what=$1 ;;
        --against) against=${2:?--against takes a commit}; shift ;;
        --connections) connections=${2:?--connections takes numbers}; shift ;;
        --rounds) rounds=${2:?--rounds takes a number}; shift ;;
        --seconds) seconds=${2:?--seconds takes a number}; shift ;;
        *) usage ;;
    esac
    shift
done

. scripts/lib.sh
need wrk
[ -n "$against" ] || need nginx

# With recording and sampling on.
start_quintain() { # program name
    under=(taskset -c 0)
    program=$1 at_admin=off start "$2"
}

program ""
start_quintain "$work/quintain" ours
ours=$pid ours_url=$url
if [ -n "$against" ]; then
    commit=$(git rev-parse --verify --short "$against^{commit}")
    git worktree add --quiet --detach "$work/tree" "$commit"
    progress "building $commit"
    (cd "$work/tree" && CARGO_TARGET_DIR=$OLDPWD/target/bench cargo build --quiet --release --locked)
    cp target/bench/release/quintain "$work/before"
    git worktree remove --force "$work/tree"
    start_quintain "$work/before" theirs
    peer=$commit
else
    under=(taskset -c 0)
    start_nginx 1
    peer=nginx
fi
theirs=$pid theirs_url=$url

[ "$what" = all ] && routes="health new bytes upload" || routes=$what
printf '%s%-8s %5s  %-22s %-22s %-24s %s%s\n' "$bold" route c "quintain" "$peer" "ratio, CPU a request" "req/s (core ≥ 95 % busy)" "$plain"
for route in $routes; do
    case $route in
        bytes | upload) counts=${connections:-50} ;;
        *) counts=${connections:-50 256 1000} ;;
    esac
    for count in $counts; do
        alternate "$route c=$count" "$ours" "$ours_url" "$theirs" "$theirs_url" "$count" "$route"
        awk -v route="$route" -v count="$count" '
            function median(values, n,    i, j, swap) {
                for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j - 1] > values[j]; j--) {
                    swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap }
                return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
            }
            { a[NR] = $1; b[NR] = $4; ratio[NR] = $1 / $4; ra[NR] = $2; rb[NR] = $5; ba[NR] = $3; bb[NR] = $6 }
            END {
                middle = median(ratio, NR)
                rate_a = median(ba, NR) >= 95 ? sprintf("%.0f", median(ra, NR)) : "-"
                rate_b = median(bb, NR) >= 95 ? sprintf("%.0f", median(rb, NR)) : "-"
                printf "%-8s %5d  %6.2f us/request     %6.2f us/request     %.3f (%.3f to %.3f)   %s : %s\n",
                    route, count, median(a, NR), median(b, NR), middle, ratio[1], ratio[NR], rate_a, rate_b
            }' "$work/rounds"
    done
done
