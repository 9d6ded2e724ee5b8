#!/usr/bin/env bash
# Makes the README's pictures, docs/pictures/*.png: the live page of a target under load, and the report of that run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<<"--binary"

need curl wrk pngquant
with_browser
program
home=$PWD pictures=$PWD/docs/pictures
mkdir -p "$pictures"

# In a folder of its own and by its name, so that the report shows the command as a reader would type it.
cd "$work"
PATH=$work:$PATH program=quintain directory=runs/demo
start demo --mode cluster --workers 2 --sample-interval 200ms --phases warm-up:4s,measure:60s
wrk -t1 -c8 -d40 "$url/io?ms=20" >/dev/null &
loading=$!
wrk -t1 -c20 -d12 "$url/cpu?ms=2" >/dev/null &
sleep 8
curl -sf -o /dev/null -X PUT -d '{"faults":[{"name":"errors now and then","route":"/io","kinds":[{"kind":"status","code":503,"rate":0.05}]}],"ttl":"4s"}' "$admin/faults"
sleep 8
steer "$home/scripts/pictures.cjs" "$admin/" "$pictures/live.png"
kill "$loading"
end "$pid"
quintain report "$run" >/dev/null
steer "$home/scripts/pictures.cjs" "file://$work/$run/report.html" "$pictures/report.png"
for one in "$pictures"/*.png; do pngquant --force --ext .png --speed 1 64 "$one"; done
ls -l "$pictures"
