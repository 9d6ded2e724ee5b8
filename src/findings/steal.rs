//! Processor time that other guests of the hardware took (`/proc/stat`, steal).

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::recording::{Figure, Recording, Watch};
use crate::units::shown::{clock, percent, span};

/// On average over the run, in per cent of all cores …
const MEAN_PCT: f64 = 1.0;

/// … if that is so long a time of each core: the kernel counts in steps of 10 ms, and a few of them prove nothing.
const STOLEN_S: f64 = 0.1;

pub fn find(run: &Recording) -> Vec<Finding> {
    let whole = run.target.whole(Figure::Steal);
    let Some(mean) = whole.mean() else { return Vec::new() };
    let stay = run.target.watch(Figure::Steal).and_then(Watch::stay);
    if stay.is_none() && (mean < MEAN_PCT || mean / 100.0 * run.seconds() < STOLEN_S) {
        return Vec::new();
    }
    let at_first = stay.as_ref().map_or_else(String::new, |stay| {
        let share = percent(stay.share.mean().unwrap_or(f64::NAN));
        format!(", from {} on {share} for {}", clock(stay.from_s), span(stay.to_s - stay.from_s))
    });
    vec![Finding {
        rule: Rule::Steal,
        weight: Weight::Doubt,
        sentence: format!(
            "The hypervisor gave {} of the processors' time to others{at_first}. Times are longer than on hardware of one's own, by chance.",
            percent(mean)
        ),
        evidence: evidence([
            ("steal, mean", percent(mean)),
            ("steal, most in a row", or_unknown(whole.most(), percent)),
        ]),
        at: stay.map(|stay| (stay.from_s, stay.to_s)),
        certainty: Certainty::Certain,
        unknown: "which requests it hit, and what a hypervisor takes without saying so",
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;
    use crate::recording::{Level, Series, When};

    #[test]
    fn a_little_is_nothing() {
        assert!(find(&run(&[(Figure::Steal, &[f64::NAN, 0.0, 2.0, 0.0, 0.0])])).is_empty());
        assert!(find(&run(&[(Figure::Rps, &[1.0])])).is_empty());
        let found = find(&run(&[(Figure::Steal, &[f64::NAN, 0.0, 30.0, 0.0])]));
        assert!(found[0].sentence.contains("gave 10 % of the processors' time to others. Times"), "{found:?}");
        let mut long = [0.0; 1_000];
        long[500..504].fill(20.0);
        let found = find(&run(&[(Figure::Steal, &long)]));
        assert!(found[0].sentence.contains("to others, from 8:19 on 20 % for 4 s. Times"), "{found:?}");
    }

    #[test]
    fn a_few_steps_of_the_kernel_s_clock_are_nothing() {
        let with = |pct: f64, rows: u32| {
            let mut series = Series::new(&[Figure::Steal], 100).watching(Level::OF_THE_TARGET);
            for row in 1..=rows {
                let stolen = if row == 9 { pct } else { 0.0 };
                series.push(When { elapsed_s: f64::from(row) * 0.05, interval_s: 0.05, phase: 0 }, &[stolen]);
            }
            find(&Recording { target: series, ..run(&[]) })
        };
        assert!(with(30.0, 130).is_empty(), "three steps in one row of 50 ms");
        assert!(with(30.0, 20).is_empty(), "1.5 % of a second");
    }
}
