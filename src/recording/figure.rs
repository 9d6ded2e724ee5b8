//! The columns that a report reads, by their names in the files.

/// Makes the figures, each with the name of its column.
macro_rules! figures {
    ($($figure:ident $name:literal,)*) => {
        /// A column of numbers; what each means and its unit stand with whoever writes it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Figure {
            $(#[doc = concat!("`", $name, "`")] $figure,)*
        }

        impl Figure {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$figure,)*];

            /// The name of its column.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$figure => $name,)*
                }
            }
        }
    };
}

figures! {
    LateMs "late_ms",
    Procs "procs",
    Threads "threads",
    Fds "fds",
    Cpu "cpu_pct",
    CpuUser "cpu_user_pct",
    CpuSystem "cpu_sys_pct",
    CpuOfHost "cpu_host_pct",
    CpuSeconds "cpu_seconds_total",
    Rss "rss_bytes",
    Pss "pss_bytes",
    HostCpu "host_cpu_pct",
    HostMemory "host_mem_used_pct",
    Requests "requests_total",
    Rps "rps",
    Errors "errors_total",
    Lost "lost_total",
    Rejected "rejected_total",
    InFlight "inflight",
    Connections "connections",
    ConnectionSeconds "conn_seconds_total",
    Accepts "accepts_total",
    Refused "refused_total",
    ClientGone "client_gone_total",
    Broken "broken_total",
    Shed "shed_total",
    Quota "cpu_quota_pct",
    RunQueueWait "runq_wait_pct",
    Steal "host_steal_pct",
    ThrottledMs "cg_throttled_ms_total",
    GroupMemory "cg_mem_bytes",
    GroupMemoryLimit "cg_mem_limit_bytes",
    CpuPressure "psi_cpu_some_pct",
    MemoryPressure "psi_mem_some_pct",
    IoPressure "psi_io_some_pct",
    AcceptQueue "acceptq_depth",
    AcceptQueueLimit "acceptq_max",
    ListenDrops "listen_drops_total",
    Unread "unread_connections",
    LoopLagUs "loop_lag_max_us",
    LoopLagRan "loop_lag_ran_us",
    LoopLagWait "loop_lag_wait_us",
    LoopLagBlocked "loop_lag_blocked_us",
    LoopBusy "loop_busy_pct",
    LoopRunQueue "loop_runq_pct",
    Imbalance "worker_imbalance",
    ServiceP50 "svc_p50_us",
    ServiceP95 "svc_p95_us",
    ServiceP99 "svc_p99_us",
    ServiceMax "svc_max_us",
    LatencyP50 "lat_p50_us",
    LatencyP95 "lat_p95_us",
    LatencyP99 "lat_p99_us",
    LatencyMax "lat_max_us",
    QueueP50 "queue_p50_us",
    QueueP99 "queue_p99_us",
    LoopWaitP50 "loop_p50_us",
    LoopWaitP99 "loop_p99_us",
    PoolBusy "pool_busy",
    PoolQueued "pool_queued",
}

impl Figure {
    /// Whether it is a counter of the target's own, which begins at nothing with the run. The kernel's have counted before.
    #[must_use]
    pub fn is_counted_by_the_target(self) -> bool {
        [
            Self::Requests,
            Self::Errors,
            Self::Lost,
            Self::Rejected,
            Self::ConnectionSeconds,
            Self::Accepts,
            Self::Refused,
            Self::ClientGone,
            Self::Broken,
            Self::Shed,
        ]
        .contains(&self)
    }
}

/// Of a slot.
pub const OF_A_WORKER: &[Figure] = &[
    Figure::Cpu,
    Figure::CpuSeconds,
    Figure::LoopBusy,
    Figure::LoopRunQueue,
    Figure::Rss,
    Figure::Requests,
    Figure::Rps,
    Figure::Errors,
    Figure::Lost,
    Figure::Rejected,
    Figure::InFlight,
    Figure::Connections,
    Figure::Accepts,
    Figure::Refused,
];

/// Of a route.
pub const OF_A_ROUTE: &[Figure] = &[
    Figure::Requests,
    Figure::Rps,
    Figure::Errors,
    Figure::Shed,
    Figure::ServiceP50,
    Figure::ServiceP99,
    Figure::LatencyP50,
    Figure::LatencyP99,
    Figure::LatencyMax,
    Figure::QueueP99,
    Figure::LoopWaitP99,
];
