//! The load generator of one arm in one round: started, watched, read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::first_request::FirstRequest;
use super::outside::Outside;
use super::plan::{Plan, Source};
use super::process::{Started, Stop, last_words, shell};
use super::running::Running;
use super::target::pinned;
use crate::comparison::{Circumstances, Figures};
use crate::generator::{self, Account, Amount, Bytes, Invocation, Load, Statuses};
use crate::sys::process::allowed_processors;
use crate::sys::procfs::TreeCpu;
use crate::units::shown::float;

/// So often the generator's threads are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What a load is run for.
pub enum Stretch<'a> {
    /// To warm the target up: for as long as the plan says, and unseen.
    Warmup,
    /// To be measured: as the plan says, and seen from outside.
    Measured(&'a mut Outside),
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What its generator says, where its output could be read.
    pub account: Option<Account>,
    /// CPU of its busiest thread, in percent of a core.
    pub thread_pct: Option<f64>,
    /// CPU of its whole tree, in percent of the cores it may use.
    pub cores_pct: Option<f64>,
    /// From its start until the target saw its first request, to a 32nd of that or 5 ms.
    pub idle_s: f64,
}

/// Loads the target for a stretch. `None`: the user wants an end.
///
/// # Errors
/// A sentence that says what the generator did.
pub fn run(
    plan: &Plan,
    target: &Running,
    mut stretch: Stretch,
    folder: &Path,
    stop: &Stop,
) -> Result<Option<Loaded>, String> {
    let (name, load, before) = match stretch {
        Stretch::Warmup => ("warmup", plan.load.for_warmup(plan.warmup), None),
        Stretch::Measured(_) => ("load", plan.load.clone(), target.started()),
    };
    let Invocation { mut command, files } = invocation(plan, &load, target)?;
    if let Source::Known(_, program) = &plan.source
        && let Some(first) = command.first_mut()
    {
        *first = std::path::absolute(program).unwrap_or_else(|_| program.clone()).display().to_string();
    }
    for (file, content) in files {
        let path = folder.join(file);
        fs::write(&path, content).map_err(|error| format!("{}: it can't be written ({error})", path.display()))?;
    }
    let words = [pinned(plan.pins.as_ref().map(|[generator, _]| generator)), command].concat();
    let (out, err) = (format!("{name}.out"), format!("{name}.err"));
    let begun = Instant::now();
    let mut first = FirstRequest::after(before);
    let directory = match &plan.source {
        Source::Known(..) => folder,
        Source::Command(_) => Path::new("."),
    };
    let mut process = Started::start(&words, directory, folder, (&out, &err), stop)?;
    let mut tree = TreeCpu::of(process.pid());
    let mut looked: Option<Instant> = None;
    let mut exit = None;
    let mut watched = Duration::ZERO;
    let limit = plan.load_limit(&load);
    let ended = stop.look_until(limit, || {
        if looked.is_none_or(|last| last.elapsed() >= LOOK) {
            tree.look();
            if let Stretch::Measured(outside) = &mut stretch {
                outside.look();
            }
            looked = Some(Instant::now());
            watched = begun.elapsed();
        }
        first.look(|| begun.elapsed(), || target.started());
        exit = process.ended();
        exit.is_none().then(|| first.pause().unwrap_or(LOOK))
    });
    if stop.is_heard() {
        return Ok(None);
    }
    let generator = words.join(" ");
    if !ended {
        return Err(format!("the load did not end within {} s: {generator}", limit.as_secs_f64()));
    }
    match exit {
        Some(0) => {}
        code => {
            let said = last_words(&folder.join(&err));
            return Err(format!("the load ended with exit code {}{said} ({generator})", code.unwrap_or(1)));
        }
    }
    let printed = fs::read_to_string(folder.join(&out)).unwrap_or_default();
    let account = match (&plan.source, generator::read(&printed, &out, |_| None)) {
        (_, Ok(account)) => Some(account),
        (Source::Command(_), Err(_)) => None,
        (Source::Known(generator, _), Err(error)) => {
            return Err(format!("what {} printed {error} ({})", generator.name(), folder.join(&out).display()));
        }
    };
    let seconds = watched.as_secs_f64();
    let used = tree.used_ns().filter(|_| seconds > 0.0);
    let cores = match &plan.pins {
        Some([generator, _]) => generator.split(',').count(),
        None => allowed_processors().len(),
    };
    Ok(Some(Loaded {
        account,
        idle_s: first.came().as_secs_f64(),
        thread_pct: used.map(|(_, busiest_ns)| float(busiest_ns) / 1e7 / seconds),
        cores_pct: used.map(|(all_ns, _)| float(all_ns) / 1e7 / seconds / float(cores.max(1) as u64)),
    }))
}

fn invocation(plan: &Plan, load: &Load, target: &Running) -> Result<Invocation, String> {
    match &plan.source {
        Source::Known(generator, _) => generator.invocation(load, target.url()),
        Source::Command(line) => {
            let seconds = match load.amount {
                Amount::Duration(time) => time.as_secs(),
                Amount::Requests(_) => 0,
            };
            let line = line.replace("{seconds}", &seconds.to_string());
            Ok(Invocation::printing(shell(target.fill_in(&line))))
        }
    }
}

/// A generator's own figures, as far as it tells them.
pub fn figures(account: &Account) -> Figures {
    let latency = &account.latency;
    let count = |count: Option<u64>| count.map(float);
    Figures {
        clients: count(account.connections),
        completed: count(account.ended),
        errors_pct: account.errors_pct(),
        total_time_s: account.duration_s,
        requests_per_s: account.requests_per_s,
        mean_us: latency.mean_us,
        p50_us: latency.at(0.5),
        p90_us: latency.at(0.9),
        p95_us: latency.at(0.95),
        p99_us: latency.at(0.99),
        max_us: latency.max_us,
        ..Figures::default()
    }
}

/// What a generator knows of the answers of a server that does not count them itself.
pub fn circumstances(account: &Account) -> Circumstances {
    let statuses = match &account.statuses {
        Statuses::Each(statuses) => statuses.clone(),
        _ => BTreeMap::new(),
    };
    let bodies = match account.bytes {
        Some(Bytes::Bodies(bytes)) => Some(bytes),
        // Heads differ from server to server, and say nothing about the work.
        Some(Bytes::All { .. }) | None => None,
    };
    let answered = account.answered.filter(|answered| *answered > 0);
    Circumstances {
        finished: account.answered,
        errors_pct: account.errors_pct(),
        bytes_per_request: bodies.zip(answered).map(|(bytes, answered)| float(bytes) / float(answered)),
        statuses,
        ..Circumstances::default()
    }
}
