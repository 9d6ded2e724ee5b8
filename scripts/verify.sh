#!/usr/bin/env bash
# Does `quintain verify` say the right thing of real load generators?
#
#   faults     a target with exactly 0.5 % faults under each generator: to the request, or within those in flight
#   drill      a target that stands still for 0.5 s in every 10: wrk is told that it omits, a paced oha that it does not
#   ports      oha with fewer ports than connections, in a network namespace: the failures are the client's
#   published  the five built-in systems: how many of their figures differ
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
--binary
--json
TABLE
need wrk jq ab=apache2-utils hey h2load=nghttp2-client ip=iproute2
with_oha
with_locust
with_npm
program
export PATH=$work:$PATH
cd "$work"

cat >faults.toml <<'TOML'
[[fault]]
name = "half a per cent"
route = "/plaintext"
kinds = [ { kind = "status", code = 500, rate = 0.005 } ]
TOML
locustfile locustfile.py /plaintext

# Loads a target of a profile with a command, whose output is the file that has this name; verify's checks are in $1.json.
compare() { # name output profile command
    progress "$1"
    quintain --profile "$3" --listen 127.0.0.1:0 --admin off --run-dir "$1" --sample-interval 200ms --quiet --log error --while "$4" >/dev/null
    quintain verify "$1" "$2" --format json >"$1.json" || true
    progress ""
}
# Of a check: a field of it.
says() { jq -r --arg check "$2" --arg which "${3:-}" --arg field "${4:-verdict}" \
    '[.checks[] | select(.check == $check and .which == $which)][0][$field] // "nothing"' "$1.json"; }
is() { [ "$1" = "$2" ]; }
line() { figure "$1" "$(says "$2" "$3" "$4")" "$5" "is '$(says "$2" "$3" "$4")' '$5'"; }

oha="oha --no-tui --output-format json"
table
compare counted counted.out faults.toml "$oha -n 20000 -c 20 -o counted.out {url}/plaintext"
line "oha -n 20000: requests" counted requests "" agrees
figure "  how" "$(says counted requests "" cause)" "to the request" "is '$(says counted requests "" cause)' 'to the request'"
figure "  500 seen, of 100 planned" "$(says counted faults "status 500 seen" theirs)" "oha: 100" "is '$(says counted faults "status 500 seen" theirs)' 'oha: 100'"
# name command, whose output is NAME.out
counted() {
    compare "$1" "$1.out" faults.toml "$2 >$1.out"
    line "$1, 20,000 requests" "$1" requests "" agrees
    figure "  how" "$(says "$1" requests "" cause)" "to the request" "is '$(says "$1" requests "" cause)' 'to the request'"
    figure "  500 seen, of 100 planned" "$(says "$1" faults "status 500 seen" theirs)" "$1: 100" "is '$(says "$1" faults "status 500 seen" theirs)' '$1: 100'"
    # That node has used up a core is true of this machine, and no fault of verify's.
    local differ
    differ=$(jq '[.checks[] | select(.verdict == "differs" and .check != "generator'"'"'s CPU")] | length' "$1.json")
    figure "  other checks that differ" "$differ" 0 "is 0 $differ"
}
counted loadtest "loadtest -n 20000 -c 20 -k --cores 1 {url}/plaintext"
counted autocannon "autocannon --json -a 20000 -c 20 {url}/plaintext 2>autocannon.err"
counted ab "ab -q -l -n 20000 -c 20 {url}/plaintext"
counted hey "hey -n 20000 -c 20 {url}/plaintext"
counted h2load "h2load --h1 -t1 -n 20000 -c 20 {url}/plaintext"
compare wrk wrk.out faults.toml "wrk -t1 -c20 -d5s --latency {url}/plaintext >wrk.out"
line "wrk, 5 s: requests, but for those in flight" wrk requests "" agrees
line "  500 seen" wrk faults "status 500 seen" agrees
compare locust locust_stats.csv faults.toml "locust --headless -f locustfile.py --users 10 --spawn-rate 10 --run-time 10s --csv locust --host {url} --loglevel ERROR >locust.out 2>&1 || true"
line "Locust, 10 s: requests, but for the last second" locust requests "" agrees
line "  500 seen" locust faults "status 500 seen" agrees
compare hidden hidden.out stall-drill "wrk -t1 -c50 -d31s --latency {url}/drill >hidden.out"
line "the stall drill by wrk: omission" hidden omission "" differs
compare shown shown.out stall-drill "$oha -z 31s -w -c 60 -q 100 --latency-correction -o shown.out {url}/drill"
line "the stall drill by oha -q --latency-correction" shown omission "" agrees
line "  client ≥ target" shown "client ≥ target" "" agrees

# The target's listeners take ports of the 40, too.
few="ip link set lo up && echo '30000 30039' >/proc/sys/net/ipv4/ip_local_port_range"
if unshare -rn sh -c "$few" 2>/dev/null; then
    unshare -rn sh -c "$few && exec quintain --listen 127.0.0.1:0 --admin off --run-dir ports --quiet --log error --while '$oha -n 200 -c 100 -o ports.out {url}/io?ms=500'" >/dev/null
    quintain verify ports ports.out --format json >ports.json || true
    line "oha -c 100 with 40 ports: failures" ports failures "of the client" differs
    figure "  whose" "$(says ports failures "of the target")" nobody\'s "is '$(says ports failures "of the target")' nothing"
else
    figure "oha with few ports: no network namespace here" "" "" ""
fi

for one in baseline:1 node-cluster:2 flask-locust:3 image-inference:2 market:2; do
    differ=$(quintain verify --published "${one%:*}" | grep -c ^differs || true)
    figure "published figures of ${one%:*}: differ" "$differ" "${one#*:}" "is $differ ${one#*:}"
done
exit $missed
