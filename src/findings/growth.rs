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
    let connections = run.target.whole(Figure::Connections).most();
    let leaks = run.faulty.iter().any(|faulty| faulty.leaks);
    let why = if leaks { " A fault plan leaks on purpose." } else { "" };
    vec![Finding {
        rule: Rule::Growth,
        weight: if leaks { Weight::Note } else { Weight::Doubt },
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
            ("most connections open", or_unknown(connections, number)),
        ]),
        at: Some((from_s, to_s)),
        certainty: if to_s - from_s >= LONG_S { Certainty::Likely } else { Certainty::Possible },
        unknown: "whether it would have stopped: more connections, larger bodies and a heap that is not given back grow as well",
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;
    use crate::recording::Event;

    const MIB: f64 = 1024.0 * 1024.0;

    fn over(rss: impl Fn(f64) -> f64) -> Vec<Finding> {
        let rows: Vec<f64> = (0..60).map(|second| rss(f64::from(second)) * MIB).collect();
        find(&run(&[(Figure::Rss, &rows)]))
    }

    #[test]
    fn what_the_drain_gives_back_is_no_end_of_growth() {
        let mut rows: Vec<f64> = (0..60).map(|second| (20.0 + f64::from(second)) * MIB).collect();
        rows.push(2.0 * MIB);
        let mut run = run(&[(Figure::Rss, &rows)]);
        assert!(find(&run).is_empty(), "it fell");
        run.events = vec![Event { elapsed_s: 60.5, kind: "drain".to_owned(), ..Event::default() }];
        assert_eq!(find(&run).len(), 1);
    }

    #[test]
    fn steady_growth_is_found_and_nothing_else() {
        let found = over(|second| 20.0 + second);
        assert_eq!(found[0].sentence, "Memory only grew: from 32 MiB to 79 MiB in 48 s, 58.8 MiB a minute.");
        assert_eq!((found[0].weight, found[0].certainty), (Weight::Doubt, Certainty::Possible));
        assert!(over(|second| 20.0 + second.min(30.0)).is_empty(), "it stopped");
        assert!(over(|second| 20.0 + second % 20.0 * 3.0).is_empty(), "it falls");
        assert!(over(|second| 20.0 + second * 0.05).is_empty(), "3 MiB are nothing");
        let rough = |second: f64| 20.0 + second + if (56.5..57.5).contains(&second) { 3.0 } else { 0.0 };
        assert_eq!(over(rough).len(), 1, "it fell a little, and not to what it was");
        assert!(over(|_| f64::NAN).is_empty());
        assert!(find(&run(&[(Figure::Rss, &[MIB, 100.0 * MIB])])).is_empty(), "two rows");
    }
}
