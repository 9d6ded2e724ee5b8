//! That no resource which is watched stayed at its limit; asked after the other rules, since one that found a limit or a
//! doubt forbids to conclude that the target could have done more.

use super::resources::{Resource, resources};
use super::{Certainty, Finding, Rule, Weight};
use crate::recording::{Figure, Recording};
use crate::units::shown::percent;

/// What the other rules have `found` stands beside it.
pub fn find(run: &Recording, found: &[Finding]) -> Option<Finding> {
    let had_load = run.target.whole(Figure::Rps).most().is_some_and(|rps| rps > 0.0);
    if !had_load {
        return None;
    }
    let resources = resources(run);
    let seen: Vec<&Resource<'_>> = resources.iter().filter(|resource| resource.saw_enough).collect();
    if seen.is_empty() || resources.iter().any(|resource| resource.saturated.is_some()) {
        return None;
    }
    let is_calm = !resources.iter().any(|resource| resource.was_full) && found.iter().all(is_harmless);
    let peak = |resource: &&Resource<'_>| (format!("{}, most in a row", resource.name), percent(resource.peak_pct));
    Some(Finding {
        rule: Rule::Saturation,
        weight: if is_calm { Weight::Sound } else { Weight::Note },
        sentence: if is_calm {
            "Under load, no resource that is watched here came to its limit. The target could have done more, unless it waited for something that is not watched."
        } else {
            "Under load, no resource that is watched here stayed at its limit. That does not mean that the target could have done more."
        }
        .to_owned(),
        evidence: seen.iter().map(peak).collect(),
        at: None,
        certainty: if is_calm { Certainty::Possible } else { Certainty::Likely },
        unknown: "what is not watched: a full thread pool, an event loop that something blocks, the network, disks, and the load generator. Nor what a profile's steps wait for. A limit that is reached for less than three rows and a second is not seen to last",
    })
}

/// Whether it speaks neither of a limit nor of figures that are not to be trusted, nor of requests that waited.
fn is_harmless(finding: &Finding) -> bool {
    match finding.weight {
        Weight::Doubt | Weight::Limit => false,
        Weight::Note => finding.rule != Rule::Queueing,
        Weight::Sound => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{figures, run, run_with};

    const LOAD: &[f64] = &[10.0; 6];

    fn more(found: Option<Finding>) -> Option<bool> {
        found.map(|found| found.sentence.contains("limit. The target could have done more"))
    }

    #[test]
    fn what_is_said_is_said_with_what_is_known_and_nothing_without() {
        let calm = find(&run(&[(Figure::Rps, LOAD), (Figure::HostCpu, &[50.0; 6])]), &[]).unwrap();
        assert_eq!((calm.weight, calm.certainty, calm.evidence.len()), (Weight::Sound, Certainty::Possible, 1));
        assert!(find(&run(&[(Figure::Rps, LOAD)]), &[]).is_none(), "an empty cell is no evidence");
        assert!(find(&run(&[(Figure::HostCpu, &[50.0; 6])]), &[]).is_none(), "nobody asked for anything");
        assert!(find(&run(&[(Figure::Rps, LOAD), (Figure::HostCpu, &[99.0; 6])]), &[]).is_none(), "it saturated");
        let idle: &[(Figure, &[f64])] =
            &[(Figure::Rps, &[0.0; 6]), (Figure::AcceptQueue, &[0.0; 6]), (Figure::AcceptQueueLimit, &[9.0; 6])];
        assert!(find(&run(idle), &[]).is_none(), "nobody asked, and nobody waited");
        let two_rows = &[(Figure::Rps, &LOAD[..2]), (Figure::HostCpu, &[50.0; 2][..])];
        assert!(find(&run(two_rows), &[]).is_none(), "too short to have seen it stay");
    }

    #[test]
    fn a_moment_at_the_limit_or_another_rule_forbids_the_conclusion() {
        let calm = run(&[(Figure::Rps, LOAD), (Figure::HostCpu, &[50.0; 6])]);
        assert_eq!(more(find(&calm, &[])), Some(true));
        let full = run(&[(Figure::Rps, LOAD), (Figure::HostCpu, &[50.0, 99.0, 99.0, 20.0, 20.0, 20.0])]);
        assert_eq!(more(find(&full, &[])), Some(false));
        let waiting = run_with(&[(Figure::Rps, LOAD), (Figure::HostCpu, &[50.0; 6])], figures(500, (5_000, 5_100)));
        let found = crate::findings::of(&waiting);
        let saturation = found.into_iter().find(|finding| finding.rule == Rule::Saturation);
        assert_eq!(more(saturation), Some(false), "half of the latency was waiting");
    }
}
