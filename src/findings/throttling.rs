//! A control group that kept the target from running (cgroup v2, `cpu.stat`: `throttled_usec`).

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::recording::{Figure, Recording, Series};
use crate::units::shown::{clock, percent, span};

pub fn find(run: &Recording) -> Vec<Finding> {
    if run.instances.is_empty() {
        return of_one(&run.target, "the target", run.seconds()).into_iter().collect();
    }
    let each = run.instances.iter().filter_map(|instance| {
        of_one(&instance.series, &format!("instance {}", instance.name), instance.to_s - instance.from_s)
    });
    each.collect()
}

fn of_one(series: &Series, whom: &str, run_s: f64) -> Option<Finding> {
    let (milliseconds, first, last) = series.gained(Figure::ThrottledMs)?;
    let seconds = milliseconds / 1e3;
    let used = series.whole(Figure::Quota);
    Some(Finding {
        rule: Rule::Throttling,
        weight: Weight::Limit,
        sentence: format!(
            "The control group's CPU quota kept {whom} from running for {} in all, first at {}.",
            span(seconds),
            clock(first.to_s)
        ),
        evidence: evidence([
            ("throttled", span(seconds)),
            ("of a run of", span(run_s)),
            ("CPU of the quota, most in a row", or_unknown(used.most(), percent)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty: Certainty::Certain,
        unknown: "which requests it hit; the quota is the control group's, and others may be in it",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;

    #[test]
    fn it_is_what_was_gained_in_the_run() {
        let found = find(&run(&[(Figure::ThrottledMs, &[500.0, 500.0, 1_700.0, 2_900.0])]));
        assert_eq!(
            found[0].sentence,
            "The control group's CPU quota kept the target from running for 2.4 s in all, first at 0:02."
        );
        assert!(find(&run(&[(Figure::ThrottledMs, &[500.0, 500.0])])).is_empty());
        assert!(find(&run(&[(Figure::Rps, &[1.0])])).is_empty());
    }
}
