#!/usr/bin/env bash
# Puts load generators where `quintain compare` finds them, below target/tools: oha, Locust, loadtest and
# autocannon; and wrk, ab, hey and h2load from Debian.
# usage: scripts/get-tools.sh [oha] [locust] [wrk] [loadtest] [autocannon] [ab] [hey] [h2load]     all of them, unless some are named
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

for tool in "${@:-oha locust wrk loadtest ab hey h2load}"; do
    for one in $tool; do
        case $one in
            oha) with_oha ;;
            locust) with_locust ;;
            loadtest | autocannon) with_npm ;;
            wrk | hey) need "$one" ;;
            ab) need ab=apache2-utils ;;
            h2load) need h2load=nghttp2-client ;;
            *) echo "get-tools.sh: there is no tool $one; there are oha, locust, wrk, loadtest, autocannon, ab, hey and h2load" >&2; exit 2 ;;
        esac
    done
done
