//! What a profile tells of the system that it stands for, beside what was measured: each arm with the published figures of
//! its own mode.

use super::plan::Plan;
use super::record::Round;
use crate::comparison::{Arm, Figures};
use crate::profile;
use crate::recording::About;
use crate::verification::{self, Check};

/// Published figures beside both arms. They are of another machine, and often of another load.
pub struct Published {
    /// Arm A's measurement and arm B's.
    pub arms: [Option<Measurement>; 2],
    /// Where the published figures contradict each other, a sentence each.
    pub contradictions: Vec<String>,
}

/// One published measurement.
pub struct Measurement {
    /// What its report calls it.
    pub name: String,
    /// In the units of a comparison.
    pub figures: Figures,
}

impl Published {
    /// Of a comparison; `None` where no arm runs in a mode that the profile has figures of.
    pub fn of(plan: &Plan, rounds: &[Round]) -> Option<Self> {
        let round = rounds.first()?;
        let arms = Arm::BOTH.map(|arm| {
            let (about, _) = About::read(&plan.directory.join(&round.arms[arm as usize].run));
            let mode = about.text("/config/mode")?;
            let set = plan.published.iter().find(|set| set.mode.is_some_and(|of| of.name() == mode))?;
            Some(Measurement { name: set.name.clone(), figures: figures(set) })
        });
        let sentence = |check: Check| {
            let title = check.title();
            let Check { theirs, ours, cause, .. } = check;
            format!("Published, {title}: {cause} ({theirs}; {ours})")
        };
        arms.iter().any(Option::is_some).then(|| Self {
            arms,
            contradictions: verification::contradictions(&plan.published).into_iter().map(sentence).collect(),
        })
    }

    /// Whose figures they are, and what for, a sentence.
    pub fn remark(&self) -> String {
        let of = |arm: Arm| {
            let name = self.arms[arm as usize].as_ref().map(|one| one.name.as_str());
            format!("{} {}", arm.letter(), name.map_or_else(|| "none".to_owned(), |name| format!("\"{name}\"")))
        };
        format!(
            "Published beside {}, {}: of another machine, for the shape and not to be reached on this one.",
            of(Arm::A),
            of(Arm::B)
        )
    }
}

fn figures(set: &profile::Published) -> Figures {
    let of = |name: &str| set.figure(name);
    let us = |name: &str| of(name).map(|ms| ms * 1e3);
    let errors_pct = of("error_pct").or_else(|| Some(100.0 * of("errors")? / of("requests")?));
    Figures {
        clients: of("concurrency").or_else(|| of("users")),
        completed: of("requests"),
        errors_pct,
        total_time_s: of("duration_s"),
        requests_per_s: of("requests_per_s"),
        mean_us: us("mean_ms"),
        p50_us: us("p50_ms"),
        p90_us: us("p90_ms"),
        p95_us: us("p95_ms"),
        p99_us: us("p99_ms"),
        max_us: us("max_ms"),
        ..Figures::default()
    }
}
