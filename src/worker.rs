//! One worker: it accepts, serves and drains.
//!
//! It is the same thing in every mode: one listener, one seat, one single-threaded runtime. Whether it runs in a
//! thread or in a process of its own is for the supervisor to know.

mod accept;
mod connections;
mod database;
mod inference;
mod pool;
mod stopwatch;
mod turn_away;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::config::{Addresses, Config, Mode};
use crate::control::{Drain, MemberEnd, Order, Received, Report};
use crate::http::{self, ListenerFault, ListenerOrder, Target};
use crate::maybe_known::MaybeKnown;
use crate::profile::Profile;
use crate::scoreboard::{BEAT_NS, FaultMark, SeatWriter};
use crate::sys::readiness::Watched;
use crate::sys::threads::ThreadGroup;
use crate::sys::{clock, process, timer, usage};
use crate::units::nanoseconds;
use crate::wire::Gauge;
use crate::work::database::{Database, Settings as DatabaseSettings};
use crate::work::inference::{Inference, Settings as InferenceSettings};
use crate::work::sleep;
use accept::{Acceptors, Afterwards, Gate};
use connections::Connections;
use stopwatch::Stopwatch;

/// How often a worker that nobody asks anything looks at its orders, its clock and its connections.
const BEAT: Duration = Duration::from_nanos(BEAT_NS);

/// How often connections are looked through for those that stand still too long: all of them, so not on each beat.
const SWEEP_NS: u64 = 500 * clock::MILLISECOND;

/// From TERM until idle connections are closed.
const IDLE_AFTER_TERM: Duration = Duration::from_secs(2);

/// What a worker is told of the run; the same for all of them.
#[derive(Clone)]
pub struct Settings {
    /// Its settings.
    pub config: Config,
    /// Where the target and its admin routes listen.
    pub addresses: Addresses,
    /// What it serves besides the target's own routes.
    pub profile: Arc<Profile>,
    /// The database that its routes ask, if there is one.
    pub database: Option<DatabaseSettings>,
    /// The model that its routes run.
    pub inference: InferenceSettings,
}

/// What makes one worker this one.
pub struct Assignment {
    /// Where it writes.
    pub seat: SeatWriter,
    /// Where its orders come from.
    pub control: MemberEnd,
    /// Where its threads enter; of use when it is a thread itself.
    pub threads: Arc<ThreadGroup>,
}

/// Runs a worker on the calling thread until it is drained.
///
/// # Errors
/// Why it could not start or go on; the supervisor has been told.
pub fn run(settings: &Settings, assignment: Assignment) -> Result<(), String> {
    let Assignment { seat, control, threads } = assignment;
    let slot = seat.slot();
    process::name_thread(&format!("w{slot}"));
    threads.enter();
    timer::without_slack();
    let result = match runtime(settings, slot, &threads) {
        Ok(runtime) => {
            let result = runtime.block_on(serve(settings, seat, &control, &threads));
            // A pool thread may still sleep for a client that is gone.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(format!("worker {slot} can't start its runtime: {error}")),
    };
    threads.leave();
    let report = match &result {
        Ok(()) => Report::Drained,
        Err(reason) => Report::Failed { reason: reason.clone() },
    };
    // If nobody listens any more, nobody needs to know.
    let _ = control.send(&report, &[]);
    result
}

fn runtime(
    settings: &Settings,
    slot: usize,
    threads: &Arc<ThreadGroup>,
) -> std::io::Result<tokio::runtime::Runtime> {
    let (entered, left) = (Arc::clone(threads), Arc::clone(threads));
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(settings.config.pool_threads)
        .thread_name(format!("w{slot}-pool"))
        .on_thread_start(move || entered.enter())
        .on_thread_stop(move || left.leave())
        .build()
}

async fn serve(
    settings: &Settings,
    seat: SeatWriter,
    control: &MemberEnd,
    threads: &Arc<ThreadGroup>,
) -> Result<(), String> {
    let slot = seat.slot();
    let failed = |what: &str, error: std::io::Error| format!("worker {slot} can't {what}: {error}");
    let control = Watched::new(control).map_err(|error| failed("watch its control socket", error))?;
    let sleeping = sleep::Service::start(settings.config.spin()).map_err(|error| failed("make a timer", error))?;
    tokio::spawn(async move {
        if let Err(error) = sleeping.run().await {
            tracing::error!(slot, %error, "a worker's timer fails; sleeps are only precise to a millisecond from here on");
        }
    });
    let mut worker = Worker::new(settings, seat, threads)?;
    if let Some(database) = worker.target.database.clone() {
        tokio::spawn(async move { database.watch(slot).await });
    }
    // Until the worker ends: threads of its pool may work on.
    let _counted = pool::count(Arc::clone(&worker.seat));
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while worker.stage != Stage::Done {
        let deadline = worker.deadline();
        let gauge = Arc::clone(worker.connections.gauge());
        tokio::select! {
            readable = control.readable() => {
                readable.map_err(|error| failed("read its orders", error))?.clear_ready();
                worker.obey_all(control.get_ref()).await?;
            }
            () = gauge.ended.notified() => {}
            () = until(deadline) => {}
            () = until(worker.gate_due) => {}
            due = beat.tick() => {
                worker.late(due);
                worker.beat();
            }
        }
        worker.mind_listeners().await?;
        worker.advance().await;
    }
    Ok(())
}

/// How far a worker is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It serves.
    Serving,
    /// It will stop accepting at this time.
    Leaving(Instant, Drain),
    /// It has stopped accepting, and closes what is idle at this time.
    Draining(Instant),
    /// Nothing is left, or it was told to leave everything.
    Done,
}

struct Worker {
    stage: Stage,
    config: Config,
    target: Target,
    acceptors: Acceptors,
    /// When the gate in front of the listeners has to be looked at again, if no order comes.
    gate_due: Option<Instant>,
    /// The fault that has closed the listeners.
    closed_by: Option<FaultMark>,
    connections: Arc<Connections>,
    seat: Arc<SeatWriter>,
    /// When connections were last looked through (monotonic).
    swept_ns: u64,
    stopwatch: Stopwatch,
    /// Until the worker ends.
    _counted: [pool::Counted; 2],
}

impl Worker {
    fn new(settings: &Settings, seat: SeatWriter, threads: &Arc<ThreadGroup>) -> Result<Self, String> {
        let Settings { config, addresses, profile, database, inference } = settings;
        let seat = Arc::new(seat.of_instance(config.instance()));
        let (account, database_counted) = database::count(Arc::clone(&seat));
        let database = database.as_ref().map(|settings| Database::new(settings, account)).transpose()?;
        let (account, inference_counted) = inference::count(Arc::clone(&seat));
        let inference = Inference::new(inference, seat.slot(), threads, account);
        inference.prepare()?;
        let target = Target::new(config, addresses.clone(), Arc::clone(&seat), database, inference);
        let routes = Arc::new(http::Routes::new(http::routes(profile), &target));
        let gauge = if config.without_times { Gauge::without_times() } else { Gauge::default() };
        let connections = Connections::new(Arc::clone(&seat), target.clone(), routes, gauge);
        Ok(Self {
            stage: Stage::Serving,
            config: config.clone(),
            target,
            acceptors: Acceptors::new(config.backlog),
            gate_due: None,
            connections: Arc::new(connections),
            seat,
            closed_by: None,
            swept_ns: 0,
            stopwatch: Stopwatch::start(),
            _counted: [database_counted, inference_counted],
        })
    }

    /// Does what the supervisor has sent.
    async fn obey_all(&mut self, control: &MemberEnd) -> Result<(), String> {
        loop {
            match control.receive() {
                Ok(Received::Message(order, descriptors)) => self.obey(order, descriptors, control).await?,
                Ok(Received::Nothing) => return Ok(()),
                Ok(Received::Closed) => return Err("the supervisor is gone".to_owned()),
                Err(error) => {
                    return Err(format!("worker {} got an order it can't read: {error}", self.seat.slot()));
                }
            }
        }
    }

    async fn obey(
        &mut self,
        order: Order,
        descriptors: Vec<std::os::fd::OwnedFd>,
        control: &MemberEnd,
    ) -> Result<(), String> {
        match order {
            // The kernel delivers a message without the descriptors that it has no room for.
            Order::Listeners { slot } if descriptors.is_empty() => {
                return Err(format!("worker {slot} can't take its listening sockets: Too many open files"));
            }
            Order::Listeners { slot } => {
                // Standing orders may have them closed from the start.
                self.target.follow_orders();
                self.mind_listeners().await?;
                self.acceptors.add(slot, descriptors, &self.connections).await?;
                self.beat();
                control
                    .send(&Report::Ready, &[])
                    .map_err(|error| format!("the supervisor can't be told: {error}"))?;
            }
            Order::Lend { slot } if self.stage != Stage::Serving => {
                tracing::debug!(slot, "a worker that drains was lent a slot's sockets");
            }
            Order::Lend { slot } if descriptors.is_empty() => {
                tracing::warn!(slot, "a slot's sockets can't be borrowed: Too many open files");
            }
            Order::Lend { slot } => self.acceptors.add(slot, descriptors, &self.connections).await?,
            Order::Reclaim { slot } => self.acceptors.remove(slot),
            Order::Drain(drain) => self.drain(drain),
            Order::Abandon => self.stage = Stage::Done,
            // Not for a worker.
            Order::News { .. } | Order::Finish => {}
        }
        Ok(())
    }

    /// Opens or closes the listeners as the fault plans have it.
    async fn mind_listeners(&mut self) -> Result<(), String> {
        let now_ns = clock::monotonic_ns();
        let ListenerOrder { fault, until_ns } = self.target.faults().order_to_listeners(now_ns);
        let left = until_ns.map(|until_ns| Duration::from_nanos(until_ns.saturating_sub(now_ns)));
        self.gate_due = left.map(|left| Instant::now() + left);
        let (gate, mark) = match fault {
            None => (Gate::Open, None),
            Some(ListenerFault::Freeze(mark)) => (Gate::Frozen, Some(mark)),
            Some(ListenerFault::Refuse(mark)) => (Gate::Refusing, Some(mark)),
        };
        self.acceptors.set(gate, &self.connections).await?;
        let is_new = std::mem::replace(&mut self.closed_by, mark) != mark;
        // One that drains has no listeners.
        let has_listeners = matches!(self.stage, Stage::Serving | Stage::Leaving(..));
        if let Some(mark) = mark
            && is_new
            && has_listeners
        {
            self.seat.board().head().faults.carried_out(mark);
        }
        self.target.confirm();
        Ok(())
    }

    fn drain(&mut self, drain: Drain) {
        let now = Instant::now();
        self.stage = match drain {
            Drain::Terminate => {
                self.target.leave();
                Stage::Leaving(now + self.config.drain_delay, drain)
            }
            Drain::Replace => Stage::Leaving(now, drain),
        };
    }

    /// Returns how long idle connections are kept from here on.
    async fn stop_accepting(&mut self, drain: Drain) -> Duration {
        self.target.close_connections();
        self.connections.gauge().watch();
        let (afterwards, patience) = match drain {
            Drain::Terminate if self.config.sockets_are_passed() => (Afterwards::TakenOver, IDLE_AFTER_TERM),
            Drain::Terminate => (Afterwards::Shut, IDLE_AFTER_TERM),
            Drain::Replace => (Afterwards::TakenOver, self.config.shutdown_timeout),
        };
        self.acceptors.stop(afterwards, &self.connections).await;
        patience
    }

    /// Goes on to the next stage, if it is time.
    async fn advance(&mut self) {
        let now = Instant::now();
        if let Stage::Leaving(at, drain) = self.stage
            && now >= at
        {
            let patience = self.stop_accepting(drain).await;
            self.stage = Stage::Draining(now + patience);
        }
        match self.stage {
            Stage::Draining(_) if self.connections.is_empty() => self.stage = Stage::Done,
            Stage::Draining(at) if now >= at => {
                self.connections.close_idle();
                self.stage = Stage::Draining(now + BEAT);
            }
            Stage::Serving | Stage::Leaving(..) | Stage::Draining(_) | Stage::Done => {}
        }
    }

    /// When the stage has to be looked at again, if nothing happens.
    fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Leaving(at, _) | Stage::Draining(at) => Some(at),
            Stage::Serving | Stage::Done => None,
        }
    }

    /// How late the loop comes to a beat that was due, as what else is due waits as long; and what its thread did meanwhile.
    fn late(&mut self, due: Instant) {
        let lag_ns = nanoseconds(due.elapsed());
        self.seat.late(self.stopwatch.late(lag_ns));
    }

    fn beat(&mut self) {
        let now = clock::monotonic_ns();
        self.seat.beat(now);
        // Of a process that workers share, nobody could say whose it was.
        let has_process = self.config.mode == Mode::Cluster;
        if let Some(usage) = has_process.then(usage::of_this_process).and_then(MaybeKnown::get) {
            self.seat.used(&usage);
        }
        self.target.follow_orders();
        self.target.faults().expire(now);
        if now.saturating_sub(self.swept_ns) >= SWEEP_NS {
            self.swept_ns = now;
            self.connections.sweep(now);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
