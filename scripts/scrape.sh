#!/usr/bin/env bash
# Does Prometheus like /metrics? promtool checks it, and a real Prometheus scrapes it while workers die under load.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
--binary
--json
TABLE

need curl jq wrk promtool=prometheus prometheus
program

start scrape --mode cluster --workers 2
wrk -t1 -c8 -d60s "$url/io?ms=5" >/dev/null &
load=$!
pids+=("$load")
curl -sf -X PUT "$admin/faults" -d '{"faults": [{"route": "/io", "kinds": [{"kind": "status", "code": 500, "rate": 0.01}]}]}' >/dev/null

echo "${bold}promtool check metrics${plain}" >&2
await 10 eval 'curl -sf "$admin/metrics" | grep -q "^quintain_faults_executed_total.* [1-9]"'
curl -sf "$admin/metrics" | promtool check metrics >&2
echo "accepted, $(curl -sf "$admin/metrics" | grep -vc '^#') series" >&2

port=$((20000 + RANDOM % 10000))
cat >"$work/prometheus.yml" <<CONF
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: quintain
    static_configs: [ { targets: [ "${admin#http://}" ] } ]
CONF
promtool check config "$work/prometheus.yml" >/dev/null
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$port" \
    --log.level=warn &
pids+=("$!")
ask() { # PromQL
    curl -sf --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query" | jq -r '.data.result[0].value[1] // "nothing"'
}
# The target's own word on its scrape.
await 30 eval '[ "$(ask up)" = 1 ]'
sleep 3
for death in 1 2; do
    kill -KILL "$(stats ".workers[$((death - 1))].pid")"
    sleep 3
done
kill -HUP "$pid"
sleep 4

echo "${bold}a real Prometheus${plain}, over two deaths and a HUP" >&2
table
up=$(ask 'min_over_time(up[20s])') resets=0
while read -r _ _ name kind; do
    case $kind in
        counter) series=("$name") ;;
        histogram) series=("${name}_bucket" "${name}_count" "${name}_sum") ;;
        *) continue ;;
    esac
    for one in "${series[@]}"; do resets=$((resets + $(ask "sum(resets($one[30s]))"))); done
done < <(curl -sf "$admin/metrics" | grep '^# TYPE')
rate=$(ask 'sum(rate(quintain_requests_total[8s]))') p99=$(ask 'histogram_quantile(0.99, sum by (le) (rate(quintain_request_duration_seconds_bucket[8s])))')
figure "scrapes that were answered" "$up" "all" '[ "$up" = 1 ]'
figure "counters that fell" "$resets" "0" '[ "$resets" = 0 ]'
figure "requests/s by rate()" "$(printf %.0f "$rate")" "> 0" 'at_least "$rate" 1'
figure "p99 of /io?ms=5 by histogram_quantile(), s" "$p99" ">= 0.005" 'at_least "$p99" 0.005'
kill "$load" 2>/dev/null || true
end "$pid"
exit $((missed || code))
