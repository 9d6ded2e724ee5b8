# shellcheck shell=bash
# Single containers under limits and with less than usual: what the target then says, in its log, its files and its events.
# scripts/test-containers.sh sources it after lib-docker.sh, and has `holds` and `field`.

# Starts one of these with a volume of its own for runs; sets address and files. What it says is in `said`.
box() { # name docker's-option... -- quintain's-argument...
    local name=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    docker volume create "$name" >/dev/null
    files=$(docker volume inspect --format '{{.Mountpoint}}' "$name")
    docker run -d --name "$name" -v "$name:/runs" "${options[@]}" "$image" --sample-interval 200ms "$@" >/dev/null
    await 30 has_begun "$name" || true
    address=$(field "$name" .NetworkSettings.IPAddress):8080
}
said() { docker logs "$1" 2>&1; }
says() { grep -qF -- "$2" <<<"$(said "$1")"; }
has_begun() { says "$1" "ready addr=" || has_ended "$1"; }
has_ended() { [ "$(field "$1" .State.Running)" = false ]; }
has_row() { # column condition: of any row so far, as awk's `$1 …`
    column "$1" "$files"/*/resources.csv | awk "NF && \$1 $2 { found = 1 } END { exit !found }"
}
has_event() { grep -qF -- "$1" "$files"/*/events.csv; }
ask() { inside curl -sf --max-time 60 -o /dev/null "http://$address$1"; }
never_panics() { ! grep -q panicked <<<"$(said "$1")"; }
# The first worker, by the number that the engine has for its parent.
kill_worker() { nsenter --target "$engine" --mount --pid -- pkill -KILL -x w0 --parent "$(field "$1" .State.Pid)"; } # name
unbox() { # name: TERM, and its exit code is 0
    docker stop -t 40 "$1" >/dev/null
    holds "  it drains on TERM, and nothing panicked" eval '[ "$(field '"$1"' .State.ExitCode)" = 0 ] && never_panics '"$1"
    docker rm "$1" >/dev/null
    docker volume rm "$1" >/dev/null
}

boxes() { # image
    local image=$1 processors address files one
    processors=$(nproc)

    for one in 0.5 1.5; do
        [ "$processors" -ge 2 ] || { echo "skipped: --cpus $one, since this machine has one processor"; continue; }
        box cpus --cpus "$one" -- --mode cluster
        holds "--cpus $one: one worker, and the log says why" says cpus "workers=1, since --workers is not given: the CPU quota is $one of $processors processors"
        ask '/cpu?ms=500'
        holds "  the share of the quota is in the rows" await 10 has_row cpu_quota_pct '> 0'
        unbox cpus
    done

    # So little that it is used up in each period, also where others keep the machine busy.
    box throttled --cpus 0.03 -- --mode single
    ask '/cpu?ms=50'
    holds "--cpus 0.03: how long it was throttled is in the rows" await 10 has_row cg_throttled_ms_total '> 0'
    unbox throttled

    box memory --memory 64m -- --mode cluster --workers 1
    holds "--memory 64m: a warning that --max-mem allows more" says memory "is no guard: the control group's memory limit is 64MiB"
    holds "  the limit is in the rows" await 10 has_row cg_mem_limit_bytes '== 67108864'
    ask '/mem?bytes=128MiB' || true
    holds "  a worker that takes more is known to be killed for memory" await 10 has_event "signal 9: killed by the kernel for memory (limit 64MiB)"
    holds "  and the next one answers" await 20 ask /health
    unbox memory

    box single --memory 64m -- --mode single
    ask '/mem?bytes=128MiB' || true
    holds "  in single, Docker says so" eval 'await 20 has_ended single && [ "$(field single .State.OOMKilled)" = true ]'
    docker rm single >/dev/null
    docker volume rm single >/dev/null

    box killed -- --mode cluster --workers 1
    kill_worker killed
    holds "kill -KILL is not taken for that" await 10 has_event "signal 9: by whom isn't known; not by the kernel for memory"
    unbox killed

    docker volume create shared >/dev/null
    docker run -d --name first -v shared:/runs -h same -e QUINTAIN_PORT=tcp://10.0.0.1:8080 -e QUINTAIN_SERVICE_HOST=10.0.0.1 "$image" >/dev/null
    await 30 has_begun first || true
    holds "variables of a Kubernetes service called quintain: a warning, and it serves" eval 'says first "QUINTAIN_PORT" && says first "ready addr="'
    holds "  its run directory has the host's name" test -n "$(compgen -G "$(docker volume inspect --format '{{.Mountpoint}}' shared)/*-single-same")"
    docker rm -fv first >/dev/null
    docker volume rm shared >/dev/null

    # The least that Docker gives.
    box tiny --memory 6m -- --mode cluster --workers 1
    if has_ended tiny; then
        said tiny | sed 's/^/       /' | tail -n 4
        holds "--memory 6m: killed for memory, which Docker says, or the log" eval '[ "$(field tiny .State.OOMKilled)" = true ] || says tiny "killed by the kernel for memory"'
        holds "  and no panic" never_panics tiny
        docker rm -v tiny >/dev/null
        docker volume rm tiny >/dev/null
    else
        holds "--memory 6m: it serves" ask /health
        unbox tiny
    fi

    box host --pid host -- --mode cluster --workers 1
    holds "--pid host: it serves" ask /health
    unbox host
    box other --read-only -- --mode cluster --workers 1
    box beside --pid container:other -- --mode cluster --workers 1
    holds "--pid of another container: it serves" ask /health
    holds "  with CPU and memory in the rows" await 10 has_row rss_bytes '> 0'
    unbox beside
    files=$(docker volume inspect --format '{{.Mountpoint}}' other)
    unbox other

    box hidden --mount type=tmpfs,destination=/sys/fs/cgroup -- --mode cluster
    holds "no files of control groups: it says that a quota can't be read" says hidden "whether a CPU quota allows fewer can't be read"
    holds "  and the figures are empty" await 10 has_row elapsed_s '> 0.5'
    holds "  in each row" eval '! has_row cg_mem_bytes ">= 0"'
    unbox hidden

    # What Docker's own profiles of older versions refused, with either error.
    for one in 1 38; do
        cat >"$work/seccomp.json" <<JSON
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO", "errnoRet": $one, "names": [
  "pidfd_open", "pidfd_send_signal", "pidfd_getfd", "clone3", "close_range", "openat2", "faccessat2", "epoll_pwait2",
  "process_madvise", "memfd_create", "io_uring_setup", "rseq", "statx"]}]}
JSON
        [ "$one" != 1 ] || sed -i 's/ "clone3",//' "$work/seccomp.json"
        box strict --security-opt "seccomp=$work/seccomp.json" -- --mode cluster --workers 1
        holds "a seccomp profile without pidfds and newer calls (error $one): it serves" ask /health
        kill_worker strict
        holds "  and a worker that dies is replaced" await 20 has_event ',respawn,'
        unbox strict
    done
}
