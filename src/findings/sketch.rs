//! Recordings for tests: a row a second, of which only what matters is known. As in a real run the first row is taken when
//! it begins, and has no interval.

use crate::histogram::{Distribution, Durations, Histogram};
use crate::recording::{Faulty, Figure, Level, Phase, Recording, Route, Series, When, Worker};
use crate::snapshot::{Figures, RouteReading};

/// What is understood at first reading has at most so many words a sentence.
const WORDS: usize = 25;

/// Fails for a sentence that has more. What is no letter and no digit is no word: `80 %` is one.
pub fn has_short_sentences(text: &str) {
    let is_word = |word: &&str| word.contains(char::is_alphanumeric);
    for sentence in text.split_inclusive(". ") {
        let words = sentence.split_whitespace().filter(is_word).count();
        assert!(words <= WORDS, "{words} words: {sentence}");
    }
}

/// Rows of several figures.
fn several(columns: &[(Figure, &[f64])], levels: &[Level]) -> Series {
    let mut series = Series::new(Figure::ALL, 10_000).watching(levels);
    let rows = columns.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    for row in 0..rows {
        let value = |figure: &Figure| {
            let column = columns.iter().find(|(name, _)| name == figure);
            column.and_then(|(_, values)| values.get(row)).copied().unwrap_or(f64::NAN)
        };
        let numbers: Vec<f64> = Figure::ALL.iter().map(value).collect();
        let interval_s = if row == 0 { 0.0 } else { 1.0 };
        #[allow(clippy::cast_precision_loss)]
        series.push(When { elapsed_s: row as f64, interval_s, phase: 0 }, &numbers);
    }
    series
}

/// The target's figures.
pub fn target(columns: &[(Figure, &[f64])]) -> Series {
    several(columns, Level::OF_THE_TARGET)
}

/// A run of which only the target's figures are known.
pub fn run(columns: &[(Figure, &[f64])]) -> Recording {
    Recording { target: target(columns), ..Recording::default() }
}

/// The same with a phase from begin to end, in which this was counted.
pub fn run_with(columns: &[(Figure, &[f64])], figures: Figures) -> Recording {
    let mut run = run(columns);
    let to_s = run.seconds();
    run.phases = vec![Phase {
        name: "run".to_owned(),
        from_s: 0.0,
        to_s,
        figures: Some(figures.clone()),
        ..Phase::default()
    }];
    run.whole = Some(figures);
    run
}

/// A slot.
pub fn worker(slot: usize, columns: &[(Figure, &[f64])]) -> Worker {
    slot_watched(slot, columns, &Level::of_a_worker(None))
}

/// A slot with a --max-inflight.
pub fn worker_with_room_for(requests: f64, slot: usize, columns: &[(Figure, &[f64])]) -> Worker {
    slot_watched(slot, columns, &Level::of_a_worker(Some(requests)))
}

fn slot_watched(slot: usize, columns: &[(Figure, &[f64])], levels: &[Level]) -> Worker {
    Worker {
        slot: slot.to_string(),
        generation: "1".to_owned(),
        state: "live".to_owned(),
        series: several(columns, levels),
    }
}

/// A route.
pub fn route(path: &str, columns: &[(Figure, &[f64])]) -> Route {
    Route { method: "GET".to_owned(), path: path.to_owned(), series: several(columns, &[]) }
}

/// A plan that was in force and open.
pub fn plan(plans: &str, (from_s, to_s): (f64, f64)) -> Faulty {
    Faulty {
        from_s,
        to_s,
        plans: plans.to_owned(),
        leaks: false,
        holds_up: false,
        is_open_throughout: true,
        open: Vec::new(),
    }
}

/// So many requests that took so many microseconds each.
pub fn distribution(requests: u64, us: u64) -> Distribution {
    let histogram: Box<Histogram> = bytemuck::allocation::zeroed_box();
    (0..requests).for_each(|_| histogram.record(us * 1_000));
    let mut distribution = Distribution::default();
    distribution.add(&histogram);
    distribution
}

/// So many requests, each of which waited and was served for so many microseconds.
pub fn figures(requests: u64, (queue_us, service_us): (u64, u64)) -> Figures {
    figures_behind_the_loop(requests, (queue_us, 0, service_us))
}

/// The same, where each has waited for the loop too.
pub fn figures_behind_the_loop(requests: u64, (queue_us, loop_us, service_us): (u64, u64, u64)) -> Figures {
    let distribution = |us: u64| distribution(requests, us);
    let route = RouteReading {
        path: "/io".to_owned(),
        method: "GET".to_owned(),
        statuses: [(200, requests)].into(),
        durations: Durations {
            service: distribution(service_us),
            latency: distribution(queue_us + loop_us + service_us),
            queue: distribution(queue_us),
            loop_wait: distribution(loop_us),
            ..Durations::default()
        },
        ..RouteReading::default()
    };
    let mut figures = Figures { routes: vec![route], ..Figures::default() };
    figures.totals.counts.finished = requests;
    figures
}
