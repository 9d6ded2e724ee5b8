#!/usr/bin/env bash
# quintain beside what else one might point a load generator at.
#
#   scripts/peers.sh [cpu|start|memory|all] [--rounds N] [--seconds N] [--connections N] [--binary PATH]
#
#   cpu      requests per CPU second on /health: a Node cluster, gunicorn with Flask
#   start    from exec to the first answer: nginx, with one worker and with eight
#   memory   of a connection, before its first byte and kept alive after a request: nginx
#
# Target and generator are pinned apart, the sides alternate, figures are medians.
set -euo pipefail
cd "$(dirname "$0")/.."

what=cpu rounds=5 seconds=3 connections=50 binary=""
while [ $# -gt 0 ]; do
    case $1 in
        cpu | start | memory | all) what=$1; shift; continue ;;
        --rounds) rounds=${2:?--rounds takes a number} ;;
        --seconds) seconds=${2:?--seconds takes a number} ;;
        --connections) connections=${2:?--connections takes a number} ;;
        --binary) binary=${2:?--binary takes a path} ;;
        *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift 2
done

. scripts/lib.sh
need wrk nginx curl python3 node=nodejs
program "$binary"
ulimit -n "$(ulimit -Hn)"
port() { echo $((20000 + RANDOM % 10000)); }

start_node() { # port
    cat >"$work/node.js" <<'JS'
const cluster = require('cluster'), http = require('http');
if (cluster.isPrimary) cluster.fork();
else http.createServer((request, response) => {
  if (request.url !== '/health') { response.statusCode = 404; return response.end(); }
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end('OK');
}).listen(process.argv[2], '127.0.0.1');
JS
    taskset -c 0 node "$work/node.js" "$1" &
    pid=$! url=http://127.0.0.1:$1
    pids+=("$pid")
    until_listening "$1"
}
start_gunicorn() { # port
    local venv=target/peers
    if [ ! -x "$venv/bin/gunicorn" ]; then
        progress "installing gunicorn and Flask into $venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet gunicorn flask
    fi
    cat >"$work/app.py" <<'PY'
from flask import Flask, Response
app = Flask(__name__)
@app.get("/health")
def health():
    return Response("OK", content_type="text/plain; charset=utf-8")
PY
    taskset -c 0 "$venv/bin/gunicorn" --workers 1 --bind "127.0.0.1:$1" --backlog 4096 --log-level error --chdir "$work" app:app &
    pid=$! url=http://127.0.0.1:$1
    pids+=("$pid")
    until_listening "$1"
}
against() { # name target
    alternate "$1" "$ours" "$ours_url" "$pid" "$url" "$connections" health
    local times
    times=$(awk '{ print $4 / $1 }' "$work/rounds" | median)
    figure "requests per CPU second, c=$connections: $1" "$(awk '{ print 1e6 / $4 }' "$work/rounds" | median | cut -d. -f1)" "" ""
    figure "  quintain" "$(awk '{ print 1e6 / $1 }' "$work/rounds" | median | cut -d. -f1)" "" ""
    figure "  how many times as many" "$(ratio "$times" 1)" "≥ $2" "at_least $times $2"
    kill "$pid"
}
cpu_of_peers() {
    under=(taskset -c 0)
    start ours --mode cluster --workers 1
    ours=$pid ours_url=$url
    start_node "$(port)"
    against "Node cluster" 2
    start_gunicorn "$(port)"
    against "gunicorn + Flask" 20
    kill "$ours"
}

start_of_peers() {
    local workers at round arguments peer="" own=""
    for workers in 1 8; do
        at=$(port)
        nginx_conf "$workers" "$at"
        arguments=(--mode cluster --workers 8)
        [ "$workers" = 8 ] || arguments=(--mode single)
        : >"$work/starts"
        for ((round = 1; round <= rounds * 4; round++)); do
            progress "start, $workers workers: round $round of $((rounds * 4))"
            peer=$(python3 scripts/clients.py first "$at" nginx -c "$work/nginx.conf" -p "$work")
            own=$(python3 scripts/clients.py first "$at" "$work/quintain" "${arguments[@]}" --listen "127.0.0.1:$at" --admin off \
                --log warn --run-dir "$work/start-$workers-$round")
            echo "$own $peer" >>"$work/starts"
        done
        progress ""
        own=$(cut -d' ' -f1 "$work/starts" | median) peer=$(cut -d' ' -f2 "$work/starts" | median)
        figure "start to first answer, ${arguments[*]}: nginx" "$peer ms" "" ""
        figure "  quintain" "$own ms" "" ""
        figure "  ratio" "$(ratio "$own" "$peer")" "≤ 0.6" "at_most $own 0.6 $peer"
    done
}

# Bytes a connection, of 8,000 that are open.
a_connection() { # [ask]
    local before opened
    before=$(memory "$pid")
    coproc HOLD { python3 scripts/clients.py hold "$url" 8000 "$@"; }
    read -r opened <&"${HOLD[0]}"
    [ "${opened% *}" = "8000 0" ] || echo "peers.sh: opened and failed: $opened" >&2
    sleep 1
    bytes=$((($(memory "$pid") - before) / 8000))
    eval "exec ${HOLD[1]}>&-"
    wait "$HOLD_PID" || true
    sleep 1
}
memory_of_peers() {
    local side limit
    for side in nginx quintain; do
        for state in "before its first byte" "kept alive"; do
            progress "memory: $side, $state"
            limit=""
            if [ $side = nginx ]; then start_nginx 1; else start "memory-${state%% *}" --mode single; fi
            # What is made once is made by the first request.
            good "$url" 100 >/dev/null
            if [ "$state" = "kept alive" ]; then a_connection ask; else a_connection; fi
            kill "$pid"
            progress ""
            [ $side = nginx ] || limit=1331
            [ $side = nginx ] || [ "$state" != "kept alive" ] || limit=12288
            figure "bytes a connection, $state: $side" "$bytes" "${limit:+≤ $limit}" "${limit:+at_most $bytes $limit}"
        done
    done
}

table
if [ "$what" = cpu ] || [ "$what" = all ]; then cpu_of_peers; fi
if [ "$what" = start ] || [ "$what" = all ]; then start_of_peers; fi
if [ "$what" = memory ] || [ "$what" = all ]; then memory_of_peers; fi
exit $missed
