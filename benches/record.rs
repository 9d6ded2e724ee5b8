//! What it costs to record how long a request took: the four histograms, and the looks at the clocks that they need. Of it,
//! what the waits for the loop cost: their histogram, and taking them from the thread each time that the request is polled.
//!
//! `cargo bench --bench record`. A request is recorded with its times and without them, in turns, into the same seat; the
//! difference of the two is the histograms'. Values spread over two powers of ten and take turns over several routes, so
//! that buckets are not in the nearest cache by courtesy of the benchmark alone.
//!
//! A request has four looks at a clock: two when it is read, since the kernel stamps arrivals with another clock than all
//! else is measured by, one when its head is parsed, one at the flush. Timeouts and `Server-Timing` need three of them
//! anyway; the fourth is there for the times alone.

use std::hint::black_box;
use std::sync::Arc;

use quintain::histogram::Histogram;
use quintain::scoreboard::{Finished, Outcome, Scoreboard, SeatState, SeatWriter, Times};
use quintain::sys::clock;
use quintain::work::loop_wait;

/// What recording may cost a request.
const TARGET_NS: f64 = 60.0;

/// Of it, what the waits for the loop may cost.
const LOOP_TARGET_NS: f64 = 20.0;

/// How often a request that sleeps is polled: its handler twice, its body once.
const POLLS: usize = 3;

/// Requests in a turn.
const REQUESTS: u32 = 1_000_000;

/// Turns of each way.
const TURNS: usize = 21;

/// Routes that requests take turns on.
const ROUTES: usize = 4;

/// Values that are made beforehand, since making them costs as much as recording them.
const VALUES: usize = 4096;

fn seat() -> SeatWriter {
    let board = Scoreboard::map(1).expect("memory");
    board.slots()[0].occupy(0, 1, 1);
    board.slots()[0].roster(0).set_state(SeatState::Live);
    SeatWriter::new(Arc::clone(&board), 0, 0)
}

/// From 100 µs to 10 ms, evenly in the logarithm, in no order: the same ones in every run.
fn values() -> Vec<Times> {
    let mut state = 1_u64;
    let mut draw = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = f64::from(u32::try_from(state >> 32).expect("the upper half")) / f64::from(u32::MAX);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let value_ns = (100_000.0 * 100_f64.powf(share)) as u64;
        value_ns
    };
    let times = std::iter::repeat_with(move || {
        let (queue_ns, loop_ns, service_ns) = (draw() / 10, draw() / 10, draw());
        Times { queue_ns: Some(queue_ns), loop_ns, service_ns, latency_ns: queue_ns + loop_ns + service_ns }
    });
    times.take(VALUES).collect()
}

/// ns of the thread's CPU each time: what others on the machine do in between is not in it.
fn each(mut once: impl FnMut(usize)) -> f64 {
    let begun_ns = clock::thread_cpu_ns();
    for number in 0..REQUESTS as usize {
        once(number);
    }
    #[allow(clippy::cast_precision_loss)]
    let used_ns = (clock::thread_cpu_ns() - begun_ns) as f64;
    used_ns / f64::from(REQUESTS)
}

/// Median, smallest and largest.
fn spread(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}

fn main() {
    let (seat, values) = (seat(), values());
    let outcome = Outcome::Answered(200);
    let record = |number: usize, times: Option<Times>| {
        seat.finished(black_box(&Finished { route: number % ROUTES, outcome, times }));
    };
    let times = |number: usize| values[number % VALUES];
    let loops: [Box<Histogram>; ROUTES] = std::array::from_fn(|_| bytemuck::allocation::zeroed_box());
    let (mut histograms, mut stamps, mut whole, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut looped = Vec::new();
    for turn in 0..=TURNS {
        let with = each(|number| record(number, Some(times(number))));
        // The values are read all the same.
        let without = each(|number| record(number, black_box(Some(times(number))).filter(|_| false)));
        let monotonic = each(|_| {
            black_box(clock::monotonic_ns());
        });
        let realtime = each(|_| {
            black_box(clock::realtime_ns());
        });
        let reading = each(|number| {
            black_box(times(number));
        });
        let of_loop = each(|number| {
            for _ in 0..POLLS {
                black_box((loop_wait::take(), loop_wait::take()));
            }
            loops[number % ROUTES].record(times(number).loop_ns);
        });
        // The first turn touches the memory.
        if turn > 0 {
            histograms.push(with - without);
            stamps.push(realtime);
            looped.push(of_loop - reading);
            whole.push(with - without + realtime);
            others.push(3.0 * monotonic);
        }
    }
    println!("ns a request                             median   (least to most of {TURNS} turns)");
    let figure = |name: &str, figures: &[f64]| {
        let (median, least, most) = spread(figures.to_vec());
        println!("{name:<40} {median:>6.1}   ({least:.1} to {most:.1})");
        median
    };
    figure("four histograms", &histograms);
    figure("a look at the clock of arrival stamps", &stamps);
    let whole = figure("both", &whole);
    let verdict = if whole <= TARGET_NS { "reached" } else { "missed" };
    println!("target: {TARGET_NS} ns a request at most: {verdict}");
    let looped = figure("of it, waits for the loop", &looped);
    let loop_verdict = if looped <= LOOP_TARGET_NS { "reached" } else { "missed" };
    println!("target: {LOOP_TARGET_NS} ns a request at most: {loop_verdict}");
    figure("(three looks that are needed anyway)", &others);
    std::process::exit(i32::from(whole > TARGET_NS || looped > LOOP_TARGET_NS));
}
