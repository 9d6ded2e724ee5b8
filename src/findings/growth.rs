//! Memory that only grows.

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::recording::{Cell, Figure, Recording};
use crate::units::shown::{bytes, number, span};

/// The first tenth of a run fills caches, pools and heaps.
const WARM_UP: usize = 10;

/// The rest is cut into so many parts, in each of which the least must be more than in the one before.
const PARTS: usize = 8;

/// What it must have grown by, at least, of what it was and in all.
const SHARE: f64 = 0.1;
const BYTES: f64 = 8.0 * 1024.0 * 1024.0;

/// In a shorter time whatever has begun still fills something. A plan that leaks on purpose needs no proof.
const SHORT_S: f64 = 60.0;

/// From so long a run on, it is likely to go on.
const LONG_S: f64 = 300.0;

pub fn find(run: &Recording) -> Vec<Finding> {
    // With the drain workers end, and with them goes what they held.
    let until_s = run.serves_until_s();
    let rows: Vec<_> = run.target.of(Figure::Rss).filter(|(stretch, _)| stretch.to_s <= until_s).collect();
    let rows = &rows[rows.len().div_ceil(WARM_UP)..];
    if rows.len() < 3 * PARTS {
        return Vec::new();
    }
    // All of one size, or the last one would be a row or two.
    let size = rows.len() / PARTS;
    let rows = &rows[rows.len() % PARTS..];
    let bottom = |part: &[(_, Cell)]| part.iter().fold(Cell::default(), |sum, (_, cell)| sum.and(*cell)).least();
    let Some(parts) = rows.chunks(size).map(bottom).collect::<Option<Vec<f64>>>() else { return Vec::new() };
    let grows = parts.windows(2).all(|pair| pair[1] > pair[0]);
    let (Some(first), Some(last)) = (rows[0].1.mean(), rows[rows.len() - 1].1.mean()) else { return Vec::new() };
    let gain = last - first;
    if !grows || gain < BYTES || gain < SHARE * first {
        return Vec::new();
    }
    let (from_s, to_s) = (rows[0].0.from_s, rows[rows.len() - 1].0.to_s);
    let leaks = run.faulty.iter().any(|faulty| faulty.leaks && faulty.reaches_into(from_s, to_s));
    if !leaks && to_s - from_s < SHORT_S {
        return Vec::new();
    }
    let (connections, workers) = (grown(run, Figure::Connections), grown(run, Figure::Procs));
    let why = if leaks {
        " A fault plan leaks on purpose."
    } else if workers {
        " There were more processes at its end, each with memory of its own."
    } else if connections {
        " There were more connections at its end, which need memory."
    } else {
        ""
    };
    let most = |figure| or_unknown(run.target.whole(figure).most(), number);
    vec![Finding {
        rule: Rule::Growth,
        weight: if leaks || workers || connections { Weight::Note } else { Weight::Doubt },
        sentence: format!(
            "Memory only grew: from {} to {} in {}, {} a minute.{why}",
            bytes(first),
            bytes(last),
            span(to_s - from_s),
            bytes(gain / (to_s - from_s) * 60.0)
        ),
        evidence: evidence([
            ("resident at first", bytes(first)),
            ("at last", bytes(last)),
            ("most connections open", most(Figure::Connections)),
            ("most processes", most(Figure::Procs)),
        ]),
        at: Some((from_s, to_s)),
        certainty: if to_s - from_s >= LONG_S { Certainty::Likely } else { Certainty::Possible },
        unknown: "whether it would have stopped: more connections, larger bodies and a heap that is not given back grow as well",
    }]
}

/// Whether there was clearly more of something in the last part of the run than in the first, as long as it served.
fn grown(run: &Recording, figure: Figure) -> bool {
    let until_s = run.serves_until_s();
    let mean = |from_s: f64, to_s: f64| {
        let within = run.target.of(figure).filter(|(stretch, _)| stretch.from_s >= from_s && stretch.to_s <= to_s);
        within.fold(Cell::default(), |sum, (_, cell)| sum.and(cell)).mean()
    };
    let (first, last) = (mean(0.0, until_s / 4.0), mean(until_s * 0.75, until_s));
    first.zip(last).is_some_and(|(first, last)| last > first * (1.0 + SHARE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::findings::sketch::{plan, run};
    use crate::recording::{Event, Faulty};

    const MIB: f64 = 1024.0 * 1024.0;

    fn rows(count: u32, rss: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..count).map(|second| rss(f64::from(second)) * MIB).collect()
    }

    fn over(rss: impl Fn(f64) -> f64) -> Vec<Finding> {
        find(&run(&[(Figure::Rss, &rows(120, rss))]))
    }

    #[test]
    fn seconds_are_too_short_unless_a_plan_leaks() {
        let mut run = run(&[(Figure::Rss, &rows(50, |second| 20.0 + second))]);
        assert!(find(&run).is_empty());
        run.faulty = vec![Faulty { leaks: true, ..plan("drip (leak) on *", (0.0, 50.0)) }];
        assert!(find(&run)[0].sentence.ends_with("A fault plan leaks on purpose."));
        assert_eq!(find(&run)[0].weight, Weight::Note);
    }

    #[test]
    fn more_workers_and_connections_need_more_memory() {
        let rss = rows(120, |second| 20.0 + second);
        let more: Vec<f64> = (0..120).map(|second| 2.0 + f64::from(second / 10)).collect();
        for (figure, words) in [(Figure::Procs, "more processes"), (Figure::Connections, "more connections")] {
            let found = find(&run(&[(Figure::Rss, &rss), (figure, &more)]));
            assert!(found[0].weight == Weight::Note && found[0].sentence.contains(words), "{found:?}");
            assert_eq!(find(&run(&[(Figure::Rss, &rss), (figure, &[9.0; 120])]))[0].weight, Weight::Doubt);
        }
    }

    #[test]
    fn what_the_drain_gives_back_is_no_end_of_growth() {
        let mut rows = rows(120, |second| 20.0 + second);
        rows.push(2.0 * MIB);
        let mut run = run(&[(Figure::Rss, &rows)]);
        assert!(find(&run).is_empty(), "it fell");
        run.events = vec![Event::of_all(119.5, EventKind::Drain(String::new()))];
        assert_eq!(find(&run).len(), 1);
    }

    #[test]
    fn steady_growth_is_found_and_nothing_else() {
        let found = over(|second| 20.0 + second);
        assert_eq!(found[0].sentence, "Memory only grew: from 36 MiB to 139 MiB in 104 s, 59.4 MiB a minute.");
        assert_eq!((found[0].weight, found[0].certainty), (Weight::Doubt, Certainty::Possible));
        assert!(over(|second| 20.0 + second.min(60.0)).is_empty(), "it stopped");
        assert!(over(|second| 20.0 + second % 20.0 * 3.0).is_empty(), "it falls");
        assert!(over(|second| 20.0 + second * 0.05).is_empty(), "6 MiB are nothing");
        let rough = |second: f64| 20.0 + second + if (116.5..117.5).contains(&second) { 3.0 } else { 0.0 };
        assert_eq!(over(rough).len(), 1, "it fell a little, and not to what it was");
        assert!(over(|_| f64::NAN).is_empty());
        assert!(find(&run(&[(Figure::Rss, &[MIB, 100.0 * MIB])])).is_empty(), "two rows");
    }
}
