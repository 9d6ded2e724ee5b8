#!/usr/bin/env bash
# The [load] of each built-in profile, one that uploads and one with a login, shortened and run by a real Locust: does every
# request of it arrive, and does the target agree with Locust's account? Within two minutes.
#
# A load of so many requests must come to exactly these; one of stages must have all its users.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
--binary
--json
TABLE
need curl jq
with_locust
program
export PATH=$work:$PATH
cd "$work"

# Fewer requests, shorter stages, and less arithmetic, so that a debug build can be tried, too.
shortened() { # name
    quintain profiles "$1" | sed -E '
        s/^requests = 10_000/requests = 1_000/
        s/duration = "[0-9]+m"/duration = "12s"/
        s/spawn_rate = (2|5|10),/spawn_rate = 50,/
        s/iterations = [0-9_]+/iterations = 5_000/'
}
cat >upload.toml <<'TOML'
[load]
requests = 500
concurrency = 20

[[route]]
method = "POST"
path = "/images/{id}"
request = { size = 300_000 }

[[route]]
method = "PATCH"
path = "/images"
weight = 0.5
TOML
# The login's answer has `"iterations": 1234`, so that each path after it is /carts/1234, which no random number is.
cat >login.toml <<'TOML'
[load]
requests = 500
concurrency = 20
login = "POST /login"

[[route]]
method = "POST"
path = "/login"
weight = 0
steps = [ { cpu = { iterations = 1234 } } ]

[[route]]
path = "/carts/{iterations}"
response = { size = 1 }

[[route]]
path = "/carts/1234"
weight = 0
response = { size = 1 }
TOML

is() { [ "$1" = "$2" ]; }
table
for name in $(quintain profiles | awk '$1 != "default" { print $1 }') upload login; do
    [ "$name" = upload ] || [ "$name" = login ] || shortened "$name" >"$name.toml"
    progress "$name"
    mkdir "$name.load"
    quintain profiles "$name.toml" --locustfile >"$name.load/locustfile.py"
    # Two failures of 1,000 are a part of `baseline`, and no failure of Locust's.
    quintain --profile "$name.toml" --listen 127.0.0.1:0 --admin 127.0.0.1:0 --run-dir "$name" --sample-interval 200ms --quiet --log error --while \
        "cd $name.load && locust --headless --stop-timeout 10 --exit-code-on-error 0 --host {url} --csv locust >locust.out 2>&1 && curl -s {admin}/stats >stats.json" >"$name.done" ||
        { cat "$name.done" "$name.load/locust.out" >&2; exit 1; }
    quintain verify "$name" "$name.load/locust_stats.csv" --format json >"$name.json" || true
    progress ""

    sent=$(sed -n 's/^done requests=\([0-9]*\) .*/\1/p' "$name.done")
    gone=$(sed -n 's/^done .* client_gone=\([0-9]*\) .*/\1/p' "$name.done")
    wanted=$(sed -n 's/^REQUESTS = //p' "$name.load/locustfile.py")
    if [ "$wanted" = None ]; then
        users=$(sed -n 's/^STAGES = \[\(.*\)\]/\1/p' "$name.load/locustfile.py" | tr -d '() ' | awk -F, '{ for (i = 1; i <= NF; i += 3) if ($i > most) most = $i; print most }')
        # awk knows the columns by their names.
        figure "$name: users at most" "$(column "User Count" "$name.load/locust_stats_history.csv" | sort -n | tail -1)" "$users" \
            "is '$(column "User Count" "$name.load/locust_stats_history.csv" | sort -n | tail -1)' $users"
    else
        [ "$name" != login ] || wanted=$((wanted + 20))
        figure "$name: requests" "$sent" "$wanted" "is '$sent' $wanted"
        figure "  given up by the client" "$gone" 0 "is '$gone' 0"
    fi
    # Where others keep the machine busy is true of the machine, and nothing about the load.
    for check in requests failures status bytes percentiles; do
        verdicts=$(jq -r --arg check "$check" '[.checks[] | select(.check == $check) | .verdict] | unique | join(" ")' "$name.json")
        [ -z "$verdicts" ] || figure "  $check" "$verdicts" agrees "is '$verdicts' agrees"
    done
done
# Heads count, too: a few hundred bytes each.
bytes=$(jq .totals.bytes_in upload.load/stats.json)
sent=$(jq '[.routes[] | .finished * (if .method == "POST" then 300000 else 64 end)] | add' upload.load/stats.json)
figure "upload: bytes in, beside bodies" $((bytes - sent)) "500 heads" "[ $((bytes - sent)) -gt 0 ] && [ $((bytes - sent)) -lt 250000 ]"
carts=$(jq '[.routes[] | select(.route == "/carts/1234") | .finished] | add' login.load/stats.json)
figure "login: requests to the cart of the login" "$carts" 500 "is $carts 500"
exit $missed
