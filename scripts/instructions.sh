#!/usr/bin/env bash
# What a request costs in user instructions and allocations, counted by valgrind: the same on a busy machine as on a quiet
# one, but for a few in a hundred. What the kernel does is not in it.
#
# One connection asks for each path, one request after the other and with no header but Host: 300 times for a warm-up, then
# --requests times while the instructions of the worker's thread are counted. Of each function that --profile prints:
# instructions a request of its own, with all that it calls, and calls.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

options "$@" <<'TABLE'
words /PATH  what is asked for
--requests N=1000  how often each is asked for
--profile N  also print the N functions that take the most
--binary
--json
TABLE
need valgrind curl python3
program

# valgrind shows a program an auxiliary vector of its own, but for prctl(PR_GET_AUXV), which it lets through: the addresses
# that the kernel then tells are not the program's. So that call fails here, as it does before Linux 6.4.
cat >"$work/without-auxv.py" <<'PYTHON'
import ctypes, os, platform, struct, sys
call = {"x86_64": 157, "aarch64": 167}[platform.machine()]
rules = b"".join(struct.pack("HBBI", *rule) for rule in [
    (0x20, 0, 0, 0), (0x15, 0, 3, call), (0x20, 0, 0, 16), (0x15, 0, 1, 0x41555856), (0x06, 0, 0, 0x50016), (0x06, 0, 0, 0x7FFF0000),
])
kept = ctypes.create_string_buffer(rules)
filter = struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(kept))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter, 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
PYTHON

# Sums up the worker's thread, which is the second, in one of the dumps. Names stand in the dump where they come first.
cat >"$work/sum.py" <<'PYTHON'
import collections, re, sys
dumps, part, requests, top = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
names, own, whole, calls = {}, *(collections.Counter() for _ in range(3))
for number in range(1, part + 1):
    for thread in (1, 2, 3):
        for line in open(f"{dumps}.{number}-{thread:02}", errors="replace"):
            if found := re.match(r"c?fn=\((\d+)\) (.*)", line):
                names[found[1]] = found[2]
called = False
for line in open(f"{dumps}.{part}-02", errors="replace"):
    if found := re.match(r"(c?)fn=\((\d+)\)", line):
        if found[1]:
            callee = found[2]
        else:
            function = found[2]
    elif line.startswith("calls="):
        calls[callee] += int(line[6:].split()[0])
        called = True
    elif found := re.match(r"[-+*\d]\S* (\d+)", line):
        if called:
            whole[callee] += int(found[1])
        else:
            own[function] += int(found[1])
        called = False
allocations = sum(count for key, count in calls.items() if names.get(key) in ("malloc", "calloc", "realloc", "posix_memalign"))
print(f"{sum(own.values()) / requests:.0f} {allocations / requests:.2f}")
for key, count in own.most_common(top):
    print(f"  {count / requests:7.0f} {whole[key] / requests:7.0f} {calls[key] / requests:6.2f}  {names.get(key, key)[:150]}")
PYTHON

under=(python3 "$work/without-auxv.py" valgrind --quiet --tool=callgrind --separate-threads=yes "--callgrind-out-file=$work/dump")
at_admin=off start counted --mode single

dumped=0
dump() {
    dumped=$((dumped + 1))
    callgrind_control --dump "$pid" >/dev/null 2>&1
    await 60 test -s "$work/dump.$dumped-03"
}
ask() { # path count
    local one arguments=()
    for ((one = 0; one < $2; one++)); do arguments+=("$url$1" --output /dev/null); done
    curl --silent --header User-Agent: --header Accept: "${arguments[@]}"
}
table "a request for:-40" instructions:12 allocations:12
for path in "${words[@]}"; do
    progress "$path"
    ask "$path" 300
    dump
    ask "$path" "$requests"
    dump
    python3 "$work/sum.py" "$work/dump" "$dumped" "$requests" "${profile:-0}" >"$work/summed"
    read -r instructions allocations <"$work/summed"
    progress ""
    row "$path" "$instructions" "$allocations"
    [ -n "$json" ] || sed 1d "$work/summed"
done
