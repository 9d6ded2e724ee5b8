//! The table of phases. What was counted at marks is exact; what only rows tell is shared out by time, since a row seldom
//! ends where a phase does.

use super::cells::{DURATIONS, durations};
use super::table::{Table, numbers, shown, words};
use crate::recording::{Figure, Phase, Recording};
use crate::snapshot::{Figures, Totals};
use crate::units::shown::{bytes, clock, float, number, percent, span};

/// Rows tell of microseconds.
const ROUNDED_S: f64 = 1e-6;

/// A mark that was read, and the same counter in the rows.
struct Counter {
    of: fn(&Totals) -> u64,
    in_rows: Figure,
}

const REQUESTS: Counter = Counter { of: |totals| totals.counts.finished, in_rows: Figure::Requests };
const ERRORS: Counter = Counter { of: |totals| totals.counts.errors, in_rows: Figure::Errors };

pub fn table(run: &Recording) -> Table {
    let of_rows = run.phases.iter().all(|phase| phase.begins_with.is_none());
    let unknown = run.phases.iter().any(|phase| phase.figures.is_none());
    let mut rows: Vec<Vec<String>> = Vec::new();
    if run.phases.len() != 1 || (of_rows && run.whole.is_some()) {
        let whole = Phase {
            name: "whole run".to_owned(),
            from_s: 0.0,
            to_s: run.lasted_s(),
            begins_with: None,
            figures: run.whole.clone(),
        };
        rows.push(row(run, &whole, None));
    }
    let ends = run.phases.iter().skip(1).map(|next| next.begins_with.as_ref()).chain([None]);
    let phases = run.phases.iter().zip(ends).filter(|(phase, _)| phase.seconds() > 0.0);
    rows.extend(phases.map(|(phase, ends_with)| row(run, phase, ends_with)));
    if run.target.is_empty() && run.whole.is_none() {
        rows.clear();
    }
    let quantiles = if of_rows && run.phases.len() > 1 {
        "What had been counted at marks is not known: a row counts for the phase in which it ends, and quantiles are not known."
    } else if unknown {
        "Where it is not known what had been counted at both ends of a phase, its quantiles are not known, and its requests are those of the rows."
    } else {
        "Quantiles are those of the summed histograms of all workers, within 0.78 %."
    };
    Table {
        name: "phases",
        title: "Phases",
        columns: [
            words("phase"),
            numbers("from"),
            numbers("for"),
            numbers("requests"),
            numbers("requests/s"),
            numbers("errors"),
        ]
        .into_iter()
        .chain(DURATIONS)
        .chain([numbers("CPU"), numbers("memory, most")])
        .collect(),
        rows,
        note: Some(format!(
            "{quantiles} CPU: 100 % is one core; unknown where no row lies mostly within the phase."
        )),
        is_long: false,
    }
}

/// `ends_with` is what had been counted at the end of the phase, where that is known.
fn row(run: &Recording, phase: &Phase, ends_with: Option<&Totals>) -> Vec<String> {
    let counted = phase.figures.as_ref();
    let gained = |counter: &Counter| {
        let of_figures = counted.map(|figures| float((counter.of)(&figures.totals)));
        of_figures.or_else(|| gained(run, phase, ends_with, counter))
    };
    let (requests, errors) = (gained(&REQUESTS), gained(&ERRORS));
    let recorded = counted.map(Figures::recorded).unwrap_or_default();
    let seconds = phase.seconds();
    let mut row = vec![
        phase.name.clone(),
        clock(phase.from_s),
        span(seconds),
        shown(requests, number),
        shown(requests.filter(|_| seconds > 0.0).map(|requests| requests / seconds), number),
        shown(errors, number),
    ];
    row.extend(durations(&recorded.service, &recorded.latency));
    row.push(shown(run.target.mean_between(Figure::Cpu, phase.period()), percent));
    row.push(shown(most(run, phase, Figure::Rss), bytes));
    row
}

/// How much a counter has gained in a phase that was not counted by itself: by the marks at its ends, or what the rows say
/// there.
fn gained(run: &Recording, phase: &Phase, ends_with: Option<&Totals>, counter: &Counter) -> Option<f64> {
    let at = |mark: Option<&Totals>, at_s: f64| {
        mark.map(|totals| float((counter.of)(totals))).or_else(|| run.target.counted_at(counter.in_rows, at_s))
    };
    let (begin, end) = (at(phase.begins_with.as_ref(), phase.from_s)?, at(ends_with, phase.to_s)?);
    Some((end - begin).max(0.0).round())
}

/// The most that a figure was at the end of any row in a phase.
fn most(run: &Recording, phase: &Phase, figure: Figure) -> Option<f64> {
    let within = |end_s: f64| end_s > phase.from_s && end_s <= phase.to_s + ROUNDED_S;
    let cells = run.target.of(figure).filter(|(stretch, _)| within(stretch.to_s));
    cells.filter_map(|(_, cell)| cell.most()).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Series, When};

    /// A row a second after a first one at 0: CPU, memory and requests finished so far.
    fn run(rows: &[[f64; 3]], phases: Vec<Phase>) -> Recording {
        let mut target = Series::new(&[Figure::Cpu, Figure::Rss, Figure::Requests], 100);
        for (number, row) in rows.iter().enumerate() {
            let elapsed_s = float(number as u64);
            target.push(When { elapsed_s, interval_s: elapsed_s.min(1.0), phase: 0 }, row);
        }
        Recording { target, phases, ..Recording::default() }
    }

    fn phase(name: &str, (from_s, to_s): (f64, f64), begins_with: Option<u64>, gained: Option<u64>) -> Phase {
        let totals = |finished| {
            let mut totals = Totals::default();
            totals.counts.finished = finished;
            totals
        };
        let figures = gained.map(|finished| Figures { totals: totals(finished), ..Figures::default() });
        Phase { name: name.to_owned(), from_s, to_s, begins_with: begins_with.map(totals), figures }
    }

    /// Of each row: name, length, requests, requests/s, CPU, memory.
    fn cells(run: &Recording) -> Vec<String> {
        let rows = table(run).rows;
        rows.iter().map(|row| [0, 2, 3, 4, 12, 13].map(|column| &*row[column]).join(" | ")).collect()
    }

    const ROWS: [[f64; 3]; 5] =
        [[f64::NAN, 1e3, 0.0], [100.0, 2e3, 100.0], [50.0, 3e3, 150.0], [0.0, 5e3, 150.0], [10.0, 4e3, 200.0]];

    #[test]
    fn a_row_counts_for_each_phase_by_the_time_it_shares_with_it() {
        let phases = vec![
            phase("a", (0.0, 0.1), Some(0), Some(3)),
            phase("b", (0.1, 1.5), Some(3), Some(120)),
            phase("c", (1.5, 4.0), Some(123), Some(77)),
        ];
        let mut run = run(&ROWS, phases);
        run.whole = phase("", (0.0, 4.0), None, Some(200)).figures;
        let expected = [
            "whole run | 4 s | 200 | 50 | 40 % | 4.88 KiB",
            "a | 100 ms | 3 | 30 | – | –",
            "b | 1.4 s | 120 | 85.7 | 82 % | 1.95 KiB",
            "c | 2.5 s | 77 | 30.8 | 14 % | 4.88 KiB",
        ];
        assert_eq!(cells(&run), expected);
    }

    #[test]
    fn the_last_phase_of_a_killed_run_has_what_the_mark_before_it_has_not() {
        let phases = vec![phase("a", (0.0, 1.5), Some(0), Some(120)), phase("b", (1.5, 4.0), Some(120), None)];
        let expected = ["whole run | 4 s | 200 | 50", "a | 1.5 s | 120 | 80", "b | 2.5 s | 80 | 32"];
        let cells = cells(&run(&ROWS, phases));
        for (cells, expected) in cells.iter().zip(expected) {
            assert!(cells.starts_with(expected), "{cells}");
        }
    }

    #[test]
    fn a_mark_that_was_not_counted_is_counted_by_the_rows_around_it() {
        let phases = vec![
            phase("a", (0.0, 1.5), Some(0), None),
            phase("b", (1.5, 3.5), None, None),
            phase("c", (3.5, 4.0), Some(180), Some(20)),
        ];
        let requests: Vec<String> = cells(&run(&ROWS, phases));
        let expected = ["whole run | 4 s | 200", "a | 1.5 s | 125", "b | 2 s | 55", "c | 500 ms | 20"];
        for (cells, expected) in requests.iter().zip(expected) {
            assert!(cells.starts_with(expected), "{cells}");
        }
    }

    #[test]
    fn a_run_whose_last_rows_are_missing_is_as_long_as_it_was() {
        let mut run = run(&ROWS, vec![phase("run", (0.0, 40.0), Some(0), Some(2_000))]);
        run.whole = run.phases[0].figures.clone();
        assert!(cells(&run)[0].starts_with("run | 40 s | 2,000 | 50 |"), "{:?}", cells(&run));
        assert!((run.lasted_s() - 40.0).abs() < 1e-9);
        run.whole = None;
        assert!((run.lasted_s() - 4.0).abs() < 1e-9, "nothing else tells");
    }

    #[test]
    fn what_came_before_the_first_row_counts_too() {
        let mut target = Series::new(&[Figure::Requests], 10);
        target.push(When { elapsed_s: 6.0, interval_s: 1.0, phase: 0 }, &[351.0]);
        let run = Recording { target, phases: vec![phase("run", (0.0, 6.0), None, None)], ..Recording::default() };
        assert!(cells(&run)[0].starts_with("run | 6 s | 351 | 58.5 |"), "{:?}", cells(&run));
    }
}
