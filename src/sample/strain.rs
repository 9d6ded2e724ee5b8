//! The signs of strain: what explains a slow result, on the target's side and on the machine's.

use super::{Host, Looping, SlotSample, StrainReading, grown, rate, rate_per_second};
use crate::maybe_known::MaybeKnown;
use crate::scoreboard::Late;
use crate::sys::listener::AcceptQueue;
use crate::sys::procfs::Cgroup;
use crate::sys::usage::Usage;

/// Signs of strain in a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StrainSample {
    /// CPU of the target, 1 = what its control group may use.
    pub quota_share: MaybeKnown<f64>,
    /// Threads waiting for a processor, on average.
    pub waiting: MaybeKnown<f64>,
    /// Switches to wait for something, a second.
    pub voluntary_rate: MaybeKnown<f64>,
    /// Switches because others had to run, a second.
    pub involuntary_rate: MaybeKnown<f64>,
    /// Faults that waited for a disk, a second.
    pub major_fault_rate: MaybeKnown<f64>,
    /// Time of the machine's processors that went to other guests of its hardware, 1 = all.
    pub steal: MaybeKnown<f64>,
    /// The control group.
    pub cgroup: Cgroup,
    /// The share of the tick in which something on the machine waited for a processor, 1 = always.
    pub cpu_pressure: MaybeKnown<f64>,
    /// The same for memory.
    pub memory_pressure: MaybeKnown<f64>,
    /// The same for input and output.
    pub io_pressure: MaybeKnown<f64>,
    /// The fullest accept queue of those that listen.
    pub accept_queue: MaybeKnown<AcceptQueue>,
    /// What all accept queues together have dropped.
    pub listen_drops: MaybeKnown,
    /// Connections in which bytes wait that nobody has read.
    pub unread: MaybeKnown,
    /// The latest beat of any worker. What its loop did meanwhile is unknown while the beat is still to come.
    pub latest_beat: MaybeKnown<Late>,
    /// The event loop that slept least.
    pub busiest_loop: MaybeKnown<Looping>,
    /// The busiest slot's requests over the live slots' mean.
    pub imbalance: MaybeKnown<f64>,
}

/// The strain between two readings.
pub(super) fn between(
    (earlier, now): (&StrainReading, StrainReading),
    (host_before, host): (&Host, &Host),
    (cores, interval_ns): (MaybeKnown<f64>, Option<u64>),
    slots: &[SlotSample],
) -> StrainSample {
    let StrainReading { waited_ns, usage, cgroup, pressure, accept_queue, listen_drops, unread, latest_beat } = now;
    let switched =
        |count: fn(Usage) -> u64| rate_per_second(earlier.usage.map(count), usage.map(count), interval_ns);
    let stalled = |before: MaybeKnown, now: MaybeKnown| {
        let nanoseconds = |microseconds: u64| microseconds * 1_000;
        let share = rate(before.map(nanoseconds), now.map(nanoseconds), interval_ns);
        // The kernel brings its totals up to date when it likes: a little more than the tick may come at once.
        share.map(|share| share.min(1.0))
    };
    StrainSample {
        quota_share: cores.zip(cgroup.quota_cores).and_then(|(cores, quota)| MaybeKnown::ratio(cores, quota)),
        waiting: rate(earlier.waited_ns, waited_ns, interval_ns),
        voluntary_rate: switched(|usage| usage.voluntary_switches),
        involuntary_rate: switched(|usage| usage.involuntary_switches),
        major_fault_rate: switched(|usage| usage.major_faults),
        steal: super::share_of_ticks(host_before, host, |cpu| cpu.steal_ticks),
        cgroup: Cgroup { throttled_ns: grown(earlier.cgroup.throttled_ns, cgroup.throttled_ns), ..cgroup },
        cpu_pressure: stalled(earlier.pressure.cpu_us, pressure.cpu_us),
        memory_pressure: stalled(earlier.pressure.memory_us, pressure.memory_us),
        io_pressure: stalled(earlier.pressure.io_us, pressure.io_us),
        accept_queue,
        listen_drops,
        unread,
        latest_beat,
        busiest_loop: busiest_loop(slots),
        imbalance: imbalance(slots),
    }
}

fn busiest_loop(slots: &[SlotSample]) -> MaybeKnown<Looping> {
    let known = slots.iter().filter_map(|slot| slot.looping.get());
    known.max_by(|one, other| one.busy.total_cmp(&other.busy)).into()
}

/// Unknown where nobody did anything.
fn imbalance(slots: &[SlotSample]) -> MaybeKnown<f64> {
    let gained = || slots.iter().filter(|slot| slot.is_live).map(|slot| slot.rate);
    let sum = gained().sum::<MaybeKnown<f64>>();
    let mean = sum.and_then(|sum| MaybeKnown::ratio(sum, super::float(gained().count() as u64)));
    let busiest = gained().filter_map(MaybeKnown::get).fold(0.0, f64::max);
    mean.and_then(|mean| MaybeKnown::ratio(busiest, mean))
}
