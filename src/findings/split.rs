//! What the mean latency of a route's requests is made of.

use crate::histogram::Distribution;
use crate::snapshot::RouteReading;
use crate::spelling::words;
use crate::units::shown::float;

/// Handlers must have said of so many requests what they have spent, for it to stand for all of them.
const TOLD: f64 = 0.9;

words! {
    /// What a route does with its time: what the most of it goes to.
    pub enum Kind {
        /// It computes.
        Computes = "computes",
        /// It waits: on purpose, or for what its client sends.
        Waits = "waits",
        /// It waits for its database: for a connection, or for what it asks.
        Queries = "waits for the database",
        /// It waits for its turn: to be read, for the loop, for a thread of the pool.
        Queues = "queues",
        /// Something that the target does not measure, such as sending its answer, or waiting for a processor.
        Unmeasured = "not measured",
        /// Its handler doesn't say what it does.
        Unknown = "not known",
    }
}

/// The mean latency of a route's requests and its parts, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// All of it.
    pub latency_us: f64,
    /// Until the request was read; unknown on a unix socket, whose latency begins there.
    pub queue_us: Option<f64>,
    /// For the loop, after that; unknown in a run of an earlier version, where it is a part of the service.
    pub loop_us: Option<f64>,
    /// What its handlers say of the rest.
    pub service: Option<Service>,
}

/// The mean service of a route's requests, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::struct_field_names)] // the unit
pub struct Service {
    /// CPU time of the work.
    pub cpu_us: f64,
    /// Waiting on purpose, or for the client's body.
    pub io_us: f64,
    /// Waiting for a thread of the pool.
    pub pool_us: f64,
    /// Waiting for a connection to the database.
    pub acquire_us: f64,
    /// Waiting for the database, or computing as it.
    pub db_us: f64,
    /// Decoding and resizing pictures, and the model that says what is in them.
    pub picture_us: f64,
    /// What faults and modifiers added.
    pub injected_us: f64,
    /// What is none of these.
    pub rest_us: f64,
}

impl Split {
    /// `None` where it was not recorded how long requests took.
    #[must_use]
    pub fn of(route: &RouteReading) -> Option<Self> {
        let mean_us = |distribution: &Distribution| distribution.mean_ns().map(|mean_ns| mean_ns / 1e3);
        let service_us = mean_us(&route.durations.service)?;
        Some(Self {
            latency_us: mean_us(&route.durations.latency)?,
            queue_us: mean_us(&route.durations.queue),
            loop_us: mean_us(&route.durations.loop_wait),
            service: Service::of(route, service_us),
        })
    }

    /// Waiting to be read, for the loop and for a thread of the pool.
    #[must_use]
    pub fn turn_us(&self) -> f64 {
        self.loop_turn_us() + self.service.map_or(0.0, |service| service.pool_us)
    }

    /// The same without the pool: what the loop was needed for.
    #[must_use]
    pub fn loop_turn_us(&self) -> f64 {
        self.queue_us.unwrap_or(0.0) + self.loop_us.unwrap_or(0.0)
    }

    /// What the most of the time goes to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let turn_us = self.turn_us();
        let Some(Service { cpu_us, io_us, acquire_us, db_us, picture_us, injected_us, rest_us, pool_us: _ }) =
            self.service
        else {
            return if turn_us > self.latency_us / 2.0 { Kind::Queues } else { Kind::Unknown };
        };
        let shares = [
            (turn_us, Kind::Queues),
            (cpu_us + picture_us, Kind::Computes),
            (io_us + injected_us, Kind::Waits),
            (acquire_us + db_us, Kind::Queries),
            (rest_us, Kind::Unmeasured),
        ];
        shares
            .into_iter()
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map_or(Kind::Unknown, |(_, kind)| kind)
    }
}

impl Service {
    fn of(route: &RouteReading, service_us: f64) -> Option<Self> {
        let told = float(route.counts.told);
        if told == 0.0 || told < TOLD * float(route.durations.service.count()) {
            return None;
        }
        let mean_us = |sum_ns: u64| float(sum_ns) / told / 1e3;
        let spent = &route.spent;
        let [cpu_us, io_us, pool_us] = [spent.cpu_ns, spent.io_ns, spent.pool_ns].map(mean_us);
        let [acquire_us, db_us, injected_us] = [spent.acquire_ns, spent.db_ns, spent.injected_ns].map(mean_us);
        let picture_us = mean_us(spent.decode_ns + spent.resize_ns + spent.infer_ns);
        let known_us = cpu_us + io_us + pool_us + acquire_us + db_us + picture_us + injected_us;
        let rest_us = (service_us - known_us).max(0.0);
        Some(Self { cpu_us, io_us, pool_us, acquire_us, db_us, picture_us, injected_us, rest_us })
    }
}
