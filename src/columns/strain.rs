//! The columns that explain a slow result.

use super::{Column, column, known, milliseconds, percent, thousandths};
use crate::maybe_known::MaybeKnown;
use crate::sample::TargetSample;

/// In `resources.csv`, after the columns that every target needs.
#[rustfmt::skip]
pub fn columns() -> [Column<TargetSample>; 25] {
    [
        column("cpu_quota_pct", "%, 100 = the quota", "cgroup cpu.max or cpu.cfs_quota_us", "CPU of the target, of what its control group may use; empty without a quota",
            |row| percent(row.figures.strain.quota_share)),
        column("runq_wait_pct", "%, 100 = one thread", "/proc/PID/task/TID/schedstat", "threads of the target that could run and waited for a processor",
            |row| percent(row.figures.strain.waiting)),
        column("ctx_vol_per_s", "1/s", "getrusage, at each worker's beat", "switches of workers and observer that had to wait for something",
            |row| rate(row.figures.strain.voluntary_rate)),
        column("ctx_invol_per_s", "1/s", "getrusage, at each worker's beat", "switches of workers and observer that could have run on",
            |row| rate(row.figures.strain.involuntary_rate)),
        column("majflt_per_s", "1/s", "getrusage, at each worker's beat", "pages that workers and observer waited for a disk for",
            |row| rate(row.figures.strain.major_fault_rate)),
        column("uss_bytes", "bytes", "/proc/PID/smaps_rollup", "memory that no other process shares; every 10 s",
            |row| known(row.figures.uss_bytes)),
        column("host_steal_pct", "%, 100 = all cores", "/proc/stat", "processor time that other guests of the hardware took",
            |row| percent(row.figures.strain.steal)),
        column("host_mem_avail_bytes", "bytes", "/proc/meminfo", "memory of the machine that a new program could have",
            |row| known(row.figures.host.memory.map(|memory| memory.available_bytes))),
        column("cg_throttled_ms_total", "ms", "cgroup cpu.stat", "how long the control group with the tightest quota was kept from running, ever",
            |row| row.figures.strain.cgroup.throttled_ns.cell(milliseconds)),
        column("cg_mem_bytes", "bytes", "cgroup memory.current or memory.usage_in_bytes", "memory charged to the control group with the tightest limit, page cache too",
            |row| known(row.figures.strain.cgroup.memory_bytes)),
        column("cg_mem_limit_bytes", "bytes", "cgroup memory.max or memory.limit_in_bytes", "that limit, read every 10 s; empty without one",
            |row| known(row.figures.strain.cgroup.memory_limit_bytes)),
        column("psi_cpu_some_pct", "%, 100 = always", "/proc/pressure/cpu", "time in which something on the machine waited for a processor",
            |row| percent(row.figures.strain.cpu_pressure)),
        column("psi_mem_some_pct", "%, 100 = always", "/proc/pressure/memory", "time in which something on the machine waited for memory",
            |row| percent(row.figures.strain.memory_pressure)),
        column("psi_io_some_pct", "%, 100 = always", "/proc/pressure/io", "time in which something on the machine waited for input or output",
            |row| percent(row.figures.strain.io_pressure)),
        column("acceptq_depth", "count", "TCP_INFO of the listeners", "connections in the fullest accept queue; empty on a unix socket",
            |row| known(row.figures.strain.accept_queue.map(|queue| queue.depth))),
        column("acceptq_max", "count", "TCP_INFO of the listeners", "how many one accept queue holds: --backlog, capped by somaxconn",
            |row| known(row.figures.strain.accept_queue.map(|queue| queue.limit))),
        column("listen_drops_total", "count", "SO_MEMINFO of the listeners", "connection attempts that all accept queues together have dropped",
            |row| known(row.figures.strain.listen_drops)),
        column("unread_connections", "count", "sock_diag", "connections, taken or not, in which bytes wait that nobody has read; empty on a unix socket, where the kernel does not tell, and in a row in which a list of all sockets would cost more than 1 % of a core",
            |row| known(row.figures.strain.unread)),
        column("loop_lag_max_us", "µs", "scoreboard", "how late the latest beat of any worker's loop was, in steps of about 1 ms; the same waiting hits requests",
            |row| known(row.figures.strain.latest_beat.map(|late| late.lag_ns / 1_000))),
        column("loop_lag_ran_us", "µs", "/proc/thread-self/schedstat, at each worker's beat", "what that loop computed between that beat and the one before; empty while the beat is still to come",
            |row| known(row.figures.strain.latest_beat.and_then(|late| late.ran_ns).map(|ns| ns / 1_000))),
        column("loop_lag_wait_us", "µs", "/proc/thread-self/schedstat, at each worker's beat", "how long it waited for a processor then",
            |row| known(row.figures.strain.latest_beat.and_then(|late| late.waited_ns).map(|ns| ns / 1_000))),
        column("loop_lag_blocked_us", "µs", "scoreboard, at each worker's beat", "how long requests with mode=blocking held it then",
            |row| known(row.figures.strain.latest_beat.and_then(|late| late.blocked_ns).map(|ns| ns / 1_000))),
        column("loop_busy_pct", "%, 100 = always", "/proc/PID/task/TID/schedstat", "time in which the busiest worker's event loop ran or waited for a processor, and did not sleep",
            |row| percent(row.figures.strain.busiest_loop.map(|looping| looping.busy))),
        column("loop_runq_pct", "%, 100 = always", "/proc/PID/task/TID/schedstat", "of it, waiting for a processor",
            |row| percent(row.figures.strain.busiest_loop.map(|looping| looping.waiting))),
        column("worker_imbalance", "ratio", "scoreboard", "requests of the busiest slot over the mean of the live ones; empty when nobody did any",
            |row| rate(row.figures.strain.imbalance)),
    ]
}

fn rate(number: MaybeKnown<f64>) -> String {
    number.cell(thousandths)
}
