#!/usr/bin/env bash
# Runs every query of the Grafana dashboard against a real Prometheus that scrapes two loaded targets; fails on an empty
# answer, and on a quantile that is not between the bounds of what was asked for.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<<"--binary"
need jq curl prometheus
program

ports=() targets=()
for name in one two; do
    start "$name" --mode cluster --workers 2 --sample-interval 200ms
    targets+=("$url") ports+=("${admin#http://}")
    curl -s -o /dev/null -X PUT "$admin/faults" -d '{"faults": [{"route": "/json", "kinds": [{"kind": "empty", "rate": 0.1}]}]}'
done
port=$((20000 + RANDOM % 10000))
cat >"$work/prometheus.yml" <<YAML
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: quintain
    static_configs: [{targets: ["${ports[0]}", "${ports[1]}"]}]
YAML
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/figures" --web.listen-address="127.0.0.1:$port" 2>"$work/prometheus.err" &
pids+=($!)
await 30 curl -sf "http://127.0.0.1:$port/-/ready"

# A load with every kind of answer, until the queries have something to look at.
while :; do
    for one in "${targets[@]}"; do
        curl -s -o /dev/null "$one/io?ms=20#[1-10]" "$one/status/500" "$one/cpu?ms=2&on=pool" || true
        curl -s -o /dev/null "$one/json#[1-10]" || true
    done
done >/dev/null &
pids+=($!)

ask() { # query
    curl -sG --data-urlencode "query=$1" "http://127.0.0.1:$port/api/v1/query"
}
rows() { # query: how many series have a value that is a number
    ask "$1" | jq '[.data.result[]? | select(.value[1] != "NaN")] | length'
}
answers() { [ "$(rows "$1")" -gt 0 ]; }

await 30 answers 'rate(quintain_requests_total{status="500"}[5s]) > 0' || { echo "Prometheus has seen no load" >&2; exit 1; }
asked=0 failed=0
while IFS= read -r written; do
    query=${written//\$instance/.*}
    query=${query//\$route/.*}
    query=${query//\$__rate_interval/5s}
    asked=$((asked + 1))
    await 20 answers "$query" || { echo "no answer: $written"; ask "$query"; failed=$((failed + 1)); }
done < <(jq -r '.panels[].targets[]?.expr' docker/grafana/dashboard.json)
while IFS= read -r variable; do
    asked=$((asked + 1))
    # label_values(METRIC, LABEL)
    metric=$(sed 's/label_values(\(.*\), .*)/\1/' <<<"$variable") label=$(sed 's/.*, \(.*\))/\1/' <<<"$variable")
    await 20 answers "count by ($label) ($metric{$label!=\"\"})" || { echo "no answer: $variable"; failed=$((failed + 1)); }
done < <(jq -r '.templating.list[].query | objects | .query' docker/grafana/dashboard.json)

# What the dashboard's own query says of 20 ms: over both targets and all their workers it lies in that bucket.
quantile=$(jq -r '[.panels[].targets[]?.expr | select(test("^histogram_quantile\\(0.5.*request_duration"))][0]' docker/grafana/dashboard.json)
quantile=${quantile//\$instance/.*} quantile=${quantile//\$route//io} quantile=${quantile//\$__rate_interval/5s}
median_of_io=$(ask "$quantile" | jq -r '.data.result[0].value[1]')
awk -v value="$median_of_io" 'BEGIN { exit !(value >= 0.01 && value <= 0.05) }' ||
    { echo "the median of /io?ms=20 is $median_of_io s by: $quantile"; failed=$((failed + 1)); }
! answers 'rate(quintain_no_such_total[5s])' || { echo "a query of nothing has an answer"; failed=$((failed + 1)); }
echo "$((asked - failed)) of $asked queries have an answer; the median of /io?ms=20 is $median_of_io s"
[ "$failed" = 0 ]
