#!/usr/bin/env bash
# What a report of a long run costs: time, memory and size of the page.
#
# A cluster of two is loaded for some seconds, with a mark, a fault plan and a killed worker; its rows are then repeated, with
# their times carried on, until resources.csv has a million (and workers.csv and routes.csv two). The figures are medians.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
--rows N=1000000  of resources.csv
--rounds N=5  how often a report is made
--binary
--json
TABLE

need wrk curl jq python3 /usr/bin/time=time
program

progress "a run to repeat"
start run --mode cluster --workers 2 --sample-interval 200ms
curl -sf -o /dev/null "$admin/marks" -d '{"phase":"measure"}'
curl -sf -o /dev/null -X PUT "$admin/faults" -d '{"faults": [{"kinds": [{"kind": "status", "code": 503, "rate": 0.01}]}]}'
wrk -t1 -c20 -d3 "$url/io?ms=5" >/dev/null &
wrk -t1 -c4 -d3 "$url/cpu?ms=1" >/dev/null
kill -KILL "$(stats '.workers[1].pid')"
await 5 test "$(stats '.workers[1].generation')" = 2
end "$pid"

progress "$rows rows"
python3 - "$run" "$work/long" "$rows" <<'PYTHON'
import csv, os, shutil, sys
source, long, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
shutil.copytree(source, long)
for name in ("resources.csv", "workers.csv", "routes.csv"):
    with open(f"{source}/{name}", newline="") as file:
        header, *rows = csv.reader(file)
    at = {column: place for place, column in enumerate(header)}
    ticks = {}
    for row in rows:
        ticks.setdefault(row[at["elapsed_s"]], []).append(row)
    most = max(map(len, ticks.values()))
    ticks = [tick for tick in ticks.values() if len(tick) == most and tick[0][at["phase"]] == "measure"]
    begin = int(rows[0][at["epoch_ms"]])
    with open(f"{long}/{name}", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for number in range(count):
            for row in ticks[number % len(ticks)]:
                row[at["elapsed_s"]] = f"{number + 0.003:.6f}"
                row[at["interval_s"]] = "1.000000" if number else ""
                row[at["epoch_ms"]] = str(begin + number * 1000)
                row[at["requests_total"]] = str(number * 1000)
                writer.writerow(row)
PYTHON
progress ""

# Seconds, kilobytes and the page's bytes, of one report.
one() { # directory
    /usr/bin/time -o "$work/cost" -f '%e %M' "$work/quintain" report "$1" >/dev/null 2>&1
    echo "$(<"$work/cost") $(stat -c %s "$1/report.html")"
}

mkdir "$work/alone"
cp "$work/long/"{run.json,resources.csv} "$work/alone"
table
for directory in alone long; do
    for ((round = 1; round <= rounds; round++)); do
        bar "$round" "$rounds" "$directory"
        one "$work/$directory"
    done >"$work/figures"
    progress ""
    read -r seconds kilobytes size < <(for field in 1 2 3; do awk -v at=$field '{ print $at }' "$work/figures" | median; done | xargs)
    what=$([ "$directory" = alone ] && echo "resources.csv alone" || echo "all files of the run")
    figure "$what: MB read" "$(($(cat "$work/$directory"/*.csv | wc -c) / 1000000))" "" ""
    figure "  seconds" "$seconds" "≤ 5" "at_most $seconds 5"
    figure "  MB of memory" "$((kilobytes / 1000))" "≤ 500" "at_most $kilobytes 500000"
    figure "  MB of HTML" "$(ratio "$size" 1000000)" "≤ 3" "at_most $size 3000000"
done
exit $missed
