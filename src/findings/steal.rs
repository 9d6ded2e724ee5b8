//! Processor time that other guests of the hardware took (`/proc/stat`, steal).

use super::{Certainty, Finding, Rule, Weight, evidence};
use crate::recording::{Figure, Recording};
use crate::units::shown::{clock, percent};

/// On average over the run, in per cent of all cores.
const MEAN_PCT: f64 = 1.0;

/// Or in any row.
const MOST_PCT: f64 = 10.0;

pub fn find(run: &Recording) -> Vec<Finding> {
    let whole = run.target.whole(Figure::Steal);
    let (Some(mean), Some(most)) = (whole.mean(), whole.most()) else { return Vec::new() };
    if mean < MEAN_PCT && most < MOST_PCT {
        return Vec::new();
    }
    let worst = run.target.of(Figure::Steal).find(|(_, cell)| cell.most() == Some(most));
    let at = worst.map(|(stretch, _)| (stretch.from_s, stretch.to_s));
    vec![Finding {
        rule: Rule::Steal,
        weight: Weight::Doubt,
        sentence: format!(
            "The hypervisor gave {} of the processors' time to others, up to {} at {}: times are longer than on hardware of one's own, by chance.",
            percent(mean),
            percent(most),
            clock(at.map_or(0.0, |(_, to_s)| to_s))
        ),
        evidence: evidence([("steal, mean", percent(mean)), ("steal, most in a row", percent(most))]),
        at,
        certainty: Certainty::Certain,
        unknown: "which requests it hit, and what a hypervisor takes without saying so",
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;

    #[test]
    fn a_little_is_nothing() {
        assert!(find(&run(&[(Figure::Steal, &[0.0, 2.0, 0.0, 0.0])])).is_empty());
        assert!(find(&run(&[(Figure::Rps, &[1.0])])).is_empty());
        let found = find(&run(&[(Figure::Steal, &[0.0, 30.0, 0.0])]));
        assert!(
            found[0].sentence.contains("gave 10 % of the processors' time to others, up to 30 % at 0:02"),
            "{found:?}"
        );
    }
}
