#!/usr/bin/env bash
# Puts load generators where `quintain compare` finds them, below target/tools: oha, Locust, loadtest and
# autocannon; and wrk, ab, hey and h2load from Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<<"words oha|locust|wrk|loadtest|autocannon|ab|hey|h2load=all  which"

for one in "${words[@]}"; do
    case $one in
        oha) with_oha ;;
        locust) with_locust ;;
        loadtest | autocannon) with_npm ;;
        wrk | hey) need "$one" ;;
        ab) need ab=apache2-utils ;;
        h2load) need h2load=nghttp2-client ;;
    esac
done
