//! Little's law, L = λW (Little, *A Proof for the Queuing Formula*, 1961): requests in the system = their rate × their mean
//! time in it. It holds for whatever is measured right, so it checks the figures against each other, and it says how many
//! of the open connections were busy.

use super::queueing::busiest;
use super::{Certainty, Finding, Rule, Weight, capital, evidence, in_phase, or_unknown};
use crate::histogram::{Distribution, Durations};
use crate::recording::{Figure, Phase, Recording};
use crate::scoreboard::Arrivals;
use crate::units::shown::{amount, float, number, percent};

/// A gauge that is read once a row is a sample; fewer say too little.
const ROWS: u64 = 10;

/// The law and the samples may differ by so much …
const SLACK: f64 = 0.25;

/// … or by so many requests.
const SLACK_REQUESTS: f64 = 2.0;

/// Less of the connections at work, and it was the clients who took their time.
const IDLE: f64 = 0.5;

/// Arrivals that don't know of each other have an index of dispersion of 1: bursts have much more …
const BURSTY: f64 = 4.0;

/// … and are large against the mean.
const BURSTY_CV_SQUARED: f64 = 1.0;

/// Fewer pairs of beats say too little.
const PAIRS: u64 = 20;

/// More requests than connections, and some came otherwise than one on each: that is what is left to explain.
const MORE: f64 = 1.05;

pub fn find(run: &Recording) -> Vec<Finding> {
    busiest(run).into_iter().filter_map(|(phase, recorded)| of_phase(run, phase, &recorded)).collect()
}

fn of_phase(run: &Recording, phase: &Phase, recorded: &Durations<Distribution>) -> Option<Finding> {
    let seconds = phase.seconds();
    // A request is in flight while it is served and while it waits for the loop in between.
    let mean_ns = recorded.service.mean_ns()? + recorded.loop_wait.mean_ns().unwrap_or(0.0);
    let (inside_s, latency_s) = (mean_ns / 1e9, recorded.latency.mean_ns()? / 1e9);
    // What began before the phase or ends after it blurs the law.
    if latency_s * 10.0 > seconds {
        return None;
    }
    let rate = float(recorded.service.count()) / seconds;
    let (served, waiting_too) = (rate * inside_s, rate * latency_s);
    let (observed, rows) = mean_in(run, phase, Figure::InFlight)?;
    // Of a run of an earlier version only what was open at each row is known.
    let sampled = || mean_in(run, phase, Figure::Connections).map(|(open, _)| open);
    let (how, connections) = match mean_open(run, phase) {
        Some(open) => ("connections open, counted over time", open),
        None => ("connections, mean of the rows", sampled()?),
    };
    if rows < ROWS || connections < 1.0 {
        return None;
    }
    // Latency counts from a request's arrival, which may be while its connection waits to be accepted.
    // Where the queue is unknown, as on a unix socket, latency counts from the first read: nothing of it is in the queue.
    let queued = mean_in(run, phase, Figure::AcceptQueue).map(|(queued, _)| queued);
    let clients = connections + queued.unwrap_or(0.0);
    let apart = (served - observed).abs();
    let agrees = apart <= SLACK * served.max(observed) || apart <= SLACK_REQUESTS;
    let busy = waiting_too / clients;
    // Work that is shorter than a row may come in step with the rows, and then each look at it is alike.
    let may_be_in_step = inside_s < run.interval_s();
    let place = in_phase(run, phase);
    let arrivals = arrivals(phase);
    let (weight, sentence) = if !agrees {
        let why = if may_be_in_step { " Requests in step with the rows would explain that." } else { "" };
        let sentence = format!(
            "{place}the requests in flight and Little's law disagree. {} were seen; rate × time in flight gives {}.{why}",
            number(observed),
            number(served)
        );
        (if may_be_in_step { Weight::Note } else { Weight::Doubt }, sentence)
    } else if busy > MORE {
        let sentence = format!(
            "{place}there were more requests in the target than connections to it ({} to {}). Clients pipelined, or their connections waited to be accepted between two rows.",
            number(waiting_too),
            number(clients)
        );
        (Weight::Note, sentence)
    } else if busy < IDLE && arrivals.as_ref().is_some_and(are_bursty) {
        let sentence = format!(
            "{place}requests came in bursts. Of {} open connections {} had a request in the target on average, more within a burst and fewer between two.",
            number(clients),
            number(waiting_too)
        );
        (Weight::Note, sentence)
    } else if busy < IDLE {
        let sentence = format!(
            "{place}of {} open connections {} had a request in the target on average. It waited for its clients more than they for it.",
            number(clients),
            number(waiting_too)
        );
        (Weight::Note, sentence)
    } else {
        let sentence = format!(
            "{place}Little's law holds, and {} of the open connections had a request in the target.",
            percent((busy * 100.0).min(100.0))
        );
        (Weight::Sound, sentence)
    };
    Some(Finding {
        rule: Rule::LittlesLaw,
        weight,
        sentence: capital(&sentence),
        evidence: evidence([
            ("rate", format!("{} requests/s", number(rate))),
            ("rate × mean time in flight", number(served)),
            ("in flight, mean of the rows", format!("{} in {}", number(observed), amount(float(rows), "row"))),
            ("rate × mean latency", number(waiting_too)),
            (how, number(connections)),
            ("in the fullest accept queue, mean of the rows", or_unknown(queued, number)),
            (
                "index of dispersion of the arrivals, by beats",
                or_unknown(arrivals.map(|these| these.dispersion), number),
            ),
        ]),
        at: Some(phase.period()),
        certainty: if agrees && busy <= MORE { Certainty::Likely } else { Certainty::Possible },
        unknown: "what in-flight requests and connections did between two rows; and whether clients thought, or could not keep up",
    })
}

/// How unevenly requests came in a phase, where enough beats tell it.
fn arrivals(phase: &Phase) -> Option<Arrivals> {
    let counts = &phase.figures.as_ref()?.totals.counts;
    Arrivals::of(counts).filter(|_| counts.arrival_pairs >= PAIRS)
}

fn are_bursty(arrivals: &Arrivals) -> bool {
    arrivals.dispersion >= BURSTY && arrivals.cv_squared >= BURSTY_CV_SQUARED
}

/// How many connections were open in a phase on average, counted from accept to close.
fn mean_open(run: &Recording, phase: &Phase) -> Option<f64> {
    let open_s = |at_s| run.target.counted_at(Figure::ConnectionSeconds, at_s);
    let seconds = phase.seconds();
    (seconds > 0.0).then_some((open_s(phase.to_s)? - open_s(phase.from_s)?) / seconds)
}

/// The mean of a gauge over the rows of a phase, and how many there were.
fn mean_in(run: &Recording, phase: &Phase, figure: Figure) -> Option<(f64, u64)> {
    let rows = run.target.of(figure);
    let within = rows.filter(|(stretch, cell)| stretch.is_within(phase.period()) && cell.mean().is_some());
    let (sum, seconds, rows) = within.fold((0.0, 0.0, 0), |(sum, seconds, rows), (stretch, cell)| {
        let mean = cell.mean().unwrap_or_default();
        (sum + mean * stretch.seconds(), seconds + stretch.seconds(), rows + stretch.rows)
    });
    (seconds > 0.0).then(|| (sum / seconds, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{figures, run_with};

    /// 100 requests/s for 20 s, each served for 20 ms after waiting for 80 ms: 2 are served, 10 are in the target.
    fn found(in_flight: f64, connections: f64) -> Finding {
        let columns: &[(Figure, &[f64])] =
            &[(Figure::InFlight, &[in_flight; 21]), (Figure::Connections, &[connections; 21])];
        find(&run_with(columns, figures(2_000, (80_000, 20_000)))).remove(0)
    }

    #[test]
    fn it_holds_or_not() {
        assert_eq!(found(2.0, 10.0).weight, Weight::Sound);
        assert!(found(2.0, 10.0).sentence.ends_with("100 % of the open connections had a request in the target."));
        let idle = found(2.0, 50.0);
        assert!(idle.sentence.starts_with("Of 50 open connections 9.99 had a request"), "{idle:?}");
    }

    /// Each row sees 1 connection open; over time there were 10, each of which lived for no longer than its request.
    #[test]
    fn connections_that_end_between_two_rows_are_counted_over_time() {
        let open_s: Vec<f64> = (0..=20).map(|second| f64::from(second) * 10.0).collect();
        let columns: &[(Figure, &[f64])] = &[
            (Figure::InFlight, &[2.0; 21]),
            (Figure::Connections, &[1.0; 21]),
            (Figure::ConnectionSeconds, &open_s),
        ];
        let found = find(&run_with(columns, figures(2_000, (80_000, 20_000)))).remove(0);
        assert!(
            found.sentence.ends_with("100 % of the open connections had a request in the target."),
            "{found:?}"
        );
        assert_eq!(found.evidence[4], ("connections open, counted over time".to_owned(), "10".to_owned()));
    }

    /// 2,000 requests of which each tenth beat has 100, or each beat 10.
    #[test]
    fn bursts_are_named_and_not_idle_clients() {
        let found = |arrival_pairs, arrival_squares| {
            let mut counted = figures(2_000, (80_000, 20_000));
            let counts = &mut counted.totals.counts;
            (counts.arrival_pairs, counts.arrivals_in_pairs) = (arrival_pairs, 2_000);
            counts.arrival_squares = arrival_squares;
            let columns: &[(Figure, &[f64])] =
                &[(Figure::InFlight, &[2.0; 21]), (Figure::Connections, &[50.0; 21])];
            find(&run_with(columns, counted)).remove(0)
        };
        let bursts = found(200, 20 * 2 * 100 * 100);
        assert!(bursts.sentence.starts_with("Requests came in bursts. Of 50 open connections 9.99 "), "{bursts:?}");
        assert_eq!(bursts.evidence[6].1, "100");
        for (pairs, squares, dispersion) in [(200, 200 * 2 * 10, "1"), (200, 200 * 2 * 50, "5"), (0, 0, "unknown")]
        {
            let even = found(pairs, squares);
            assert!(even.sentence.contains("It waited for its clients"), "{even:?}");
            assert_eq!(even.evidence[6].1, dispersion);
        }
    }

    #[test]
    fn a_gauge_that_may_be_in_step_with_the_requests_proves_nothing() {
        let wrong = found(9.0, 10.0);
        assert!(wrong.sentence.contains("disagree. 9 were seen; rate × time in flight gives 2"), "{wrong:?}");
        assert_eq!(wrong.weight, Weight::Note);
        let columns: &[(Figure, &[f64])] = &[(Figure::InFlight, &[9.0; 61]), (Figure::Connections, &[10.0; 61])];
        let slow = find(&run_with(columns, figures(100, (0, 2_000_000)))).remove(0);
        assert_eq!(slow.weight, Weight::Doubt, "each request is there in two rows: {slow:?}");
    }

    #[test]
    fn more_requests_than_connections_came_before_these_were_accepted_or_were_pipelined() {
        let more = found(2.0, 5.0);
        assert!(more.sentence.contains("Clients pipelined, or their connections waited"), "{more:?}");
        assert_eq!(more.certainty, Certainty::Possible);
        let columns: &[(Figure, &[f64])] =
            &[(Figure::InFlight, &[2.0; 21]), (Figure::Connections, &[5.0; 21]), (Figure::AcceptQueue, &[6.0; 21])];
        let queued = find(&run_with(columns, figures(2_000, (80_000, 20_000)))).remove(0);
        assert!(queued.sentence.starts_with("Little's law holds, and 91 %"), "{queued:?}");
    }

    #[test]
    fn too_few_rows_and_unknown_gauges_say_nothing() {
        let counted = || figures(2_000, (80_000, 20_000));
        assert!(find(&run_with(&[(Figure::InFlight, &[2.0; 20])], counted())).is_empty());
        let short: &[(Figure, &[f64])] = &[(Figure::InFlight, &[2.0; 9]), (Figure::Connections, &[9.0; 9])];
        assert!(find(&run_with(short, counted())).is_empty());
    }
}
