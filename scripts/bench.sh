#!/usr/bin/env bash
# Another name of scripts/bench, which says what there is to measure.
exec "$(dirname "$0")/bench" "$@"
