# shellcheck shell=bash
# What the scripts share; each sources it from the repository's root. It holds no policy: starting, asking, reading, printing.

# What a script does not understand, in a sentence that says what it would.
refuse() { echo "${0##*/}: $*" >&2; exit 2; }

# Reads a script's arguments as the table on its stdin declares them, a line each: a name, what it takes, and after two spaces
# what it is for. A name with dashes is an option's; `word` or `words` is what has none. It takes N (a whole number from 1 on),
# PATH (one that exists), one of `a|b|c`, any TEXT, or nothing: then it is `yes` or empty. `=` and what it is otherwise may
# follow, `=all` for words of `a|b|c`; a word without that must be given. Each becomes a variable of its name, `words` an array. --help prints the script's
# leading comment and the table; everything else is refused.
words=()
options() { # argument... <table
    local line name value otherwise="" needed="" help="" known="" synopsis="scripts/${0##*/}"
    local -A takes=()
    while IFS= read -r line; do
        case $line in
            --binary) line="--binary PATH  the program under test, instead of a release build" ;;
            --json) line="--json  lines of JSON instead of a table" ;;
        esac
        read -r name value <<<"${line%%  *}"
        takes[$name]=${value%%=*} line=${line#*  }
        case $name=$value in
            --*) known+="$name, " synopsis+=" [$name${takes[$name]:+ ${takes[$name]}}]" ;;
            *=*=*) synopsis+=" [${takes[$name]}]" otherwise=${value#*=} ;;
            *) synopsis+=" ${takes[$name]}" needed=$name ;;
        esac
        case $value in *=?*) value=${value#*=} line+=" ($value)" ;; *) value="" ;; esac
        printf -v line '  %-22s %s\n' "$([[ $name != --* ]] || echo "$name ")${takes[$name]}" "$line"
        help+=$line name=${name#--}
        [ "$name" = words ] || declare -g "${name//-/_}=$value"
    done
    while [ $# -gt 0 ]; do
        name=$1 value=$1
        case $name in
            -h | --help)
                awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "scripts/${0##*/}"
                printf '\n  %s\n\n%s' "$synopsis" "$help"
                exit
                ;;
            -*)
                [ -v "takes[$name]" ] || refuse "there is no $name; known are ${known}--help"
                if [ -n "${takes[$name]}" ]; then value=${2-} && shift; else value=yes; fi
                ;;
            *)
                name=words
                [ -v "takes[words]" ] || name=word
                [ -v "takes[$name]" ] || refuse "nothing is taken that is called \"$value\"; --help says what there is"
                ;;
        esac
        case ${takes[$name]} in
            N) [[ $value =~ ^[1-9][0-9]*$ ]] || refuse "$name takes a whole number from 1 on, not \"$value\"" ;;
            PATH) [ -e "$value" ] && value=$(realpath "$value") || refuse "$name takes a path that exists, not \"$value\"" ;;
            *\|*) [[ "|${takes[$name]}|" == *"|$value|"* ]] || refuse "\"$value\" is none of ${takes[$name]//|/, }" ;;
            *) [ -n "$value" ] || refuse "$name takes a value" ;;
        esac
        case $name in
            words) words+=("$value") ;;
            word) word=$value && unset "takes[word]" ;;
            *) name=${name#--} && declare -g "${name//-/_}=$value" ;;
        esac
        [ $# -eq 0 ] || shift
    done
    [ -z "$needed" ] || [ -n "${word-}${words[*]}" ] || refuse "it takes ${takes[$needed]//|/, }"
    [ "$otherwise" != all ] || otherwise=${takes[words]//|/ }
    [ ${#words[@]} -gt 0 ] || read -ra words <<<"$otherwise"
    [ -z "${json-}" ] || { need jq && bold="" plain="" green="" red=""; }
}

bold="" plain="" green="" red=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m' green=$'\e[32m' red=$'\e[31m'; fi

# A line that the next one replaces; on a terminal only.
progress() { [ ! -t 2 ] || printf '\r\e[K%s' "$*" >&2; }

# The same with a bar.
bar() { # done total text
    local filled=$(($1 * 30 / $2)) drawn
    printf -v drawn '%*s' "$filled" ''
    progress "$(printf '[%-30s] %s' "${drawn// /#}" "$3")"
}

# Installs from Debian what is not there: a command, or command=package where they differ.
need() {
    local one missing=()
    for one in "$@"; do
        command -v "${one%%=*}" >/dev/null || missing+=("${one##*=}")
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}
install_packages() {
    echo "installing $*" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } >/dev/null </dev/null
}

# A browser, and what steers it: headless Chromium and playwright-core.
with_browser() {
    need jq chromium node=nodejs npm
    browser=$PWD/target/tools/playwright
    mkdir -p "$browser"
    [ "$(jq -r .version "$browser/node_modules/playwright-core/package.json" 2>/dev/null)" = 1.65.1 ] ||
        npm install --prefix "$browser" --no-save --no-audit --no-fund --loglevel error playwright-core@1.65.1 >/dev/null
}
steer() { # script argument...
    CHROMIUM=$(command -v chromium) NODE_PATH=$browser/node_modules node "$@"
}

# oha, below target/tools and first in PATH.
with_oha() {
    local tools=$PWD/target/tools
    if ! "$tools/bin/oha" --version 2>/dev/null | grep -qF 1.16.0; then
        echo "installing oha 1.16.0" >&2
        cargo install --quiet --locked --root "$tools" oha@1.16.0
    fi
    export PATH=$tools/bin:$PATH
}

# Locust, the same.
with_locust() {
    local tools=$PWD/target/tools
    need python3
    if ! "$tools/locust/bin/locust" --version 2>/dev/null | grep -qF 2.47.0; then
        echo "installing locust 2.47.0" >&2
        python3 -m venv "$tools/locust"
        "$tools/locust/bin/pip" install --quiet locust==2.47.0
    fi
    export PATH=$tools/locust/bin:$PATH
}

# loadtest and autocannon, from npm, the same.
with_npm() {
    local tools=$PWD/target/tools/npm
    need node=nodejs npm jq
    if [ "$(jq -rs 'map(.version) | join(" ")' "$tools"/node_modules/{loadtest,autocannon}/package.json 2>/dev/null)" != "8.2.0 9.0.0" ]; then
        echo "installing loadtest 8.2.0 and autocannon 9.0.0" >&2
        mkdir -p "$tools"
        npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel error loadtest@8.2.0 autocannon@9.0.0 >/dev/null
    fi
    export PATH=$tools/node_modules/.bin:$PATH
}

# The first of these load generators that is there, in `generator`.
a_generator() { # name...
    export PATH=$PWD/target/tools/bin:$PATH
    for generator in "$@"; do
        ! command -v "$generator" >/dev/null || return 0
    done
    echo "there is none of $*; scripts/get-tools.sh $1 gets one" >&2
    exit 2
}

# Writes a Locust file whose users ask for a path, one request after the other.
locustfile() { # file path
    cat >"$1" <<PYTHON
from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0.01)

    @task
    def visit(self):
        self.client.get("$2")
PYTHON
}

work=$(mktemp -d)
# Some drills run as a user that may do less.
chmod 711 "$work"
pids=()
finish() {
    local one
    for one in "${pids[@]}"; do kill -CONT "$one" 2>/dev/null || true; kill "$one" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# The program under test, as $work/quintain: what --binary says, or a release build.
program() {
    local built=${binary-}
    if [ -z "$built" ]; then
        progress "building"
        cargo build --quiet --release --locked
        progress ""
        built=${CARGO_TARGET_DIR:-target}/release/quintain
    fi
    install -m 755 "$built" "$work/quintain"
}

# Starts quintain on free ports, or as `program`, `listen`, `at_admin` and `directory` say; sets pid, url, admin and run.
# What stands in `under` runs it.
under=()
start() { # name argument...
    local name=$1 ready
    shift
    run=${directory:-$work/$name}
    : >"$work/$name.out"
    "${under[@]}" "${program:-$work/quintain}" --listen "${listen:-127.0.0.1:0}" --admin "${at_admin:-127.0.0.1:0}" --run-dir "$run" --log "${log:-warn}" "$@" \
        >"$work/$name.out" 2>"$work/$name.err" &
    pid=$!
    pids+=("$pid")
    until grep -q '^ready ' "$work/$name.out"; do
        kill -0 "$pid" 2>/dev/null || { cat "$work/$name.err" >&2; return 1; }
        sleep 0.02
    done
    ready=$(<"$work/$name.out")
    url=http://$(sed -n 's/^ready addr=\([^ ]*\).*/\1/p' <<<"$ready")
    admin=http://$(sed -n 's/.* admin=\([^ ]*\).*/\1/p' <<<"$ready")
}

# TERM, and the exit code, in `code`.
end() { # pid
    code=0
    kill "$1" 2>/dev/null || true
    wait "$1" || code=$?
}

# Tries until it succeeds, at most so many seconds.
await() { # seconds command...
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -le $deadline ] || return 1
        sleep 0.02
    done
}

# A figure out of /stats, by jq.
stats() { # filter
    curl -s "$admin/stats" | jq -r "$1"
}

# Asks so often on one connection; prints how many answers were 200.
good() { # url count
    curl -s --max-time 20 -o /dev/null -w '%{http_code}\n' "$1/health#[1-$2]" | grep -c '^200$' || true
}

# The values of a column, a line each. Only the last two columns of events.csv may hold commas.
column() { # name file
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } at { print $at }' "$2"
}

median() { sort -n | awk '{ value[NR] = $1 } END { if (NR) print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }

# A process and everything that it has started.
tree() { # pid
    local child
    echo "$1"
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do tree "$child"; done
}

# CPU of a tree in ns, from the scheduler's account of every thread.
cpu() { # pid
    local one
    for one in $(tree "$1"); do cat "/proc/$one"/task/*/schedstat 2>/dev/null || true; done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# Resident memory of a tree in bytes, each shared page counted once.
memory() { # pid
    local one
    for one in $(tree "$1"); do grep ^Pss: "/proc/$one/smaps_rollup" || true; done | awk '{ sum += $2 } END { print sum * 1024 }'
}

# Open descriptors of a tree.
descriptors() { # pid
    local one
    for one in $(tree "$1"); do ls "/proc/$one/fd"; done | wc -l
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# Writes $work/nginx.conf: /health, /bytes/1048576 and /upload like ours, with the same headers.
nginx_conf() { # workers port
    mkdir -p "$work/files/bytes"
    head -c 1048576 /dev/urandom >"$work/files/bytes/1048576"
    # Who runs it owns the files, which another user could not read.
    local user=""
    [ "$(id -u)" -ne 0 ] || user="user root;"
    local timing='add_header Server-Timing "queue;dur=0000000.126, loop;dur=0000000.000, inject;dur=0000000.000, pool;dur=0000000.000, cpu;dur=0000000.000, io;dur=0000000.000, total;dur=0000000.163"'
    local worker="add_header X-Quintain-Worker 0.1"
    cat >"$work/nginx.conf" <<CONF
$user worker_processes $1; daemon off; pid $work/nginx.pid; error_log $work/nginx.log; worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
    access_log off; keepalive_requests 1000000000; default_type "text/plain; charset=utf-8"; server_tokens off;
    server {
        listen 127.0.0.1:$2 backlog=4096;
        location = /health { return 200 "OK"; }
        location /bytes/ { root $work/files; sendfile off; default_type application/octet-stream; $timing; $worker; }
        location = /upload {
            client_max_body_size 2m; default_type application/json; $timing; $worker;
            return 200 '{"bytes":1048576,"crc32":"7464f382","first_byte_ms":0.435983,"last_byte_ms":2.168781}\n';
        }
    }
}
CONF
}

# A table: its columns, each with its width (below 0: to the left), and its rows; with --json a line of JSON for each row. Without
# columns it is one of figures, each with its target; `missed` becomes 1 when one is not reached.
missed=0
table() { # name:width...
    [ $# -gt 0 ] || set -- figure:-58 measured:22 target:-12 verdict:-7
    columns=("${@%:*}") widths=("${@##*:}")
    [ -n "${json-}" ] || printf '%s%s%s\n' "$bold" "$(json="" row "${columns[@]}")" "$plain"
}
row() { # value...
    local at line="" cell
    if [ -n "${json-}" ]; then
        jq -nc '$ARGS.positional | [.[:length / 2], .[length / 2:]] | transpose | map({(.[0]): (.[1] | tonumber? // .)}) | add' --args "${columns[@]}" "$@"
        return
    fi
    for at in "${!columns[@]}"; do
        printf -v cell '%*s' "${widths[at]}" "${@:at+1:1}"
        line+="$cell "
    done
    echo "${line%"${line##*[! ]}"}"
}
figure() { # what measured target condition
    local verdict=""
    if [ -n "$4" ]; then
        if eval "$4"; then verdict=${green}reached$plain; else verdict=${red}missed$plain missed=1; fi
    fi
    row "$1" "$2" "$3" "$verdict"
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", b ? a / b : 0 }'; }
at_most() { awk -v a="$1" -v most="$2" -v of="${3:-1}" 'BEGIN { exit !(a <= most * of) }'; }
at_least() { awk -v a="$1" -v least="$2" -v of="${3:-1}" 'BEGIN { exit !(a >= least * of) }'; }
