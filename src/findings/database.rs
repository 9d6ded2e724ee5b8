//! What requests waited for at the database: a connection, the one writer, a table that is read to its end for want of an
//! index, or its CPU.

use super::{Certainty, Finding, Rule, Weight, capital, evidence, in_phase, or_unknown};
use crate::recording::{Figure, Phase, Recording};
use crate::scoreboard::Counts;
use crate::units::shown::{count, float, microseconds, number, percent};

/// Fewer queries say too little.
const QUERIES: u64 = 100;

/// A mean wait that is shorter is not worth a sentence.
const WORTH_US: f64 = 500.0;

/// From here on, most of the time is waiting.
const MOSTLY: f64 = 0.5;

/// Below this, hardly any.
const HARDLY: f64 = 0.1;

/// A query without an index that takes so many times as long as those with one lacks it.
const WORSE: f64 = 5.0;

/// What finds something in what was counted in a phase.
type OfPhase = fn(&Recording, &Phase, &Counts) -> Option<Finding>;

pub fn find(run: &Recording) -> Vec<Finding> {
    let rules: [OfPhase; 4] = [exhausted, one_at_a_time, missing_index, computes];
    let counted = run.phases.iter().filter_map(|phase| Some((phase, phase.figures.as_ref()?.totals.counts)));
    counted.flat_map(|(phase, counts)| rules.iter().filter_map(move |rule| rule(run, phase, &counts))).collect()
}

/// Requests waited for a connection, and some of them in vain.
fn exhausted(run: &Recording, phase: &Phase, counts: &Counts) -> Option<Finding> {
    let asked = counts.db_acquired + counts.db_timeouts;
    if asked < QUERIES {
        return None;
    }
    let wait_us = mean(counts.db_acquire_us, counts.db_acquired);
    let held_us = mean(counts.db_held_us, counts.db_released);
    let both = wait_us.zip(held_us).filter(|(wait_us, _)| *wait_us >= WORTH_US);
    let share = both.map(|(wait_us, held_us)| wait_us / (wait_us + held_us)).filter(|share| *share >= HARDLY);
    if share.is_none() && counts.db_timeouts == 0 {
        return None;
    }
    let pool = run.about.number("/config/db_pool");
    let pool = pool.map_or_else(String::new, |pool| format!(" (--db-pool {})", number(pool)));
    let in_vain = match counts.db_timeouts {
        0 => String::new(),
        timeouts => format!(" {} of {} got none in time, and a 503.", count(timeouts), count(asked)),
    };
    let waited = wait_us.map_or_else(
        || format!("no request got a database connection{pool}."),
        |wait_us| {
            let held = held_us.map_or_else(
                || ", and gave none back".to_owned(),
                |held_us| format!(" and held it for {}, on average", microseconds(held_us)),
            );
            format!("requests waited {} for a database connection{pool}{held}.", microseconds(wait_us))
        },
    );
    let sentence = format!("{}{waited}{in_vain}", in_phase(run, phase));
    let most = |figure| run.target.within(figure, phase.period()).most();
    Some(Finding {
        rule: Rule::Database,
        weight: if share >= Some(MOSTLY) || counts.db_timeouts > 0 { Weight::Limit } else { Weight::Note },
        sentence: capital(&sentence),
        evidence: evidence([
            ("connections taken", count(counts.db_acquired)),
            ("requests for which none became free in time", count(counts.db_timeouts)),
            ("waited for a connection, mean", or_unknown(wait_us, microseconds)),
            ("of those that got one, half waited no longer than, 99 % no longer than", waits(phase)),
            ("held it, mean", or_unknown(held_us, microseconds)),
            (
                "of that the database took, mean",
                or_unknown(mean(counts.db_answer_us, counts.db_answered), microseconds),
            ),
            ("connections in use, most in a row", or_unknown(most(Figure::DbInUse), number)),
            ("waiting for one, most in a row", or_unknown(most(Figure::DbWaiting), number)),
        ]),
        at: Some(phase.period()),
        certainty: Certainty::Certain,
        unknown: "whether more connections would have helped: a database that is busy itself only gets slower",
    })
}

/// Queries waited for the one writer of an embedded database, or for rows that other transactions held on a server.
fn one_at_a_time(run: &Recording, phase: &Phase, counts: &Counts) -> Option<Finding> {
    if counts.db_answered < QUERIES {
        return None;
    }
    let (busy_us, answer_us) = (float(counts.db_busy_us), float(counts.db_answer_us));
    let share = if answer_us > 0.0 { busy_us / answer_us } else { 0.0 };
    if share < HARDLY || busy_us < WORTH_US * float(counts.db_answered) {
        return None;
    }
    let is_server = is_of_a_server(run);
    let (whom, waiting) = if is_server {
        ("rows that other transactions held", "of that waiting for rows that other transactions held")
    } else {
        ("its one writer", "of that waiting for the one writer")
    };
    let sentence = format!(
        "{}{} of the database's time was waiting for {whom}: {} of {}. More connections or workers can't help.",
        in_phase(run, phase),
        percent(share * 100.0),
        microseconds(busy_us),
        microseconds(answer_us),
    );
    Some(Finding {
        rule: Rule::Database,
        weight: if share >= MOSTLY { Weight::Limit } else { Weight::Note },
        sentence: capital(&sentence),
        evidence: evidence([
            ("queries answered", count(counts.db_answered)),
            ("the database took, altogether", microseconds(answer_us)),
            (waiting, microseconds(busy_us)),
        ]),
        at: Some(phase.period()),
        certainty: Certainty::Certain,
        unknown: if is_server {
            "which transactions held the rows; and waits of updates, which are not told from their work"
        } else {
            "which queries held the writer's place for how long"
        },
    })
}

/// Queries without an index took far longer than the others.
fn missing_index(run: &Recording, phase: &Phase, counts: &Counts) -> Option<Finding> {
    let others = counts.db_answered.saturating_sub(counts.db_scans);
    if counts.db_scans < QUERIES {
        return None;
    }
    // What is waited for the one writer is no matter of an index, and no part of what a scan took.
    let worked_us = counts.db_answer_us.saturating_sub(counts.db_busy_us);
    let scan_us = mean(counts.db_scan_us, counts.db_scans)?;
    let share = float(counts.db_scan_us) / float(worked_us.max(1));
    let other_us = mean(worked_us.saturating_sub(counts.db_scan_us), others).filter(|_| others >= QUERIES);
    if scan_us < WORTH_US || share < HARDLY || other_us.is_some_and(|other_us| scan_us < WORSE * other_us) {
        return None;
    }
    let than =
        other_us.map_or_else(String::new, |other_us| format!(", and those with one {}", microseconds(other_us)));
    let sentence = format!(
        "{}queries without an index took {}{than}. They took {} of the database's work.",
        in_phase(run, phase),
        microseconds(scan_us),
        percent(share * 100.0),
    );
    Some(Finding {
        rule: Rule::Database,
        weight: if share >= MOSTLY { Weight::Limit } else { Weight::Note },
        sentence: capital(&sentence),
        evidence: evidence([
            ("queries without an index", count(counts.db_scans)),
            ("a query without one took, mean", microseconds(scan_us)),
            ("queries with one", count(others)),
            ("a query with one took, mean", or_unknown(other_us, microseconds)),
            ("rows of the table", or_unknown(run.about.number("/config/db_rows"), number)),
        ]),
        at: Some(phase.period()),
        certainty: if other_us.is_some() { Certainty::Likely } else { Certainty::Possible },
        unknown: "what an index would cost the queries that write",
    })
}

/// The database used much of the CPU that the target and it used together.
fn computes(run: &Recording, phase: &Phase, counts: &Counts) -> Option<Finding> {
    if counts.db_measured < QUERIES {
        return None;
    }
    let cpu_pct = run.target.within(Figure::Cpu, phase.period()).mean()?;
    let (target_us, database_us) = (cpu_pct * 1e4 * phase.seconds(), float(counts.db_cpu_us));
    let is_server = is_of_a_server(run);
    let all_us = if is_server { target_us + database_us } else { target_us };
    // The target's CPU is known in steps of 10 ms, and can be less than what was measured exactly.
    let share = (all_us > 0.0).then(|| (database_us / all_us).min(1.0)).filter(|share| *share >= HARDLY)?;
    let whose = if is_server { "that it and the target used" } else { "that the target used" };
    let sentence = format!(
        "{}the database used {} of the CPU {whose}: {} of {}, {} a query.",
        in_phase(run, phase),
        percent(share * 100.0),
        microseconds(database_us),
        microseconds(all_us.max(database_us)),
        microseconds(database_us / float(counts.db_measured)),
    );
    Some(Finding {
        rule: Rule::Database,
        weight: Weight::Note,
        sentence: capital(&sentence),
        evidence: evidence([
            ("queries whose CPU was measured", count(counts.db_measured)),
            ("CPU of the database", microseconds(database_us)),
            ("CPU of the target", microseconds(target_us)),
            ("a query took, mean", or_unknown(mean(counts.db_answer_us, counts.db_answered), microseconds)),
        ]),
        at: Some(phase.period()),
        certainty: Certainty::Certain,
        unknown: if is_server {
            "what the server's other processes used, such as its writer and its vacuum"
        } else {
            "what the kernel did later for its files"
        },
    })
}

/// Whether its database is a server, and no file of the target's.
fn is_of_a_server(run: &Recording) -> bool {
    run.about.text("/database/kind") == Some("postgresql")
}

/// The median and the 99th percentile of what requests waited for their connections in a phase.
fn waits(phase: &Phase) -> String {
    let recorded = phase.figures.as_ref().map(|figures| figures.recorded().acquire);
    let quantiles = recorded.and_then(|acquire| acquire.quantiles());
    let us = |nanoseconds: u64| microseconds(float(nanoseconds) / 1e3);
    quantiles.map_or_else(
        || "unknown".to_owned(),
        |quantiles| format!("{}, {}", us(quantiles.p50_ns), us(quantiles.p99_ns)),
    )
}

/// `None` of nothing.
fn mean(sum_us: u64, number: u64) -> Option<f64> {
    (number > 0).then(|| float(sum_us) / float(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{figures, run_with};

    fn found(counts: &Counts) -> Vec<Finding> {
        let mut counted = figures(counts.db_acquired.max(1), (1, 1_000));
        counted.totals.counts = *counts;
        find(&run_with(&[(Figure::DbInUse, &[10.0; 10]), (Figure::DbWaiting, &[40.0; 10])], counted))
    }

    /// So many queries, each of which waited, held its connection and was answered after so many milliseconds.
    fn queries(number: u64, wait_ms: u64, held_ms: u64, answer_ms: u64) -> Counts {
        Counts {
            db_acquired: number,
            db_released: number,
            db_answered: number,
            db_acquire_us: number * wait_ms * 1_000,
            db_held_us: number * held_ms * 1_000,
            db_answer_us: number * answer_ms * 1_000,
            ..Counts::default()
        }
    }

    #[test]
    fn a_pool_that_was_too_small_is_told_from_a_database_that_is_slow() {
        let waiting = &found(&queries(1_000, 80, 20, 5))[0];
        let expected = "Requests waited 80 ms for a database connection and held it for 20 ms, on average.";
        assert_eq!((waiting.sentence.as_str(), waiting.weight), (expected, Weight::Limit), "{waiting:?}");
        assert_eq!(waiting.evidence[7].1, "40");
        assert_eq!(found(&queries(1_000, 5, 20, 5))[0].weight, Weight::Note);
        assert!(found(&queries(1_000, 0, 90, 90)).is_empty() && found(&queries(99, 80, 20, 5)).is_empty());
        let timeouts = &found(&Counts { db_timeouts: 7, ..queries(1_000, 0, 20, 5) })[0];
        assert!(timeouts.sentence.ends_with("7 of 1,007 got none in time, and a 503."), "{timeouts:?}");
        assert_eq!(timeouts.weight, Weight::Limit);
        let none = &found(&Counts { db_timeouts: 100, ..Counts::default() })[0];
        let expected = "No request got a database connection. 100 of 100 got none in time, and a 503.";
        assert_eq!((none.sentence.as_str(), none.evidence[2].1.as_str()), (expected, "unknown"));
        let kept = &found(&Counts { db_timeouts: 100, db_released: 0, ..queries(10, 1, 0, 0) })[0];
        assert!(kept.sentence.starts_with("Requests waited 1 ms for a database connection, and gave none back."));
    }

    #[test]
    fn the_wait_for_the_one_writer_is_a_share_of_the_databases_time() {
        let busy = |busy_ms: u64| Counts { db_busy_us: 1_000 * busy_ms * 1_000, ..queries(1_000, 0, 10, 10) };
        let expected = "60 % of the database's time was waiting for its one writer: 6 s of 10 s. More connections or workers can't help.";
        let finding = &found(&busy(6))[0];
        let mut counted = figures(1_000, (1, 1_000));
        counted.totals.counts = busy(6);
        let mut of_server = run_with(&[(Figure::DbInUse, &[10.0; 10])], counted);
        of_server.about = crate::recording::About::of(serde_json::json!({ "database": { "kind": "postgresql" } }));
        let sentence = &find(&of_server)[0].sentence;
        assert!(
            sentence.contains("60 % of the database's time was waiting for rows that other transactions held: "),
            "{sentence}"
        );
        assert_eq!((finding.sentence.as_str(), finding.weight), (expected, Weight::Limit));
        assert_eq!(found(&busy(2))[0].weight, Weight::Note);
        assert!(found(&busy(0)).is_empty());
        let hardly = Counts { db_busy_us: 499 * 1_000, ..queries(1_000, 0, 1, 1) };
        assert!(found(&hardly).is_empty(), "half a second in all, and half a millisecond of none");
    }

    #[test]
    fn the_cpu_of_a_database_is_a_share_of_the_targets_or_beside_it() {
        let of = |kind: &str, database_ms: u64| {
            let mut counted = figures(1_000, (1, 1_000));
            counted.totals.counts =
                Counts { db_measured: 1_000, db_cpu_us: database_ms * 1_000, ..queries(1_000, 0, 1, 1) };
            let mut run = run_with(&[(Figure::Cpu, &[50.0; 11])], counted);
            run.about = crate::recording::About::of(serde_json::json!({ "database": { "kind": kind } }));
            find(&run)
        };
        let expected = "The database used 80 % of the CPU that the target used: 4 s of 5 s, 4 ms a query.";
        assert_eq!(of("sqlite", 4_000)[0].sentence, expected);
        let expected = "The database used 50 % of the CPU that it and the target used: 5 s of 10 s, 5 ms a query.";
        assert_eq!(of("postgresql", 5_000)[0].sentence, expected);
        assert!(of("sqlite", 400).is_empty());
        // One elsewhere, of which nothing is measured, is not told as one that used nothing.
        let mut unmeasured = figures(1_000, (1, 1_000));
        unmeasured.totals.counts = queries(1_000, 0, 1, 1);
        assert!(find(&run_with(&[(Figure::Cpu, &[50.0; 11])], unmeasured)).is_empty());
    }

    #[test]
    fn an_index_is_missing_where_queries_without_one_take_far_longer() {
        let scans = |scan_ms: u64| Counts {
            db_scans: 500,
            db_scan_us: 500 * scan_ms * 1_000,
            db_answer_us: 500 * (scan_ms + 1) * 1_000,
            ..queries(1_000, 0, 10, 0)
        };
        let expected =
            "Queries without an index took 9 ms, and those with one 1 ms. They took 90 % of the database's work.";
        let finding = &found(&scans(9))[0];
        assert_eq!((finding.sentence.as_str(), finding.weight), (expected, Weight::Limit));
        assert!(found(&scans(4)).is_empty());
        // As long as nine times the others', and eight of the nine were spent waiting for the writer.
        let behind = Counts { db_scan_us: 500 * 1_000, db_busy_us: 500 * 8_000, ..scans(9) };
        let about_index = |finding: &Finding| finding.sentence.contains("index");
        assert!(!found(&behind).iter().any(about_index), "{:?}", found(&behind));
        let alone = Counts { db_scans: 1_000, db_scan_us: 9_000_000, ..queries(1_000, 0, 10, 9) };
        let finding = &found(&alone)[0];
        assert_eq!(finding.certainty, Certainty::Possible);
        assert!(finding.sentence.starts_with("Queries without an index took 9 ms. They took 100 %"), "{finding:?}");
    }
}
