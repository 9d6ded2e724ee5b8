#!/usr/bin/env bash
# Makes tests/recorded anew: what real load generators wrote, each beside the run of the target that they loaded.
#
# The target has exactly 0.5 % faults. The machine must be quiet: verify says so of a generator that was short of CPU.
# oha comes by cargo, Locust by pip, loadtest and autocannon by npm, all below target/tools; the others come from Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
--binary
TABLE
need wrk jq ab=apache2-utils hey h2load=nghttp2-client haproxy curl
with_oha
with_locust
with_npm
program
export PATH=$work:$PATH

cat >"$work/faults.toml" <<'TOML'
[[fault]]
name = "half a per cent"
route = "/plaintext"
kinds = [ { kind = "status", code = 500, rate = 0.005 } ]
TOML
locustfile "$work/locustfile.py" /plaintext
recorded=$PWD/tests/recorded
rm -rf "$recorded"

# Loads a target with a command that writes into the directory of its name; the run stays there.
record() { # name command
    mkdir -p "$recorded/$1"
    progress "$1"
    (
        cd "$work" && ln -sfn "$recorded/$1" out
        quintain --profile faults.toml --listen 127.0.0.1:0 --admin off --run-dir out/run --sample-interval 500ms --quiet --log error --while "$2" >/dev/null
    )
    rm -f "$recorded/$1/run/latency.hlog" "$work/out"
    progress ""
}
oha="oha --no-tui --output-format json"
record oha-counted "$oha -n 2000 -c 10 -o out/oha.json {url}/plaintext"
record oha-deadline "$oha -z 2s -c 10 -o out/oha.json '{url}/io?ms=20'"
record oha-refused "$oha -n 20 -c 2 -o out/oha.json http://127.0.0.1:9/"
record oha-text "oha --no-tui -n 100 -c 2 {url}/health >out/oha.txt"
record wrk "wrk -t1 -c10 -d2s --latency {url}/plaintext >out/wrk.txt"
record wrk-late "wrk -t1 -c4 -d3s --timeout 1s '{url}/io?ms=1200' >out/wrk.txt"
record locust-csv "locust --headless -f locustfile.py --users 10 --spawn-rate 10 --run-time 4s --csv out/locust --host {url} --loglevel ERROR >out/locust.txt 2>&1 || true"
record locust-json "locust --headless -f locustfile.py --users 10 --spawn-rate 10 --run-time 3s --json --host {url} --loglevel ERROR >out/locust.json 2>/dev/null || true"
record locust-refused "locust --headless -f locustfile.py --users 5 --spawn-rate 5 --run-time 3s --csv out/locust --host http://127.0.0.1:9 --loglevel ERROR >out/locust.txt 2>&1 || true"
record loadtest "loadtest -n 2000 -c 10 -k --cores 1 {url}/plaintext >out/loadtest.txt"
record loadtest-time "loadtest -t 2 -c 10 -k --cores 1 '{url}/io?ms=20' >out/loadtest.txt"
record autocannon "autocannon --json -a 2000 -c 10 {url}/plaintext >out/autocannon.json 2>out/err"
record ab "ab -q -k -l -n 2000 -c 10 {url}/plaintext >out/ab.txt"
record ab-lengths "ab -q -n 2000 -c 10 {url}/plaintext >out/ab.txt"
record hey "hey -n 2000 -c 10 {url}/plaintext >out/hey.txt"
record hey-refused "hey -n 20 -c 2 http://127.0.0.1:9/ >out/hey.txt"
record h2load "h2load --h1 -t1 -n 2000 -c 10 {url}/plaintext >out/h2load.txt"
record h2load-time "h2load --h1 -t1 -D 2 -c 10 '{url}/io?ms=20' >out/h2load.txt"
rm -f "$recorded/autocannon/err"

both_up() { [ "$(curl -s "$1" | grep -cE '^web,[ab],.*,UP,.*,L7OK,')" = 2 ]; }
# HAProxy before two instances, whose health it checks, and its statistics after the load.
balanced() {
    local at=$recorded/haproxy balancer=$((20000 + RANDOM % 10000)) one pair=()
    mkdir -p "$at"
    for one in a b; do
        directory=$at/$one at_admin=off start "$one" --instance "$one" --sample-interval 500ms --quiet
        pair+=("$pid")
        echo "server $one ${url#http://} check inter 100ms" >>"$work/servers"
    done
    cat >"$work/haproxy.cfg" <<CONF
defaults
    mode http
    retries 0
    timeout connect 2s
    timeout client 75s
    timeout server 75s
frontend target
    bind 127.0.0.1:$balancer
    default_backend web
backend web
    balance roundrobin
    option httpchk GET /readyz
$(sed 's/^/    /' "$work/servers")
frontend figures
    bind 127.0.0.1:$((balancer + 1))
    stats enable
    stats uri /
CONF
    haproxy -db -f "$work/haproxy.cfg" 2>"$work/haproxy.log" &
    pids+=("$!")
    # By its statistics: a request through it would be one more in its account.
    await 20 both_up "http://127.0.0.1:$((balancer + 1))/;csv"
    hey -n 2000 -c 10 "http://127.0.0.1:$balancer/plaintext" >"$at/hey.txt"
    curl -s "http://127.0.0.1:$((balancer + 1))/;csv" >"$at/haproxy.csv"
    for one in "${pair[@]}"; do end "$one"; done
    rm -f "$at"/*/latency.hlog
    # Nobody else has these places.
    sed -i -E "s#$recorded/#tests/recorded/#g; s#\"[^\"]*/quintain\"#\"quintain\"#" "$at"/*/run.json
}
balanced
# Only what the tests read.
for one in oha-refused oha-text wrk-late locust-refused hey-refused; do rm -r "$recorded/$one/run"; done
rm "$recorded"/*/locust_exceptions.csv "$recorded/locust-refused/locust.txt"
