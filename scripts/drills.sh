#!/usr/bin/env bash
# Faults of the machine, each one real: what is promised for it, and whether the tests saw it kept. Exit code 1: it was not.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
words full-disk|deleted|read-only|torn-row|descriptors|memory|clock|seat|stopped|killed-worker|killed-observer|killed-supervisor=all  which
--json
TABLE
[ -n "$(compgen -G '/usr/lib/*/faketime')" ] || install_packages libfaketime

declare -A tests promises
drill() { tests[$1]=$2 promises[$1]=$3; } # name test promise
drill full-disk unwritable_files::a_full_disk "goes on, says so once, writes the rows when it can"
drill deleted unwritable_files::a_deleted_directory "the files are made anew, and a gap row says so"
drill read-only unwritable_files::what_becomes_read_only "goes on, says so once, writes the rows when it can"
drill torn-row observer_death::a_torn_row "the next observer cuts it off; nothing else is lost"
drill descriptors descriptors::out_of_descriptors "what can't be accepted waits, cheaply; then it is served"
drill memory memory_refused:: "no memory to start: a sentence; a role that gets none is replaced"
drill clock clock_step:: "rows keep their intervals; queue is never the step"
drill seat broken_seat:: "ends nobody but its worker; the row is marked, sums never fall"
drill stopped stopped_worker:: "shown as stale, kills nobody; the others serve, and it goes on"
drill killed-worker killed_worker:: "replaced; what it had in flight is lost and counted, no more"
drill killed-observer observer_death::its_successor "back within 2 s, in the same files; requests never notice"
drill killed-supervisor parent_death:: "nobody outlives it; the port is free, the files end in whole rows"

filters=()
for name in "${words[@]}"; do filters+=("${tests[$name]}"); done
FAKETIME_NEEDED=1 cargo test --release --locked --test it -- "${filters[@]}" >"$work/said" 2>&1 || missed=1
table drill:-18 promise:-66 tests:5 verdict:-7
for name in "${words[@]}"; do
    kept=$(grep -c "^test ${tests[$name]}.* ok$" "$work/said" || true)
    broken=$(grep -c "^test ${tests[$name]}.* FAILED$" "$work/said" || true)
    if [ "$kept" -gt 0 ] && [ "$broken" = 0 ]; then verdict=${green}kept$plain; else verdict=${red}FAILED$plain missed=1; fi
    row "$name" "${promises[$name]}" "$((kept + broken))" "$verdict"
done
[ "$missed" = 0 ] || cat "$work/said" >&2
exit $missed
