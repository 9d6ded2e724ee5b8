#!/usr/bin/env bash
# Does `quintain compare` tell the truth on this machine? Of comparisons of equal arms at most 1 in 20 may call them different;
# of comparisons of /cpu with 5 % more iterations at least 9 in 10 must find it. Within 15 minutes, on a machine that does
# nothing else.
#
# A round loads each arm for 0.6 s. A comparison ends as it does for a user, at the first look that decides, or after 27 s.
# runs/compare-truth/results.jsonl has a line of JSON for each.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" <<'TABLE'
--equal N=20  comparisons of equal arms
--changed N=10  comparisons with more iterations
--binary
--json
TABLE
need curl jq hey
program
place=$PWD/runs/compare-truth
rm -rf "$place"
mkdir -p "$place"

# One comparison; its line goes to results.jsonl and to the screen. A load knows its arm by the name of the instance.
one() { # kind number iterations_of_b
    local begun=$SECONDS load="if curl -s {admin}/stats | grep -q '\"instance\":\"b\"'; then iterations=$3; else iterations=1000000; fi
        exec hey -z 600ms -c 4 '{url}/cpu?iterations='\$iterations"
    progress "$1 $2"
    "$work/quintain" compare --a instance=a --b instance=b --load "$load" --seed "$2" --time-limit 27s \
        --output "$place/$1-$2" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
    progress ""
    IFS=$'\t' read -ra figures < <(jq -c --arg kind "$1" --argjson number "$2" --argjson seconds $((SECONDS - begun)) '
        def pct: (. | exp - 1) * 100000 | round / 1000;
        .rows.requests_per_s as $row
        | {$kind, $number, verdict, pairs: $row.pairs, change_pct: ([$row.estimate | values | pct] | first), interval_pct: [$row.interval // [] | .[] | pct],
           objections: [.objections[].what], $seconds}' "$place/$1-$2/results.json" | tee -a "$place/results.jsonl" |
        jq -r '[.kind, .number, .verdict, .pairs // 0, .change_pct // "–", (.interval_pct | join(" to ") | if . == "" then "–" else . end), .seconds] | @tsv')
    row "${figures[@]}"
}
table kind:-8 number:6 verdict:-14 pairs:5 "change %:9" "interval %:20" s:4
for ((number = 1; number <= equal; number++)); do one equal "$number" 1000000; done
for ((number = 1; number <= changed; number++)); do one changed "$number" 1050000; done

count() { jq -s --arg kind "$1" "[.[] | select(.kind == \$kind) | select($2)] | length" "$place/results.jsonl"; }
table
false=$(count equal '.verdict == "better" or .verdict == "worse"')
most=$((equal / 20 > 1 ? equal / 20 : 1))
figure "equal arms called different, of $equal" "$false" "at most $most" "at_most $false $most"
found=$(count changed '.verdict == "worse"')
least=$(((changed * 9 + 9) / 10))
figure "5 % more iterations found, of $changed" "$found" "at least $least" "at_least $found $least"
figure "comparisons without a verdict, for a reason" "$(($(count equal '.verdict == "refused"') + $(count changed '.verdict == "refused"')))" "" ""
exit $missed
