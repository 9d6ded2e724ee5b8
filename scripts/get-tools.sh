#!/usr/bin/env bash
# Puts load generators where `quintain compare` finds them, below target/tools: oha, Locust; and wrk from Debian.
# usage: scripts/get-tools.sh [oha] [locust] [wrk]     all of them, unless some are named
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

for tool in "${@:-oha locust wrk}"; do
    for one in $tool; do
        case $one in
            oha) with_oha ;;
            locust) with_locust ;;
            wrk) need wrk ;;
            *) echo "get-tools.sh: there is no tool $one; there are oha, locust and wrk" >&2; exit 2 ;;
        esac
    done
done
