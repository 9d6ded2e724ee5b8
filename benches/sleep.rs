//! How late sleeps end and what they cost: tokio's, ours, a bare timerfd and `clock_nanosleep`, side by side.
//!
//! `cargo bench --bench sleep` runs it: 0.2, 0.5, 5 and 50 ms, 1 and 1,000 sleepers. Each way runs for `SECONDS_EACH` (1), `TURNS` (4)
//! times; `SPIN_US` (40) is that of the last way. ":fd" is the ratio to the bare timerfd's. Run it on an idle machine. Each sleeper begins a sleep in its own slot of a round, so that deadlines are
//! spread evenly; the wait for the next slot is a sleep of the same sort, which is counted in the CPU and not in the
//! lateness. The ways take turns, for as many rounds as asked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quintain::sys::clock::{self, monotonic_ns};
use quintain::sys::timer::without_slack;
use quintain::work::sleep;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

/// Between one sleeper's slot and the next. No divisor of the durations: ends would coincide with beginnings.
const SLOT_NS: u64 = 110_000;

/// One arrangement: how many sleep, how long, and how often each.
#[derive(Clone, Copy)]
struct Plan {
    sleepers: u64,
    duration_ns: u64,
    rounds: u64,
}

impl Plan {
    fn round_ns(self) -> u64 {
        self.sleepers * SLOT_NS + self.duration_ns
    }

    fn begin(self, start_ns: u64, sleeper: u64, round: u64) -> u64 {
        start_ns + sleeper * SLOT_NS + round * self.round_ns()
    }
}

/// What a way of sleeping did: each measured sleep's lateness, and CPU for each sleep of both sorts.
struct Seen {
    late_ns: Vec<u64>,
    cpu_ns: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Tokio,
    Ours { spin_us: u64 },
    Timerfd,
    Nanosleep,
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Tokio => "tokio".to_owned(),
            Self::Ours { spin_us: 0 } => "ours".to_owned(),
            Self::Ours { spin_us } => format!("ours, spin {spin_us}"),
            Self::Timerfd => "bare timerfd".to_owned(),
            Self::Nanosleep => "clock_nanosleep".to_owned(),
        }
    }

    fn run(self, plan: Plan) -> Seen {
        std::thread::spawn(move || {
            let before = clock::process_cpu_ns(std::process::id());
            let late_ns = match self {
                Self::Tokio => {
                    on_a_runtime(plan, None, &|ns| Box::pin(tokio::time::sleep(Duration::from_nanos(ns))))
                }
                Self::Ours { spin_us } => on_a_runtime(plan, Some(spin_us), &|ns| {
                    Box::pin(async move {
                        sleep::sleep(Duration::from_nanos(ns)).await;
                    })
                }),
                Self::Timerfd => timerfd(plan),
                Self::Nanosleep => nanosleep(plan),
            };
            let used = clock::process_cpu_ns(std::process::id()).since(before);
            let cpu_ns = used.get().expect("a process can read its own clock");
            Seen { late_ns, cpu_ns: cpu_ns / (2 * plan.sleepers * plan.rounds) }
        })
        .join()
        .expect("a panic is shown by its own thread")
    }
}

type Slept = Pin<Box<dyn Future<Output = ()> + Send>>;

fn on_a_runtime(plan: Plan, spin_us: Option<u64>, sleep: &'static (dyn Fn(u64) -> Slept + Sync)) -> Vec<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if let Some(spin_us) = spin_us {
            let service = sleep::Service::start(Duration::from_micros(spin_us)).expect("a timer");
            tokio::spawn(service.run());
        }
        let start_ns = monotonic_ns() + 2_000_000;
        let all = Arc::new(Mutex::new(Vec::new()));
        let tasks = (0..plan.sleepers).map(|sleeper| {
            let all = Arc::clone(&all);
            tokio::spawn(async move {
                let mut late = Vec::new();
                for round in 0..plan.rounds {
                    sleep(plan.begin(start_ns, sleeper, round).saturating_sub(monotonic_ns())).await;
                    let begun = monotonic_ns();
                    sleep(plan.duration_ns).await;
                    late.push((monotonic_ns() - begun).saturating_sub(plan.duration_ns));
                }
                all.lock().expect("nobody panics with it").append(&mut late);
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("a sleeper does not panic");
        }
        std::mem::take(&mut *all.lock().expect("nobody panics with it"))
    })
}

/// One thread, one timer, one heap, nothing else: what the kernel can do for a server's thread.
fn timerfd(plan: Plan) -> Vec<u64> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).expect("a timer");
    let start_ns = monotonic_ns() + 2_000_000;
    let mut late = Vec::new();
    // (deadline, sleeper, round, whether it is measured)
    let mut heap: BinaryHeap<Reverse<(u64, u64, u64, bool)>> =
        (0..plan.sleepers).map(|sleeper| Reverse((plan.begin(start_ns, sleeper, 0), sleeper, 0, false))).collect();
    while let Some(Reverse((next_ns, ..))) = heap.peek() {
        let part = |ns: u64| i64::try_from(ns).expect("less than 292 years");
        let it_value = Timespec { tv_sec: part(next_ns / clock::SECOND), tv_nsec: part(next_ns % clock::SECOND) };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &once).expect("a time");
        poll(&mut [PollFd::new(&timer, PollFlags::IN)], None).expect("a poll");
        while let Some(&Reverse((deadline_ns, sleeper, round, measured))) = heap.peek() {
            let now = monotonic_ns();
            if deadline_ns > now {
                break;
            }
            heap.pop();
            if !measured {
                heap.push(Reverse((now + plan.duration_ns, sleeper, round, true)));
                continue;
            }
            late.push(now - deadline_ns);
            if round + 1 < plan.rounds {
                heap.push(Reverse((plan.begin(start_ns, sleeper, round + 1), sleeper, round + 1, false)));
            }
        }
    }
    late
}

/// A thread for each sleeper.
fn nanosleep(plan: Plan) -> Vec<u64> {
    let start_ns = monotonic_ns() + 50_000_000;
    let threads = (0..plan.sleepers).map(|sleeper| {
        std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            without_slack();
            let mut late = Vec::new();
            for round in 0..plan.rounds {
                let wait = plan.begin(start_ns, sleeper, round).saturating_sub(monotonic_ns());
                std::thread::sleep(Duration::from_nanos(wait));
                let begun = monotonic_ns();
                std::thread::sleep(Duration::from_nanos(plan.duration_ns));
                late.push((monotonic_ns() - begun).saturating_sub(plan.duration_ns));
            }
            late
        })
    });
    let threads: Vec<_> = threads.collect();
    threads
        .into_iter()
        .flat_map(|thread| thread.expect("a thread").join().expect("a sleeper does not panic"))
        .collect()
}

fn quantile(sorted: &[u64], of_a_thousand: usize) -> f64 {
    let at = (sorted.len() * of_a_thousand / 1000).min(sorted.len() - 1);
    Duration::from_nanos(sorted[at]).as_secs_f64() * 1e6
}

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let (turns, seconds, spin_us) = (number("TURNS", 4), number("SECONDS_EACH", 1), number("SPIN_US", 40));
    let ways = [Way::Tokio, Way::Ours { spin_us: 0 }, Way::Timerfd, Way::Nanosleep, Way::Ours { spin_us }];
    println!(
        "{:>8} {:>8}  {:<16} {:>9} {:>9} {:>9}  {:>7} {:>7}  {:>9}",
        "sleepers", "asked", "way", "p50 us", "p99 us", "max us", "p50 :fd", "p99 :fd", "CPU us"
    );
    for sleepers in [1, 1_000] {
        for duration_ns in [200_000, 500_000, 5_000_000, 50_000_000] {
            let plan = Plan { sleepers, duration_ns, rounds: 1 };
            let rounds = (seconds * clock::SECOND / plan.round_ns()).max(2);
            let plan = Plan { rounds, ..plan };
            let mut seen: Vec<(Way, Vec<u64>, u64)> = ways.iter().map(|way| (*way, Vec::new(), 0)).collect();
            for turn in 0..turns {
                for place in 0..seen.len() {
                    // There and back again, so that a drift of the machine meets all alike.
                    let place = if turn % 2 == 0 { place } else { ways.len() - 1 - place };
                    let (way, late, cpu) = &mut seen[place];
                    let one = way.run(plan);
                    late.extend(one.late_ns);
                    *cpu += one.cpu_ns / turns;
                }
            }
            for (_, late, _) in &mut seen {
                late.sort_unstable();
            }
            let bare = seen.iter().find(|(way, ..)| *way == Way::Timerfd).map_or(&[][..], |(_, late, _)| late);
            for (way, late, cpu) in &seen {
                let (p50, p99) = (quantile(late, 500), quantile(late, 990));
                println!(
                    "{sleepers:>8} {:>8}  {:<16} {p50:>9.1} {p99:>9.1} {:>9.1}  {:>7.2} {:>7.2}  {:>9.2}",
                    format!("{:?}", Duration::from_nanos(duration_ns)),
                    way.name(),
                    quantile(late, 1000),
                    p50 / quantile(bare, 500),
                    p99 / quantile(bare, 990),
                    Duration::from_nanos(*cpu).as_secs_f64() * 1e6,
                );
            }
        }
    }
}
