//! Others on the machine that used its processors: often the load generator itself.

use super::{Certainty, Finding, Rule, Weight, evidence};
use crate::recording::{Cell, Figure, Recording};
use crate::units::shown::percent;

/// Less is what any machine does by itself. In per cent of all cores.
const WORTH_PCT: f64 = 15.0;

/// A machine that is less busy has room for everybody.
const CROWDED_PCT: f64 = 85.0;

pub fn find(run: &Recording) -> Vec<Finding> {
    let under_load = run.target.of(Figure::Rps).map(|(_, rps)| rps.mean().is_some_and(|rps| rps > 0.0));
    let own = run.target.of(Figure::CpuOfHost).map(|(_, own)| own);
    let rows = run.target.of(Figure::HostCpu).zip(own).zip(under_load).filter(|(_, is_under_load)| *is_under_load);
    let both = rows.filter_map(|(((stretch, all), own), _)| {
        let (all, own) = (all.mean()?, own.mean()?);
        Some((Cell::of(all, stretch.seconds()), Cell::of((all - own).max(0.0), stretch.seconds())))
    });
    let (all, others) = both
        .fold((Cell::default(), Cell::default()), |(all, others), (one, other)| (all.and(one), others.and(other)));
    let (Some(all), Some(others)) = (all.mean(), others.mean()) else { return Vec::new() };
    if others < WORTH_PCT {
        return Vec::new();
    }
    let is_crowded = all >= CROWDED_PCT;
    let effect = if is_crowded {
        "The target had to share, so its figures are also theirs."
    } else {
        "There was room for both."
    };
    vec![Finding {
        rule: Rule::Neighbours,
        weight: if is_crowded { Weight::Doubt } else { Weight::Note },
        sentence: format!(
            "While there was load, others used {} of the machine's CPU, the target {}. {effect}",
            percent(others),
            percent((all - others).max(0.0))
        ),
        evidence: evidence([
            ("CPU of the machine under load, mean", percent(all)),
            ("of it, not the target's", percent(others)),
        ]),
        at: None,
        certainty: Certainty::Certain,
        unknown: "who they are: a load generator on the same machine is the usual one. Work that the kernel does for the target in interrupts counts as theirs",
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;

    fn with(all: &[f64], own: &[f64], rps: &[f64]) -> Vec<Finding> {
        find(&run(&[(Figure::HostCpu, all), (Figure::CpuOfHost, own), (Figure::Rps, rps)]))
    }

    #[test]
    fn only_rows_under_load_count() {
        let found = with(&[99.0, 99.0, 97.0, 50.0], &[50.0, 50.0, 52.0, 0.0], &[0.0, 100.0, 100.0, 0.0]);
        assert!(
            found[0]
                .sentence
                .starts_with("While there was load, others used 47 % of the machine's CPU, the target 51 %."),
            "{found:?}"
        );
        assert_eq!(found[0].weight, Weight::Doubt);
        assert_eq!(with(&[60.0], &[30.0], &[9.0])[0].weight, Weight::Note);
        assert!(with(&[60.0], &[55.0], &[9.0]).is_empty());
        assert!(with(&[60.0], &[f64::NAN], &[9.0]).is_empty());
        assert!(with(&[99.0], &[1.0], &[0.0]).is_empty(), "nothing was asked of the target");
    }
}
