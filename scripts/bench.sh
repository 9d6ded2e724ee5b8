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

missing=()
command -v wrk >/dev/null || missing+=(wrk)
[ -n "$against" ] || command -v nginx >/dev/null || missing+=(nginx)
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}" >&2
    { apt-get update -qq && apt-get install -y -qq "${missing[@]}"; } >/dev/null
fi

work=$(mktemp -d)
pids=()
finish() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
bold="" plain=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
progress() { [ ! -t 2 ] || printf '\r\e[K%s' "$*" >&2; }

# Starts quintain, with recording and sampling on; sets pid and url.
start_quintain() { # program name
    taskset -c 0 "$1" --listen 127.0.0.1:0 --admin off --run-dir "$work/$2" --log warn >"$work/$2.ready" &
    pid=$!
    pids+=("$pid")
    until grep -q '^ready ' "$work/$2.ready"; do kill -0 "$pid"; done
    url=http://$(sed -n 's/.*addr=\([^ ]*\).*/\1/p' "$work/$2.ready")
}

start_nginx() {
    local port=$((20000 + RANDOM % 10000))
    mkdir -p "$work/files/bytes"
    head -c 1048576 /dev/urandom >"$work/files/bytes/1048576"
    # Who runs it owns the files, which another user could not read.
    local user=""
    [ "$(id -u)" -ne 0 ] || user="user root;"
    local timing="queue;dur=0.126, inject;dur=0.000, cpu;dur=0.000, io;dur=0.000, total;dur=0.163"
    cat >"$work/nginx.conf" <<CONF
$user worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx.log; worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
    access_log off; keepalive_requests 1000000000; default_type "text/plain; charset=utf-8"; server_tokens off;
    server { listen 127.0.0.1:$port backlog=4096; location = /health { return 200 "OK"; }
        location /bytes/ { root $work/files; sendfile off; default_type application/octet-stream; add_header Server-Timing "$timing"; add_header X-Quintain-Worker 0.1; }
        location = /upload {
            client_max_body_size 2m; default_type application/json; add_header Server-Timing "$timing"; add_header X-Quintain-Worker 0.1;
            return 200 '{"bytes":1048576,"crc32":"7464f382","first_byte_ms":0.435983,"last_byte_ms":2.168781}\n';
        } }
}
CONF
    taskset -c 0 nginx -c "$work/nginx.conf" -p "$work" &
    pid=$!
    pids+=("$pid")
    url=http://127.0.0.1:$port
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 "$pid"; done
}

# CPU of a process and its children, in ns.
cpu() { # pid
    local tree
    tree="$1 $(cat "/proc/$1/task/$1/children")"
    for one in $tree; do cat "/proc/$one"/task/*/schedstat; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# One measurement: CPU µs a request, requests/s, how busy the core was in %.
measure() { # pid url connections route
    local before after output options=() path=/health
    case $4 in
        new) options=(-H "Connection: close") ;;
        bytes) path=/bytes/1048576 ;;
        upload) path=/upload options=(-s "$work/upload.lua") ;;
    esac
    before=$(cpu "$1")
    output=$(taskset -c 1 wrk -t1 -c"$3" -d"${seconds}s" "${options[@]}" "$2$path")
    after=$(cpu "$1")
    awk -v used=$((after - before)) -v wall="$seconds" '
        /requests in/ { requests = $1 }
        /Non-2xx|Socket errors/ { print "bench.sh: wrk saw " $0 > "/dev/stderr" }
        END { printf "%.4f %.0f %.1f\n", used / 1000 / requests, requests / wall, used / 1e7 / wall }' <<<"$output"
}

echo 'wrk.method = "POST" wrk.body = string.rep("x", 1048576)' >"$work/upload.lua"

cargo build --quiet --release --locked
cp "${CARGO_TARGET_DIR:-target}/release/quintain" "$work/quintain"
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
    start_nginx
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
        progress "$route c=$count: warm-up"
        measure "$ours" "$ours_url" "$count" "$route" >/dev/null
        measure "$theirs" "$theirs_url" "$count" "$route" >/dev/null
        : >"$work/rounds"
        for ((round = 1; round <= rounds; round++)); do
            progress "$route c=$count: round $round of $rounds"
            if ((round % 2)); then
                a=$(measure "$ours" "$ours_url" "$count" "$route")
                b=$(measure "$theirs" "$theirs_url" "$count" "$route")
            else
                b=$(measure "$theirs" "$theirs_url" "$count" "$route")
                a=$(measure "$ours" "$ours_url" "$count" "$route")
            fi
            echo "$a $b" >>"$work/rounds"
        done
        progress ""
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
