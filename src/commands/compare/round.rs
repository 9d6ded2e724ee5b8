//! One round: both arms, one after the other, in the order that its coin has drawn.

use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;

use super::arrangement::are_quintain;
use super::beside::Beside;
use super::folder;
use super::load::{self, Loaded, Stretch};
use super::outside::{Outside, Seen};
use super::plan::Plan;
use super::process::Stop;
use super::record::{Measured, Round};
use super::running::Running;
use super::target::Told;
use crate::comparison::{Arm, Circumstances, Figures, first_of_pair};
use crate::generator::Account;
use crate::units::shown::float;

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
        let done = one(plan, arm, &place, stop);
        stop.end_strays();
        match done {
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
    let (running, start_s) = Running::start(plan, arm, place, stop)?;
    if plan.source.can_warm_up() {
        match load::run(plan, &running, Stretch::Warmup, place, stop)? {
            None => return Ok(None),
            Some(Loaded { account: Some(Account { ended: Some(0), .. }), .. }) => {
                return Err("the warm-up sent no request to its end".to_owned());
            }
            Some(_) => {}
        }
    }
    let beside = Beside::start(plan, arm, &running, place, stop)?;
    running.begin()?;
    let mut outside = Outside::begin(running.pid());
    let Some(loaded) = load::run(plan, &running, Stretch::Measured(&mut outside), place, stop)? else {
        return Ok(None);
    };
    running.come_to_rest();
    let seen = outside.end();
    beside.end()?;
    let told = running.end(loaded.idle_s)?;
    let run = if told.is_some() { place.join("run") } else { place.to_owned() };
    Ok(Some(Measured {
        run: run.strip_prefix(&plan.directory).unwrap_or(&run).display().to_string(),
        ..measured(plan, loaded, seen, start_s, told)?
    }))
}

/// Puts together what the target has told, where both arms tell it, what its client has, and what was seen from outside.
fn measured(
    plan: &Plan,
    loaded: Loaded,
    seen: Seen,
    start_s: Option<f64>,
    told: Option<Told>,
) -> Result<Measured, String> {
    let both_tell = are_quintain(&plan.arms);
    let Loaded { account, thread_pct, cores_pct, idle_s: _ } = loaded;
    let Seen { cpu_ns, memory_bytes, memory_growth_bytes, around: machine } = seen;
    let client = account.as_ref().map(load::figures).unwrap_or_default();
    let failed = account.as_ref().and_then(Account::failed);
    let never_reached = failed.zip(told.as_ref()).map(|(failed, told)| failed.saturating_sub(told.failures_seen));
    let is_unread = account.is_none() && !both_tell;
    let (figures, around) = match (told, account) {
        (Some(told), _) if both_tell => (told.figures, told.around),
        (_, Some(account)) => (Figures { memory_bytes, ..client }, load::circumstances(&account)),
        (_, None) => (Figures { memory_bytes, ..Figures::default() }, Circumstances::default()),
    };
    let requests = match around.finished {
        Some(0) if both_tell => return Err("the target saw no request of the load".to_owned()),
        Some(0) => return Err("no request of the load was answered".to_owned()),
        requests => requests,
    };
    let per_1000 = |(ns, requests): (u64, u64)| float(ns) / 1e6 / float(requests);
    let figures = Figures {
        tree_cpu_s_per_1000: cpu_ns.zip(requests).map(per_1000),
        memory_growth_bytes,
        start_s,
        ..figures
    };
    if is_unread && (plan.judged.of)(&figures).is_none() {
        return Err(format!(
            "the load's output can't be read, and one arm is not quintain: nothing tells {}",
            plan.judged.title
        ));
    }
    let Circumstances { steal_pct, others_pct, throttled_pct, .. } = machine;
    let around = Circumstances {
        generator_thread_pct: thread_pct,
        generator_cores_pct: cores_pct,
        steal_pct,
        others_pct,
        throttled_pct,
        never_reached,
        ..around
    };
    Ok(Measured { figures, client, around, run: String::new() })
}
