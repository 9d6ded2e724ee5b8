#!/usr/bin/env bash
# Starts a PostgreSQL of its own on a free port of 127.0.0.1, says its URL on the first line of stdout, and ends with whoever
# reads from it: when stdin closes, or by TERM or INT. Its data directory goes with it. Debian's packages have the server:
# apt-get install postgresql
#
#   scripts/postgres.sh [SETTING=VALUE…]         such as max_connections=20
#
# On stdin it takes `stop`, `start`, `hang` (SIGSTOP to all of its processes) and `continue`, and answers each with `done`.
set -euo pipefail

bin=${POSTGRES_BIN:-}
if [ -z "$bin" ]; then
    for found in /usr/lib/postgresql/*/bin; do
        [ -x "$found/initdb" ] && bin=$found
    done
fi
if [ -z "$bin" ]; then
    echo "no PostgreSQL server is installed: apt-get install postgresql, or name its programs' directory in POSTGRES_BIN" >&2
    exit 69
fi

# The server refuses to run as root: then it runs as nobody.
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$@"; else "$@"; fi; }

directory=$(mktemp -d)
data=$directory/data
end() {
    trap - EXIT
    if [ -s "$data/postmaster.pid" ]; then
        server=$(head -n 1 "$data/postmaster.pid")
        signal_all CONT "$server" || true
        as "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$directory"
}
# The server and its children, which are sessions of their own.
signal_all() { # signal server
    kill -s "$1" "$2" 2>/dev/null || return 0
    for child in $(cat /proc/"$2"/task/*/children 2>/dev/null); do kill -s "$1" "$child" 2>/dev/null || true; done
}
trap end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
[ "$(id -u)" = 0 ] && chown nobody:nogroup "$directory"
chmod 700 "$directory"

password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$directory/password"
[ "$(id -u)" = 0 ] && chown nobody:nogroup "$directory/password"
cd "$directory"
as "$bin/initdb" -D "$data" -U quintain --auth=scram-sha-256 --pwfile="$directory/password" --no-sync -E UTF8 --locale=C \
    >"$directory/initdb.log" 2>&1 || { cat "$directory/initdb.log" >&2; exit 1; }
{
    echo "listen_addresses = '127.0.0.1'"
    echo "unix_socket_directories = ''"
    # A machine that is thrown away loses nothing.
    echo "fsync = off"
    for setting in "$@"; do echo "${setting%%=*} = '${setting#*=}'"; done
} >>"$data/postgresql.conf"

start() {
    as "$bin/pg_ctl" -D "$data" -o "-p $port" -l "$directory/log" -w -t 60 start >/dev/null 2>&1
}
# Another program may be faster on a port that was free a moment ago.
for attempt in 1 2 3 4 5; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if start; then break; fi
    if [ "$attempt" = 5 ]; then cat "$directory/log" >&2; exit 1; fi
done
echo "postgresql://quintain:$password@127.0.0.1:$port/postgres"

while read -r order; do
    server=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || true)
    case $order in
        stop) as "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 ;;
        start) start ;;
        hang) signal_all STOP "$server" ;;
        continue) signal_all CONT "$server" ;;
        *) echo "unknown order: $order" >&2; exit 64 ;;
    esac
    echo done
done
