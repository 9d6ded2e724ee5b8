//! The columns that a report reads, by their names in the files.

/// How the same figure of several instances of the target is told of all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// A sum of counters, each of which stays what it was when its instance has ended.
    Counter,
    /// A sum over the instances that there are, of what is a mean of a row's time.
    Sum,
    /// The same of what is read at a row's end.
    Gauge,
    /// The same of what is read seldom, and holds until it is read again.
    Held,
    /// The most of any instance.
    Most,
    /// The same, where an instance may have none.
    MostOfSome,
    /// That of the instance in which another figure is the most.
    With(Figure),
    /// Of the machine: the same for all instances on it, and unknown where they are not known to share one.
    Machine,
    /// A sum of shares of that machine.
    ShareOfMachine,
    /// Quantiles can't be added: that of their histograms' sum.
    Quantile,
    /// Not told: shares of limits that each instance has for itself.
    Apart,
}

/// Makes the figures, each with the name of its column, and how it is told of several instances.
macro_rules! figures {
    ($($figure:ident $name:literal $together:ident $(($other:ident))?,)*) => {
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

            /// How it is told of several instances together.
            #[must_use]
            pub fn together(self) -> Together {
                match self {
                    $(Self::$figure => Together::$together $((Self::$other))?,)*
                }
            }
        }
    };
}

figures! {
    LateMs "late_ms" Most,
    Procs "procs" Gauge,
    Threads "threads" Gauge,
    Fds "fds" Gauge,
    Cpu "cpu_pct" Sum,
    CpuUser "cpu_user_pct" Sum,
    CpuSystem "cpu_sys_pct" Sum,
    CpuOfHost "cpu_host_pct" ShareOfMachine,
    CpuSeconds "cpu_seconds_total" Counter,
    Rss "rss_bytes" Gauge,
    Pss "pss_bytes" Held,
    HostCpu "host_cpu_pct" Machine,
    HostMemory "host_mem_used_pct" Machine,
    Requests "requests_total" Counter,
    Rps "rps" Sum,
    Errors "errors_total" Counter,
    Lost "lost_total" Counter,
    Rejected "rejected_total" Counter,
    InFlight "inflight" Gauge,
    Connections "connections" Gauge,
    ConnectionSeconds "conn_seconds_total" Counter,
    Accepts "accepts_total" Counter,
    Refused "refused_total" Counter,
    ClientGone "client_gone_total" Counter,
    Broken "broken_total" Counter,
    Shed "shed_total" Counter,
    RateLimited "rate_limited_total" Counter,
    Quota "cpu_quota_pct" Apart,
    RunQueueWait "runq_wait_pct" Sum,
    Steal "host_steal_pct" Machine,
    ThrottledMs "cg_throttled_ms_total" Apart,
    GroupMemory "cg_mem_bytes" Apart,
    GroupMemoryLimit "cg_mem_limit_bytes" Apart,
    CpuPressure "psi_cpu_some_pct" Machine,
    MemoryPressure "psi_mem_some_pct" Machine,
    IoPressure "psi_io_some_pct" Machine,
    AcceptQueue "acceptq_depth" MostOfSome,
    AcceptQueueLimit "acceptq_max" With(AcceptQueue),
    ListenDrops "listen_drops_total" Counter,
    Unread "unread_connections" Gauge,
    LoopLagUs "loop_lag_max_us" Most,
    LoopLagRan "loop_lag_ran_us" With(LoopLagUs),
    LoopLagWait "loop_lag_wait_us" With(LoopLagUs),
    LoopLagBlocked "loop_lag_blocked_us" With(LoopLagUs),
    LoopBusy "loop_busy_pct" Most,
    LoopRunQueue "loop_runq_pct" With(LoopBusy),
    Imbalance "worker_imbalance" Apart,
    ServiceP50 "svc_p50_us" Quantile,
    ServiceP95 "svc_p95_us" Quantile,
    ServiceP99 "svc_p99_us" Quantile,
    ServiceMax "svc_max_us" MostOfSome,
    LatencyP50 "lat_p50_us" Quantile,
    LatencyP95 "lat_p95_us" Quantile,
    LatencyP99 "lat_p99_us" Quantile,
    LatencyMax "lat_max_us" MostOfSome,
    QueueP50 "queue_p50_us" Quantile,
    QueueP99 "queue_p99_us" Quantile,
    LoopWaitP50 "loop_p50_us" Quantile,
    LoopWaitP99 "loop_p99_us" Quantile,
    PoolBusy "pool_busy" Gauge,
    PoolQueued "pool_queued" Gauge,
    DbInUse "db_in_use" Gauge,
    DbWaiting "db_waiting" Gauge,
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
            Self::RateLimited,
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
    Figure::RateLimited,
    Figure::ServiceP50,
    Figure::ServiceP99,
    Figure::LatencyP50,
    Figure::LatencyP99,
    Figure::LatencyMax,
    Figure::QueueP99,
    Figure::LoopWaitP99,
];
