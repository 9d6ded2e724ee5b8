use std::sync::Arc;

use super::*;
use crate::scoreboard::{Counts, SlotState};
use crate::snapshot::WorkerReading;
use crate::snapshot::{RouteReading, Snapshot};
use crate::sys::procfs::{Cgroup, Pressure};
use proptest::prelude::*;

const START: u64 = 5_000_000_000;

fn slot(number: usize, finished: u64, cpu_ns: u64) -> SlotReading {
    SlotReading {
        slot: number,
        state: SlotState::Filled,
        pid: 10,
        generation: 1,
        totals: Totals {
            counts: Counts { started: finished + 2, finished, accepts: 3, closed: 1, ..Counts::default() },
            lost: 0,
            cpu_ns: known(cpu_ns),
        },
        workers: Vec::new(),
    }
}

fn known<T>(value: T) -> MaybeKnown<T> {
    MaybeKnown::known(value)
}

fn reading(at_ns: u64, slots: Vec<SlotReading>, tree: Tree) -> Reading {
    Reading {
        instant: Instant { monotonic_ns: at_ns, realtime_ns: at_ns, due_ns: at_ns, started_ns: START },
        snapshot: Snapshot { slots },
        tree,
        ..Reading::default()
    }
}

fn tree(cpu_ns: u64, user_ns: u64, system_ns: u64) -> Tree {
    Tree {
        group: Group { procs: known(1), ..Group::default() },
        cpu_ns: known(cpu_ns),
        user_ns: known(user_ns),
        system_ns: known(system_ns),
        ..Tree::default()
    }
}

#[test]
fn the_first_tick_has_totals_and_no_rates() {
    let sample = between(&Earlier::default(), &reading(START, vec![slot(0, 7, 100)], tree(200, 100, 100)));
    assert_eq!(sample.moment.interval_ns, None);
    assert_eq!(
        (sample.target.cores, sample.target.user_cores, sample.target.rate),
        (MaybeKnown::UNKNOWN, MaybeKnown::UNKNOWN, MaybeKnown::UNKNOWN)
    );
    assert_eq!((sample.slots[0].cores, sample.slots[0].rate), (MaybeKnown::UNKNOWN, MaybeKnown::UNKNOWN));
    assert_eq!((sample.target.cpu_ns, sample.target.totals.counts.finished), (known(200), 7));
}

fn machine(busy_ticks: u64, steal_ticks: u64, total_ticks: u64) -> Host {
    let (steal_ticks, cpus) = (known(steal_ticks), known(4));
    let cpu = HostCpu { busy_ticks, steal_ticks, process_ticks: busy_ticks, total_ticks, cpus };
    Host { cpu: known(cpu), ..Host::default() }
}

#[test]
fn rates_are_over_the_true_interval() {
    let second = 1_000_000_000;
    let first = between(&Earlier::default(), &reading(START, vec![slot(0, 10, 0)], tree(0, 0, 0)));
    let mut late = reading(START + 2 * second, vec![slot(0, 30, second)], tree(3 * second, 2 * second, second));
    late.instant.due_ns = START + second;
    late.host = machine(0, 0, 0);
    let sample = between(&Earlier::of(&first), &late);
    assert_eq!((sample.moment.interval_ns, sample.moment.late_ns), (Some(2 * second), second));
    assert_eq!(sample.moment.elapsed_ns, 2 * second);
    let TargetSample { cores, user_cores, system_cores, host_share, totals, rate, .. } = sample.target;
    let now = totals.gauges();
    assert_eq!((cores, user_cores, system_cores), (known(1.5), known(1.0), known(0.5)));
    assert_eq!(host_share, known(0.375));
    assert_eq!((rate, now.in_flight, now.connections), (known(10.0), 2, 2));
    assert_eq!((sample.slots[0].cores, sample.slots[0].rate), (known(0.5), known(10.0)));
}

#[test]
fn a_slot_that_appears_counts_from_nothing() {
    let first = between(&Earlier::default(), &reading(START, vec![slot(0, 1, 0)], Tree::default()));
    let second = reading(START + 1_000_000_000, vec![slot(0, 1, 0), slot(3, 5, 500_000_000)], Tree::default());
    let sample = between(&Earlier::of(&first), &second);
    assert_eq!((sample.slots[1].rate, sample.slots[1].cores), (known(5.0), known(0.5)));
    let totals = slot(3, 5, 500_000_000).totals;
    assert_eq!(
        Earlier::of(&sample).slots[3],
        EarlierSlot { looped: MaybeKnown::UNKNOWN, account: Account { seen: totals, told: totals } }
    );
}

#[test]
fn the_cpu_of_a_command_that_was_reaped_is_not_the_target_s() {
    let first = between(&Earlier::default(), &reading(START, vec![], tree(0, 0, 0)));
    let with_command = reading(START + 1_000_000_000, vec![], tree(10_000_000, 900_000_000, 0));
    let sample = between(&Earlier::of(&first), &with_command);
    assert_eq!((sample.target.user_cores, sample.target.system_cores), (MaybeKnown::UNKNOWN, MaybeKnown::UNKNOWN));
    assert_eq!(sample.target.cores, known(0.01));
}

#[test]
fn everybody_s_cpu_is_a_share_of_the_ticks() {
    let mut first = reading(START, vec![], Tree::default());
    first.host = machine(100, 10, 1000);
    let mut second = reading(START + 1, vec![], Tree::default());
    second.host = machine(150, 14, 1200);
    let first = between(&Earlier::default(), &first);
    assert_eq!((first.target.host_busy, first.target.strain.steal), (MaybeKnown::UNKNOWN, MaybeKnown::UNKNOWN));
    let second = between(&Earlier::of(&first), &second).target;
    assert_eq!((second.host_busy, second.strain.steal), (known(0.25), known(0.02)));
}

proptest! {
    #[test]
    fn cumulative_figures_never_fall_and_rates_are_never_negative(
        ticks in proptest::collection::vec((0_u64..1 << 40, 0_u64..1 << 40, 0_u64..1 << 40, 0_u64..1 << 40, 1_u64..1 << 34), 1..20),
    ) {
        let mut earlier = Earlier::default();
        let mut now = START;
        for (cpu, user, rss, finished, gap) in ticks {
            now += gap;
            let mut reading = reading(now, vec![slot(0, finished, cpu)], tree(cpu, user, cpu - cpu.min(user)));
            reading.tree.group.rss_bytes = known(rss);
            let sample = between(&earlier, &reading);
            let later = Earlier::of(&sample);
            prop_assert!(later.cpu_ns.get() >= earlier.cpu_ns.get() && later.user_ns.get() >= earlier.user_ns.get());
            prop_assert!(later.system_ns.get() >= earlier.system_ns.get() && later.finished() >= earlier.finished());
            prop_assert!(later.rss_peak_bytes.get() >= earlier.rss_peak_bytes.get().max(Some(rss)));
            for rate in [sample.target.cores, sample.target.user_cores, sample.target.rate] {
                prop_assert!(rate.get().is_none_or(|rate| rate >= 0.0 && rate.is_finite()));
            }
            earlier = later;
        }
    }

    #[test]
    fn rates_times_intervals_add_up_to_the_total(steps in proptest::collection::vec((0_u64..1 << 20, 1_u64..1 << 34), 1..20)) {
        let first = between(&Earlier::default(), &reading(START, vec![slot(0, 0, 0)], Tree::default()));
        let (mut earlier, mut now, mut finished, mut sum) = (Earlier::of(&first), START, 0, 0.0);
        for (requests, gap) in steps {
            now += gap;
            finished += requests;
            let sample = between(&earlier, &reading(now, vec![slot(0, finished, 0)], Tree::default()));
            sum += sample.target.rate.get().unwrap() * float(sample.moment.interval_ns.unwrap()) / SECOND;
            earlier = Earlier::of(&sample);
        }
        prop_assert!((sum - float(finished)).abs() < 1e-3, "{sum} for {finished}");
    }
}

#[test]
fn strain_is_measured_from_tick_to_tick() {
    let second = 1_000_000_000;
    let usage =
        |count| known(Usage { voluntary_switches: count, involuntary_switches: 2 * count, major_faults: 0 });
    let mut first = reading(START, vec![slot(0, 0, 0), slot(1, 0, 0)], tree(0, 0, 0));
    first.strain.usage = usage(10);
    first.strain.waited_ns = known(5);
    first.strain.pressure = Pressure { cpu_us: known(100), memory_us: known(0), io_us: MaybeKnown::UNKNOWN };
    let mut busy = slot(0, 30, 0);
    busy.totals.counts.voluntary_switches = 90;
    let mut second_reading = reading(START + 2 * second, vec![busy, slot(1, 10, 0)], tree(second, 0, 0));
    second_reading.strain = StrainReading {
        usage: usage(20),
        waited_ns: known(second + 5),
        pressure: Pressure { cpu_us: known(500_100), memory_us: known(9_000_000), io_us: known(1) },
        cgroup: Cgroup { quota_cores: known(2.0), ..Cgroup::default() },
        ..StrainReading::default()
    };
    for slot in &mut second_reading.snapshot.slots {
        slot.workers.push(WorkerReading {
            slot: slot.slot,
            seat: 0,
            pid: 1,
            generation: 1,
            state: SeatState::Live,
            beat_ns: 1,
            applied_epoch: 0,
        });
    }
    let baseline = between(&Earlier::default(), &first);
    assert_eq!(baseline.target.strain.voluntary_rate, MaybeKnown::UNKNOWN);
    let strain = between(&Earlier::of(&baseline), &second_reading).target.strain;
    assert_eq!(
        (strain.voluntary_rate, strain.involuntary_rate, strain.major_fault_rate),
        (known(50.0), known(10.0), known(0.0))
    );
    assert_eq!((strain.waiting, strain.quota_share), (known(0.5), known(0.25)));
    assert_eq!(
        (strain.cpu_pressure, strain.memory_pressure, strain.io_pressure),
        (known(0.25), known(1.0), MaybeKnown::UNKNOWN)
    );
    assert!(strain.imbalance.get().is_some_and(|ratio| (ratio - 1.5).abs() < 1e-9));
}

#[test]
fn a_wall_clock_that_steps_moves_no_interval() {
    let second = 1_000_000_000;
    let first = between(&Earlier::default(), &reading(START, vec![slot(0, 0, 0)], Tree::default()));
    for realtime_ns in [0, START / 2, u64::MAX] {
        let mut stepped = reading(START + second, vec![slot(0, 10, 0)], Tree::default());
        stepped.instant.realtime_ns = realtime_ns;
        let sample = between(&Earlier::of(&first), &stepped);
        assert_eq!((sample.moment.elapsed_ns, sample.moment.interval_ns), (second, Some(second)));
        assert_eq!((sample.moment.late_ns, sample.target.rate), (0, known(10.0)));
        assert_eq!(sample.moment.realtime_ns, realtime_ns);
    }
}

#[test]
fn an_implausible_slot_counts_nothing_and_says_so() {
    let second = 1_000_000_000;
    let first = between(&Earlier::default(), &reading(START, vec![slot(0, 5, 0), slot(1, 7, 0)], Tree::default()));
    let mut garbage = slot(0, 9, 0);
    garbage.totals.counts.finished = u64::MAX / 3;
    let sample =
        between(&Earlier::of(&first), &reading(START + second, vec![garbage, slot(1, 9, 0)], Tree::default()));
    assert_eq!((sample.slots[0].is_implausible, sample.slots[1].is_implausible), (true, false));
    assert_eq!((sample.slots[0].account.told.counts.finished, sample.target.totals.counts.finished), (5, 14));
}

fn route(number: usize, finished: u64, durations_ns: &[u64]) -> Arc<RouteReading> {
    let histogram: Box<crate::histogram::Histogram> = bytemuck::allocation::zeroed_box();
    for &value in durations_ns {
        histogram.record(value);
    }
    let mut recorded = Distribution::default();
    recorded.add(&histogram);
    Arc::new(RouteReading {
        number,
        path: format!("/{number}"),
        method: "GET".to_owned(),
        statuses: [(200, finished), (503, 1)].into(),
        durations: Durations { service: recorded.clone(), latency: recorded, ..Durations::default() },
        ..RouteReading::default()
    })
}

#[test]
fn durations_are_those_of_the_tick_and_unknown_when_nothing_ended() {
    let second = 1_000_000_000;
    let at = |tick: u64, routes: Vec<Arc<RouteReading>>| Reading {
        routes,
        ..reading(START + tick * second, Vec::new(), Tree::default())
    };
    let first = between(&Earlier::default(), &at(0, vec![route(1, 1, &[1_000_000, 1_000_000])]));
    // The run's first tick counts from its begin.
    assert_eq!(first.recorded.service.count(), 2);
    let longer = route(1, 3, &[1_000_000, 1_000_000, 9_000_000, 9_000_000]);
    let new = route(4, 0, &[5_000_000]);
    let second = between(&Earlier::of(&first), &at(1, vec![Arc::clone(&longer), Arc::clone(&new)]));
    let Durations { service, latency, queue, loop_wait, acquire: _ } = second.target.durations;
    assert_eq!((service, queue, loop_wait), (latency, None, None));
    let Quantiles { p50_ns, p99_ns, max_ns, .. } = service.unwrap();
    assert!(p50_ns.abs_diff(9_000_000) * 128 < 9_000_000 && p50_ns == p99_ns && max_ns == 9_000_000, "{service:?}");
    let told: Vec<_> = second
        .routes
        .iter()
        .map(|route| (route.account.told.counts.finished, route.rate, route.account.told.counts.errors))
        .collect();
    assert_eq!(told, [(4, known(2.0), 1), (1, known(1.0), 1)]);
    assert_eq!(second.routes[1].durations.service.unwrap().max_ns, 5_000_000);

    let idle = between(&Earlier::of(&second), &at(2, vec![Arc::clone(&longer), Arc::clone(&new)]));
    assert_eq!(idle.target.durations, Durations::default());
    assert_eq!((idle.routes[0].account.told.counts.finished, idle.routes[0].rate), (4, known(0.0)));

    // Another observer doesn't know what the last one had read.
    let successor = Earlier { routes: None, ..Earlier::of(&second) };
    let sample = between(&successor, &at(2, vec![longer, new]));
    assert_eq!((sample.recorded, sample.routes[0].rate), (Durations::default(), MaybeKnown::UNKNOWN));
    assert_eq!(sample.routes[0].account.told.counts.finished, 4);
}

#[test]
fn garbage_in_a_route_adds_nothing_and_counting_goes_on_from_there() {
    let second = 1_000_000_000;
    let at = |tick: u64, route| Reading {
        routes: vec![route],
        ..reading(START + tick * second, Vec::new(), Tree::default())
    };
    let first = between(&Earlier::default(), &at(0, route(1, 4, &[1, 2, 3])));
    let fell = between(&Earlier::of(&first), &at(1, route(1, 9, &[1, 2])));
    assert_eq!((fell.routes[0].account.told.counts.finished, fell.target.durations), (5, Durations::default()));
    let leapt = between(&Earlier::of(&fell), &at(2, route(1, 1 << 60, &[1, 2, 3])));
    assert_eq!((leapt.routes[0].account.told.counts.finished, leapt.recorded.service.count()), (5, 0));
    let after = between(&Earlier::of(&leapt), &at(3, route(1, (1 << 60) + 2, &[1, 2, 3, 700])));
    assert_eq!((after.routes[0].account.told.counts.finished, after.recorded.service.count()), (7, 1));
}
