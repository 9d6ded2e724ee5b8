#!/usr/bin/env bash
# Faults of the machine, each one real: what was promised for it, and what was seen.
#
# Without names, every drill. The exit code is 1 when a promise was not kept.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
words full-disk|deleted|read-only|torn-row|descriptors|memory|clock|seat|stopped|killed-worker|killed-observer|killed-supervisor=all  which
--binary
TABLE
need curl jq python3 prlimit=util-linux
program

# What each drill leaves: figures, and what they should have been.
seen="" broken=""
saw() { # figure...
    local one
    for one in "$@"; do seen+="${seen:+, }$one"; done
}
must() { # what it means, condition...
    local meaning=$1
    shift
    "$@" >/dev/null 2>&1 || broken+="${broken:+; }$meaning"
}

answers() { # count when
    local answered
    answered=$(good "$url" "$1")
    saw "$answered of $1 answered $2"
    must "requests failed $2" [ "$answered" = "$1" ]
}
said() { grep -q "$1" "$work/$name.err"; }
event() { grep -q ",$1," "$run/events.csv"; }
child() { # comm
    local one
    for one in $(tree "$pid"); do if [ "$(<"/proc/$one/comm")" = "$1" ]; then echo "$one"; fi; done
}
worker() { stats ".workers[$1].pid"; }
rows() { wc -l <"$run/resources.csv"; }
more_rows() { # how many more
    local wanted=$(($(rows) + $1))
    await 20 eval "[ \$(rows) -ge $wanted ]"
}

# Each interval begins where the row before ended, every row has all cells, and sums never fall.
whole() {
    awk -F, '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; cells = NF; next }
        NF != cells { exit 1 }
        NR > 2 { gap = $at["elapsed_s"] - before - $at["interval_s"]; if (gap > 1e-5 || gap < -1e-5) exit 1
                 if ($at["requests_total"] < sum || $at["lost_total"] < lost) exit 1 }
        { before = $at["elapsed_s"]; sum = $at["requests_total"]; lost = $at["lost_total"] }' "$run/resources.csv"
}
# The end, and what the files say then.
closes() {
    local gaps
    gaps=$(sed -n 's/.*resources.csv could not be written: rows missing: \([0-9]*\), written late: \([0-9]*\).*/\1 rows missing, \2 late/p' "$run/events.csv")
    [ -z "$gaps" ] || saw "${gaps//$'\n'/, }"
    must "a row is torn, or a sum fell" whole
    end "$pid"
    must "exit code $code" [ "$code" = 0 ]
    must "something panicked" eval '! said panicked'
}
complained_once() {
    local times
    times=$(grep -c "can't be written" "$work/$name.err" || true)
    saw "said $times time"
    must "not said once" [ "$times" = 1 ]
}
can_be_written_again() { must "no gap row" await 20 event gap; }

fast=(--mode cluster --workers 2 --sample-interval 50ms)

full-disk() {
    promise="goes on, says so once, writes the rows when it can"
    mkdir "$work/disk"
    # shellcheck disable=SC2016 # For the inner shell.
    under=(unshare --map-root-user --mount sh -c 'mount -t tmpfs -o size=64k none "$0" && exec "$@"' "$work/disk")
    directory=$work/disk/run start "$name" "${fast[@]}" || return
    run=/proc/$pid/root$work/disk/run
    head -c 1M /dev/zero 2>/dev/null >"$run/../ballast" || true
    must "not said" await 20 said "can't be written: No space left"
    answers 500 "on a full disk"
    sleep 1
    rm "$run/../ballast"
    can_be_written_again
    closes_in_namespace
    complained_once
}
# The directory is gone with the process: look first.
closes_in_namespace() {
    cp -r "$run" "$work/copy"
    run=$work/copy
    closes
}

deleted() {
    promise="the files are made anew, and a gap row says so"
    start "$name" "${fast[@]}" || return
    more_rows 3
    rm -r "$run"
    must "no files" await 20 test -s "$run/resources.csv" -a -s "$run/events.csv" -a -s "$run/run.json"
    answers 500 "then"
    more_rows 5
    saw "$(rows) rows in the new file"
    must "no gap row" await 5 event gap
    closes
}

read-only() {
    promise="goes on, says so once, writes the rows when it can"
    mkdir "$work/place"
    # Nothing is read-only for root.
    if [ "$(id -u)" = 0 ]; then
        chown 65534:65534 "$work/place"
        under=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    fi
    directory=$work/place/run start "$name" "${fast[@]}" || return
    more_rows 3
    chmod a-w "$run" "$run"/*
    # What is open can be written on: the next observer has to open it again.
    kill -9 "$(child observer)"
    must "not said" await 20 said "can't be written: Permission denied"
    answers 500 "meanwhile"
    sleep 1
    chmod u+w "$run" "$run"/*
    can_be_written_again
    complained_once
    closes
}

torn-row() {
    promise="the next observer cuts it off; nothing else is lost"
    start "$name" "${fast[@]}" || return
    more_rows 5
    local before observer
    kill -STOP "$pid"
    observer=$(child observer)
    kill -9 "$observer"
    await 5 grep -q ') Z ' "/proc/$observer/stat"
    before=$(rows)
    truncate -s -40 "$run/resources.csv"
    saw "row $((before - 1)) torn: $(rows) whole lines of $before"
    kill -CONT "$pid"
    must "no observer-respawn" await 20 event observer-respawn
    more_rows 3
    answers 200 "then"
    local lost
    # The one interval that two rows shared is the torn one's.
    lost=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; cells = NF; next } NF != cells { bad++ }
        NR > 2 && $at["elapsed_s"] - before - $at["interval_s"] > 1e-5 { lost++ } { before = $at["elapsed_s"] }
        END { print bad + 0, lost + 0 }' "$run/resources.csv")
    saw "torn rows left ${lost% *}, intervals lost ${lost#* }"
    must "a torn row was left" [ "${lost% *}" = 0 ]
    must "more than one row was lost" [ "${lost#* }" -le 1 ]
    end "$pid"
    must "exit code $code" [ "$code" = 0 ]
}

descriptors() {
    promise="what can't be accepted waits, cheaply; then it is served"
    under=(prlimit --nofile=64:64)
    start "$name" --mode cluster --workers 1 --sample-interval 50ms || return
    local before used client open
    python3 scripts/clients.py queue "$url" 200 2 >"$work/$name.clients" &
    client=$!
    must "not said" await 10 said "accepting pauses"
    before=$(cpu "$pid")
    sleep 1
    used=$((($(cpu "$pid") - before) / 1000000)) open=$(stats '.workers[0].connections')
    wait "$client"
    saw "$open of 200 open" "$used ms CPU in 1 s of waiting" "said $(grep -c 'accepting pauses' "$work/$name.err") time"
    saw "$(<"$work/$name.clients") of 200 answered in the end"
    must "waiting cost $used ms" [ "$used" -lt 300 ]
    must "not all were answered" [ "$(<"$work/$name.clients")" = 200 ]
    closes
}

memory() {
    promise="no memory to start: a sentence; a role that gets none is replaced"
    local refused=0 sentence supervisor observer first
    sentence=$(prlimit --as=100000000 "$work/quintain" --mode cluster --listen 127.0.0.1:0 --admin off --no-csv 2>&1) || refused=$?
    saw "at start exit $refused"
    must "no sentence at start: $sentence" grep -q 'no memory for --max-workers' <<<"$sentence"
    start "$name" "${fast[@]}" || return
    supervisor=$pid observer=$(child observer) first=$(worker 0)
    # No page more than it has.
    prlimit --pid "$first" --as="$(size "$first")"
    python3 scripts/clients.py hold "$url" 4000 </dev/null >/dev/null 2>&1 || true
    must "worker not replaced" await 20 eval '[ "$(worker 0)" != '"$first"' ] && [ "$(stats ".workers[0].state")" = live ]'
    saw "worker: $(sed -n 's/.*,worker-ended,0,1,[0-9]*,"\{0,1\}\([^,]*\),.*/\1/p' "$run/events.csv")"
    must "supervisor or observer died with it" [ "$(child observer)" = "$observer" ]
    answers 500 "then"
    prlimit --pid "$observer" --as="$(size "$observer")"
    python3 scripts/clients.py hold "$admin" 2000 </dev/null >/dev/null 2>&1 || true
    must "observer not replaced" await 20 event observer-respawn
    must "no /stats" await 20 stats .totals.started
    saw "observer replaced"
    answers 500 "then"
    more_rows 3
    pid=$supervisor
    closes
}
size() { awk '{ print $1 * 4096 }' "/proc/$1/statm"; }

clock() {
    promise="rows keep their intervals; queue is never the step"
    local library
    library=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -1)
    if [ -z "$library" ]; then
        install_packages libfaketime
        library=$(find /usr/lib -name libfaketimeMT.so.1 | head -1)
    fi
    echo +0 >"$work/time"
    under=(env LD_PRELOAD="$library" FAKETIME_TIMESTAMP_FILE="$work/time" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1)
    start "$name" "${fast[@]}" || return
    more_rows 3
    local step queue
    for step in +1h -1d; do
        echo "$step" >"$work/time"
        more_rows 5
        answers 200 "after $step"
        queue=$(curl -si "$url/io?ms=1" | sed -n 's/.*queue;dur=\([0-9]*\).*/\1/p')
        must "queue $queue ms after $step" [ "${queue:-0}" -lt 1000 ]
    done
    local jumps
    jumps=$(column epoch_ms "$run/resources.csv" | awk 'NR > 1 { step = $1 - before; if (step > 60000 || step < -60000) printf "%s%+.0f s", jumps++ ? " and " : "", step / 1000 } { before = $1 }')
    saw "ts_utc stepped by $jumps" "longest interval $(column interval_s "$run/resources.csv" | sort -n | tail -1) s"
    must "the clock did not step" [ "$(wc -w <<<"$jumps")" -ge 5 ]
    closes
}

seat() {
    promise="ends nobody but its worker; the row is marked, sums never fall"
    start "$name" "${fast[@]}" || return
    local supervisor=$pid observer before
    observer=$(child observer)
    answers 1000 "before"
    before=$(stats .totals.finished)
    more_rows 3
    saw "$(python3 scripts/clients.py garbage "$(worker 0)") bytes of garbage"
    must "no mark" await 20 event implausible
    saw "$(grep -c ,implausible, "$run/events.csv") marks"
    more_rows 5
    answers 500 "then"
    kill -9 "$(worker 0)"
    must "no worker after it" await 20 eval '[ "$(stats ".workers[0].generation")" = 2 ]'
    answers 500 "after its worker was replaced"
    must "supervisor or observer died" [ "$(child observer)" = "$observer" -a "$pid" = "$supervisor" ]
    more_rows 3
    local told
    told=$(column requests_total "$run/resources.csv" | tail -1)
    saw "requests_total $told of $((before + 1000))"
    must "a sum grew by garbage" [ "$told" -le $((before + 1000)) ]
    closes
}

stopped() {
    promise="shown as stale, kills nobody; the others serve, and it goes on"
    start "$name" "${fast[@]}" || return
    local first answered=0 try age
    first=$(worker 0)
    kill -STOP "$first"
    for try in $(seq 20); do
        if curl -s --max-time 0.2 -o /dev/null "$url/health"; then answered=$((answered + 1)); fi
    done
    age=$(stats '.workers[0].beat_age_ms')
    saw "beat $age ms old" "$answered of 20 connections went to the other and were answered"
    must "not shown as stale" [ "$age" -gt 1000 ]
    must "nobody served" [ "$answered" -gt 0 ]
    kill -CONT "$first"
    await 10 eval '[ "$(stats ".workers[0].beat_age_ms")" -lt 500 ]'
    answers 500 "then"
    must "it was replaced" [ "$(worker 0)" = "$first" ]
    must "requests lost" [ "$(stats .totals.lost)" = 0 ]
    closes
}

killed-worker() {
    promise="replaced; what it had in flight is lost and counted, no more"
    start "$name" "${fast[@]}" || return
    local first began i
    for i in $(seq 20); do curl -s --max-time 3 -o /dev/null "$url/io?ms=1000" & done
    await 10 eval '[ "$(stats .totals.in_flight)" = 20 ]'
    first=$(worker 0)
    local held
    held=$(stats '.workers[0].in_flight')
    kill -9 "$first"
    began=$(now_ms)
    await 20 eval '[ "$(stats ".workers[0].generation")" = 2 ] && [ "$(stats ".workers[0].state")" = live ]' || true
    saw "live again in $(($(now_ms) - began)) ms"
    answers 500 "then"
    await 10 eval '[ "$(stats .totals.in_flight)" = 0 ]' || true
    saw "lost $(stats .totals.lost) of $held in flight"
    must "lost not counted" [ "$(stats .totals.lost)" = "$held" ]
    must "the account" [ "$(stats '.totals.started - .totals.finished - .totals.lost')" = 0 ]
    closes
}

killed-observer() {
    promise="back within 2 s, in the same files; requests never notice"
    start "$name" "${fast[@]}" || return
    local began
    more_rows 3
    kill -9 "$(child observer)"
    began=$(now_ms)
    answers 500 "without one"
    must "no observer" await 20 event observer-respawn
    saw "back in $(($(now_ms) - began)) ms"
    must "later than 2 s" [ $(($(now_ms) - began)) -lt 2000 ]
    more_rows 3
    closes
}

killed-supervisor() {
    promise="nobody outlives it; the port is free, the files end in whole rows"
    start "$name" "${fast[@]}" || return
    local began all address=${url#http://} one
    more_rows 3
    all=$(tree "$pid")
    kill -9 "$pid"
    began=$(now_ms)
    wait "$pid" 2>/dev/null || true
    gone() { for one in $all; do [ ! -d "/proc/$one" ] || grep -q '^State:.Z' "/proc/$one/status" || return 1; done; }
    must "something outlives it" await 10 gone
    saw "$(wc -w <<<"$all") processes gone in $(($(now_ms) - began)) ms"
    must "a torn row" whole
    listen=$address start "$name-again" "${fast[@]}" || return
    saw "the port is taken again"
    answers 200 "there"
    end "$pid"
}

failed=0 count=0
printf '%s%-18s %-66s %-8s %s%s\n' "$bold" drill promise "" seen "$plain"
for name in "${words[@]}"; do
    bar "$count" "${#words[@]}" "$name"
    under=() seen="" broken="" promise="" pid=
    "$name" || broken+="${broken:+; }the drill itself ended early"
    progress ""
    if [ -z "$broken" ]; then verdict="${green}ok${plain}      "; else verdict="${red}FAILED${plain}  " failed=1; fi
    printf '%-18s %-66s %s %s%s\n' "$name" "$promise" "$verdict" "$seen" "${broken:+${red} — $broken${plain}}"
    if [ -n "$pid" ]; then
        kill -CONT "$pid" 2>/dev/null || true
        kill "$pid" 2>/dev/null || true
    fi
    count=$((count + 1))
done
exit $failed
