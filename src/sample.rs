//! From two instants to a row: pure arithmetic on what others have read.
//!
//! A [`Reading`] is one instant of the whole target, an [`Earlier`] what must be known of the one before, and
//! [`between`] makes the [`Sample`] from which every row, page and metric takes its cells. What isn't known is
//! [`MaybeKnown::UNKNOWN`]. Cumulative figures never fall: a process that ends between two reads of one tick may be missed in that tick,
//! and is back, in its ancestors' sums, in the next. Nor do those that a worker counts, whatever is read: see
//! [`Account`].

mod account;
mod reading;
mod routes;
mod strain;

use crate::histogram::{Distribution, Durations, Quantiles};
use crate::maybe_known::MaybeKnown;
use crate::scoreboard::SeatState;
use crate::snapshot::{SlotReading, Totals};
use crate::sys::procfs::{HostCpu, ThreadTimes};
use crate::sys::usage::Usage;

pub use account::Account;
use account::grown;
pub use reading::{Group, Host, Instant, Reading, StrainReading, Tree};
pub use routes::{EarlierRoute, RouteSample};
pub use strain::StrainSample;

/// The largest error of a difference in a process's user or system time: a 10 ms step for each of the two.
const SPLIT_STEP_NS: u64 = 20_000_000;

const SECOND: f64 = 1e9;

/// The cumulative figures of the tick before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    /// When it was taken (monotonic); 0 when there was none.
    pub tick_ns: u64,
    /// CPU of the target.
    pub cpu_ns: MaybeKnown,
    /// Of it, in user mode.
    pub user_ns: MaybeKnown,
    /// Of it, in the kernel.
    pub system_ns: MaybeKnown,
    /// Largest sum of resident memory so far.
    pub rss_peak_bytes: MaybeKnown,
    /// By slot number.
    pub slots: Vec<EarlierSlot>,
    /// The machine.
    pub host: Host,
    /// Signs of strain.
    pub strain: StrainReading,
    /// Each route on which something was answered; `None` when another observer took the tick.
    pub routes: Option<Vec<EarlierRoute>>,
}

/// A slot's cumulative figures of the tick before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EarlierSlot {
    /// What its event loops had done, as this observer has read it.
    pub looped: MaybeKnown<ThreadTimes>,
    /// Its counters and its CPU.
    pub account: Account,
}

/// One tick.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When.
    pub moment: Moment,
    /// The whole target and the machine.
    pub target: TargetSample,
    /// Each slot ever used.
    pub slots: Vec<SlotSample>,
    /// Each route on which something was ever answered.
    pub routes: Vec<RouteSample>,
    /// How long the requests took that were finished in the tick, on all routes.
    pub recorded: Durations<Distribution>,
    strain: StrainReading,
}

/// When a sample was taken, and how it relates to its neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Since the Unix epoch.
    pub realtime_ns: u64,
    /// Monotonic.
    pub monotonic_ns: u64,
    /// Since the run began.
    pub elapsed_ns: u64,
    /// Since the sample before; `None` in the first.
    pub interval_ns: Option<u64>,
    /// After the deadline.
    pub late_ns: u64,
}

/// What the whole target and the machine did in a tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetSample {
    /// Processes, threads, descriptors, memory.
    pub group: Group,
    /// Largest sum of resident memory in any tick.
    pub rss_peak_bytes: MaybeKnown,
    /// Memory with shared pages counted once.
    pub pss_bytes: MaybeKnown,
    /// Memory without shared pages.
    pub uss_bytes: MaybeKnown,
    /// CPU since the run began.
    pub cpu_ns: MaybeKnown,
    /// Of it, in user mode.
    pub user_ns: MaybeKnown,
    /// Of it, in the kernel.
    pub system_ns: MaybeKnown,
    /// CPU in the tick, 1 = one core.
    pub cores: MaybeKnown<f64>,
    /// Of it, in user mode.
    pub user_cores: MaybeKnown<f64>,
    /// Of it, in the kernel.
    pub system_cores: MaybeKnown<f64>,
    /// CPU in the tick, 1 = all cores of the machine.
    pub host_share: MaybeKnown<f64>,
    /// CPU in the tick of everything on the machine, 1 = all its cores.
    pub host_busy: MaybeKnown<f64>,
    /// The machine.
    pub host: Host,
    /// What the workers have counted since the run began.
    pub totals: Totals,
    /// Requests finished, a second in this tick.
    pub rate: MaybeKnown<f64>,
    /// Signs of strain.
    pub strain: StrainSample,
    /// Of the requests finished in the tick; `None` when there were none.
    pub durations: Durations<Option<Quantiles>>,
}

/// What a slot did in a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotSample {
    /// Its number.
    pub slot: usize,
    /// Of its newest worker.
    pub generation: u64,
    /// Of its newest worker.
    pub pid: u32,
    /// One word for people.
    pub state: &'static str,
    /// Whether a worker of it serves.
    pub is_live: bool,
    /// When the loop of its newest worker last turned (monotonic), if one sits there and it did.
    pub beat_ns: Option<u64>,
    /// Whether its counters said what can't be: then the tick counts nothing for it.
    pub is_implausible: bool,
    /// Processes, threads, descriptors, memory.
    pub group: Group,
    /// CPU in the tick, 1 = one core.
    pub cores: MaybeKnown<f64>,
    /// What its event loop did in the tick.
    pub looping: MaybeKnown<Looping>,
    /// Requests finished, a second in this tick.
    pub rate: MaybeKnown<f64>,
    /// What its workers have counted since the run began.
    pub account: Account,
    looped: MaybeKnown<ThreadTimes>,
}

/// How much of a tick an event loop did not sleep, 1 = all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Looping {
    /// It ran, or waited for a processor: what is left of 1 is idle.
    pub busy: f64,
    /// Of that, it waited.
    pub waiting: f64,
}

/// The tick between two instants. The first tick of a run is a baseline: it has totals and no rates.
#[must_use]
pub fn between(earlier: &Earlier, reading: &Reading) -> Sample {
    let moment = moment(earlier, reading.instant);
    let groups = reading.slots.iter().copied().chain(std::iter::repeat(Group::default()));
    let loops = reading.loops.iter().copied().chain(std::iter::repeat(MaybeKnown::UNKNOWN));
    let slots = reading.snapshot.slots.iter().zip(groups).zip(loops);
    let slots: Vec<SlotSample> = slots
        .map(|((slot, group), looped)| slot_sample(earlier, slot, (group, looped), moment.interval_ns))
        .collect();
    let totals = slots.iter().map(|slot| &slot.account.told).sum();
    let strain = StrainReading { usage: with_workers(reading.strain.usage, &totals), ..reading.strain };
    // Of the run's first tick it is known what came before: nothing.
    let routes_before = if earlier.tick_ns == 0 { Some(&[][..]) } else { earlier.routes.as_deref() };
    let (routes, recorded) = routes::between(routes_before, &reading.routes, moment.interval_ns);
    let target = target(earlier, reading, (&totals, &slots, strain, recorded.quantiles()), moment.interval_ns);
    Sample { moment, target, slots, routes, recorded, strain }
}

/// What the kernel has counted of all processes: those of the workers are on the scoreboard.
fn with_workers(others: MaybeKnown<Usage>, workers: &Totals) -> MaybeKnown<Usage> {
    others.map(|Usage { voluntary_switches, involuntary_switches, major_faults }| Usage {
        voluntary_switches: voluntary_switches + workers.counts.voluntary_switches,
        involuntary_switches: involuntary_switches + workers.counts.involuntary_switches,
        major_faults: major_faults + workers.counts.major_faults,
    })
}

impl Earlier {
    /// What the next tick needs to know of this one.
    #[must_use]
    pub fn of(sample: &Sample) -> Self {
        let Sample { moment, target, slots: samples, routes, recorded: _, strain } = sample;
        let mut slots = Vec::new();
        for sample in samples {
            slots.resize(slots.len().max(sample.slot + 1), EarlierSlot::default());
            slots[sample.slot] = EarlierSlot { looped: sample.looped, account: sample.account };
        }
        Self {
            tick_ns: moment.monotonic_ns,
            cpu_ns: target.cpu_ns,
            user_ns: target.user_ns,
            system_ns: target.system_ns,
            rss_peak_bytes: target.rss_peak_bytes,
            slots,
            host: target.host,
            strain: *strain,
            routes: Some(routes.iter().map(EarlierRoute::of).collect()),
        }
    }

    fn finished(&self) -> u64 {
        self.slots.iter().map(|slot| slot.account.told.counts.finished).fold(0, u64::wrapping_add)
    }
}

fn moment(earlier: &Earlier, instant: Instant) -> Moment {
    let Instant { monotonic_ns, realtime_ns, due_ns, started_ns } = instant;
    Moment {
        realtime_ns,
        monotonic_ns,
        elapsed_ns: monotonic_ns.saturating_sub(started_ns),
        interval_ns: (earlier.tick_ns > 0).then(|| monotonic_ns.saturating_sub(earlier.tick_ns)),
        late_ns: monotonic_ns.saturating_sub(due_ns),
    }
}

fn target(
    earlier: &Earlier,
    reading: &Reading,
    (totals, slots, strain, durations): (&Totals, &[SlotSample], StrainReading, Durations<Option<Quantiles>>),
    interval_ns: Option<u64>,
) -> TargetSample {
    let Tree { group, cpu_ns, user_ns, system_ns, pss_bytes, uss_bytes } = reading.tree;
    let cpu_ns = grown(earlier.cpu_ns, cpu_ns);
    let user_ns = grown(earlier.user_ns, user_ns);
    let system_ns = grown(earlier.system_ns, system_ns);
    let cores = rate(earlier.cpu_ns, cpu_ns, interval_ns);
    let split = believable_split(
        cpu_ns.since(earlier.cpu_ns),
        user_ns.since(earlier.user_ns),
        system_ns.since(earlier.system_ns),
        group.procs,
    );
    let share = |part: fn((u64, u64)) -> u64| rate(0.into(), split.map(part), interval_ns);
    let host = &reading.host;
    TargetSample {
        group,
        // The largest that was read: what could not be read in a tick is missing in its row alone.
        rss_peak_bytes: group.rss_bytes.get().max(earlier.rss_peak_bytes.get()).into(),
        pss_bytes,
        uss_bytes,
        cpu_ns,
        user_ns,
        system_ns,
        cores,
        user_cores: share(|(user, _)| user),
        system_cores: share(|(_, system)| system),
        host_share: cores
            .zip(host.cpu.and_then(|cpu| cpu.cpus))
            .and_then(|(cores, cpus)| MaybeKnown::ratio(cores, float(cpus))),
        host_busy: share_of_ticks(&earlier.host, host, |cpu| cpu.busy_ticks.into()),
        host: *host,
        totals: *totals,
        rate: rate_per_second(earlier.finished().into(), totals.counts.finished.into(), interval_ns),
        strain: strain::between((&earlier.strain, strain), (&earlier.host, host), (cores, interval_ns), slots),
        durations,
    }
}

fn slot_sample(
    earlier: &Earlier,
    slot: &SlotReading,
    (group, looped): (Group, MaybeKnown<ThreadTimes>),
    interval_ns: Option<u64>,
) -> SlotSample {
    let before = earlier.slots.get(slot.slot).copied().unwrap_or_default();
    let (account, plausible) = before.account.go_on(&slot.totals);
    let (told_before, told) = (&before.account.told, &account.told);
    SlotSample {
        slot: slot.slot,
        generation: slot.generation,
        pid: slot.pid,
        state: slot.state_name(),
        beat_ns: slot.beat_ns(),
        is_live: slot.workers.iter().any(|worker| worker.state == SeatState::Live),
        is_implausible: !plausible,
        group,
        cores: rate(told_before.cpu_ns, told.cpu_ns, interval_ns),
        looping: before.looped.zip(looped).and_then(|(before, now)| looping(now.since(before), interval_ns)),
        rate: rate_per_second(told_before.counts.finished.into(), told.counts.finished.into(), interval_ns),
        looped,
        account,
    }
}

fn looping(more: ThreadTimes, interval_ns: Option<u64>) -> MaybeKnown<Looping> {
    let ThreadTimes { ran_ns, waited_ns } = more;
    let share = |time_ns: u64| rate(0.into(), time_ns.into(), interval_ns);
    share(ran_ns + waited_ns).zip(share(waited_ns)).map(|(busy, waiting)| Looping { busy, waiting })
}

/// The split of a tick's CPU into user and system, unless it can't be true: a command that the target ran (`--while`)
/// and has reaped is in the kernel's sums over children, and not in the target's CPU.
fn believable_split(
    cpu_ns: MaybeKnown,
    user_ns: MaybeKnown,
    system_ns: MaybeKnown,
    procs: MaybeKnown,
) -> MaybeKnown<(u64, u64)> {
    let limit_ns = cpu_ns.zip(procs).map(|(cpu_ns, procs)| cpu_ns + SPLIT_STEP_NS.saturating_mul(procs + 1));
    let is_believable = |((user_ns, system_ns), limit_ns): ((u64, u64), u64)| {
        (user_ns.saturating_add(system_ns) <= limit_ns).then_some((user_ns, system_ns)).into()
    };
    user_ns.zip(system_ns).zip(limit_ns).and_then(is_believable)
}

/// The share of the ticks of the machine's processors that were of a kind.
fn share_of_ticks(earlier: &Host, now: &Host, kind: fn(HostCpu) -> MaybeKnown) -> MaybeKnown<f64> {
    let more = |ticks: fn(HostCpu) -> MaybeKnown| now.cpu.and_then(ticks).since(earlier.cpu.and_then(ticks));
    let (of_kind, total) = (more(kind), more(|cpu| cpu.total_ticks.into()));
    let share = of_kind.zip(total).and_then(|(part, whole)| MaybeKnown::ratio(float(part), float(whole)));
    share.map(|share| share.min(1.0))
}

/// Nanoseconds of something in each nanosecond.
fn rate(before: MaybeKnown, now: MaybeKnown, interval_ns: Option<u64>) -> MaybeKnown<f64> {
    let more = now.since(before).zip(interval_ns.into());
    more.and_then(|(more, interval_ns)| MaybeKnown::ratio(float(more), float(interval_ns)))
}

fn rate_per_second(before: MaybeKnown, now: MaybeKnown, interval_ns: Option<u64>) -> MaybeKnown<f64> {
    rate(before, now, interval_ns).map(|rate| rate * SECOND)
}

/// Exact up to 2⁵³: 104 days of CPU in nanoseconds.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
