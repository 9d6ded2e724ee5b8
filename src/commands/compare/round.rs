//! One round: both arms, one after the other, in the order that its coin has drawn.

use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;

use super::folder;
use super::plan::{Plan, Source};
use super::process::Stop;
use super::record::{Measured, Round};
use super::target::{Target, Told};
use super::{load, load::Loaded};
use crate::comparison::{Arm, first_of_pair};
use crate::generator::Account;

/// Runs the round of this number, counted from 0. `None`: the user wants an end.
///
/// # Errors
/// A sentence that names the arm.
pub fn run(plan: &Plan, number: usize, bar: &ProgressBar, stop: &Stop) -> Result<Option<Round>, String> {
    let begun = Instant::now();
    let first = first_of_pair(plan.seed, number as u64);
    let mut arms = [Measured::default(), Measured::default()];
    for arm in [first, first.other()] {
        bar.set_message(format!("arm {}", arm.letter()));
        let place = plan.directory.join("rounds").join(folder(number)).join(arm.name());
        // A round that was interrupted left half of one.
        let _ = std::fs::remove_dir_all(&place);
        match one(plan, arm, &place, stop) {
            Ok(Some(measured)) => arms[arm as usize] = measured,
            // Whatever an end in the middle of a round looks like, it is what the user wants.
            Ok(None) => return Ok(None),
            Err(_) if stop.is_heard() => return Ok(None),
            Err(sentence) => return Err(format!("arm {}: {sentence}", arm.letter())),
        }
    }
    Ok(Some(Round { first, arms, seconds: begun.elapsed().as_secs_f64() }))
}

fn one(plan: &Plan, arm: Arm, place: &Path, stop: &Stop) -> Result<Option<Measured>, String> {
    let target = Target::start(plan, arm, place, stop)?;
    // What a command of one's own does is not known, so that it can't be run for a shorter time.
    if matches!(plan.source, Source::Known(..))
        && load::run(plan, &target, Some(plan.warmup), place, stop)?.is_none()
    {
        return Ok(None);
    }
    target.begin()?;
    let Some(Loaded { account, thread_pct, cores_pct, idle_s }) = load::run(plan, &target, None, place, stop)?
    else {
        return Ok(None);
    };
    let Told { figures, mut around, failures_seen } = target.end(idle_s)?;
    if around.finished == Some(0) {
        return Err("the target saw no request of the load".to_owned());
    }
    around.generator_thread_pct = thread_pct;
    around.generator_cores_pct = cores_pct;
    let failed = account.as_ref().and_then(Account::failed);
    around.never_reached = failed.map(|failed| failed.saturating_sub(failures_seen));
    Ok(Some(Measured {
        figures,
        client: account.as_ref().map(load::figures).unwrap_or_default(),
        around,
        run: place.strip_prefix(&plan.directory).unwrap_or(place).join("run").display().to_string(),
    }))
}
