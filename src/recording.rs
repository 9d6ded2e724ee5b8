//! A run as its directory tells it: read in one pass, however long it is, and with whatever is missing or damaged said.

mod about;
mod between;
mod cell;
mod damage;
mod events;
mod faulty;
mod figure;
mod gap;
mod level;
mod lines;
pub mod many;
mod outcomes;
mod phases;
mod series;
mod table;

use std::path::{Path, PathBuf};
use std::thread;

use serde_json::Value;

pub use about::About;
pub use cell::{Cell, When};
pub use events::Event;
pub use faulty::{Faulty, Open};
pub use figure::Figure;
pub use gap::Gap;
pub use level::{FULL_PCT, Level, Stay, Watch, has_load};
pub use many::Instance;
pub use outcomes::Outcome;
pub use phases::Phase;
pub use series::{Series, Stretch};

use figure::{OF_A_ROUTE, OF_A_WORKER};
use phases::{OfRows, Phases, Times};
use table::Row;

use crate::event::EventKind;
use crate::run_files::{RECORD, RESOURCES, ROUTES, WORKERS};
use crate::snapshot::{Figures, is_probe};

/// Stretches of the whole target: more than a plot has pixels.
pub const STRETCHES: usize = 2_000;

/// Stretches of a worker or a route.
const STRETCHES_OF_A_PART: usize = 500;

/// A run has no more slots than --max-workers allows, and fewer routes: what a damaged file says beyond that is left out.
const PARTS: usize = 256;

/// The wall clock and the monotonic one may drift apart by so much from row to row.
const STEP_MS: f64 = 500.0;

/// The last row may be so much earlier than the end of a run: its observer takes both one after the other.
const LATE_END_S: f64 = 1.0;

/// A run.
#[derive(Debug, Default)]
pub struct Recording {
    /// Where it lies.
    pub directory: PathBuf,
    /// What `run.json` says.
    pub about: About,
    /// The whole target over time.
    pub target: Series,
    /// Each slot ever used.
    pub workers: Vec<Worker>,
    /// Each route on which something was answered.
    pub routes: Vec<Route>,
    /// What happened.
    pub events: Vec<Event>,
    /// When fault plans were in force.
    pub faulty: Vec<Faulty>,
    /// What came of them, where the run ended in order.
    pub outcomes: Vec<Outcome>,
    /// Its phases, one after the other.
    pub phases: Vec<Phase>,
    /// What was counted in the whole run, where it ended in order.
    pub whole: Option<Figures>,
    /// Where the wall clock stepped: when, and by how many seconds.
    pub steps: Vec<(f64, f64)>,
    /// What is missing or damaged, each a sentence.
    pub damage: Vec<String>,
    /// The ends that are missing, where it did not end in order.
    pub gaps: Vec<Gap>,
    /// When it began, by the wall clock: seconds since 1970.
    pub began_epoch_s: Option<f64>,
    /// The instances of the target that were recorded, where it is several runs.
    pub instances: Vec<Instance>,
    /// How their rows stand to each other in time.
    pub clocks: Option<String>,
}

/// A slot over time.
#[derive(Debug)]
pub struct Worker {
    /// Its number; of several instances, with the name of its own before it: `web-1/0`.
    pub slot: String,
    /// How many workers have held it.
    pub generation: String,
    /// Of the newest of them, at the end.
    pub state: String,
    /// Its figures.
    pub series: Series,
}

/// A route over time.
#[derive(Debug)]
pub struct Route {
    /// Empty for what matched none.
    pub method: String,
    /// Its pattern.
    pub path: String,
    /// Its figures.
    pub series: Series,
}

/// How many bytes there are to read.
#[must_use]
pub fn size(directory: &Path) -> u64 {
    let length = |name: &&str| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len());
    [RESOURCES, WORKERS, ROUTES].iter().map(length).sum()
}

/// Reads a run. `told` hears how many bytes were read since it last heard.
///
/// # Errors
/// A sentence why there is no run.
pub fn read(directory: &Path, told: &(dyn Fn(u64) + Sync)) -> Result<Recording, String> {
    let shown = directory.display();
    match std::fs::metadata(directory) {
        Err(error) => return Err(format!("{shown}: there is no such run directory ({error})")),
        Ok(found) if !found.is_dir() => {
            return Err(format!("{shown} is no directory; name the one that holds {RESOURCES}"));
        }
        Ok(_) => {}
    }
    if ![RESOURCES, RECORD].iter().any(|name| directory.join(name).exists()) {
        return Err(format!("{shown} holds no run: neither {RESOURCES} nor {RECORD} is there"));
    }
    let (about, missing) = About::read(directory);
    let levels = Level::of_a_worker(about.number("/config/max_inflight"));
    let (target, workers, routes) = thread::scope(|scope| {
        let of_workers = || read_workers(directory, &levels, told);
        let of_routes = || read_routes(directory, told);
        let workers = thread::Builder::new().spawn_scoped(scope, of_workers);
        let routes = thread::Builder::new().spawn_scoped(scope, of_routes);
        let target = read_target(directory, told);
        // A kernel that gives no thread makes it slower.
        (target, workers.map_or_else(|_| of_workers(), joined), routes.map_or_else(|_| of_routes(), joined))
    });
    let Target { series: target, phases: of_rows, clock, wrong } = target;
    let mut damage: Vec<String> = missing.into_iter().chain(wrong).collect();
    let (workers, wrong) = workers;
    damage.extend(wrong);
    let (routes, wrong) = routes;
    let were_answered = target.whole(Figure::Requests).last().is_some_and(|requests| requests > 0.0);
    if routes.is_empty() && wrong.is_empty() && were_answered {
        damage.push(format!("{ROUTES} has no rows, although requests were finished"));
    }
    damage.extend(wrong);
    let (events, wrong) = events::read(directory);
    damage.extend(wrong);
    let started_ns = about.at("/started_monotonic_ns").and_then(Value::as_u64);
    let duration_s = about.number("/totals/duration_s");
    let times = Times { started_ns, duration_s, events: &events };
    let Phases { all: phases, whole, wrong } = phases::read(directory, &of_rows, &times);
    damage.extend(wrong);
    let began_epoch_s = clock.first_ms.map(|ms| ms / 1e3).or_else(|| about.began_epoch_s());
    let mut run = Recording {
        // Whoever stands in it calls it `.`.
        directory: directory.canonicalize().unwrap_or_else(|_| directory.to_owned()),
        about,
        target,
        workers,
        routes,
        events,
        phases,
        whole,
        steps: clock.steps,
        began_epoch_s,
        damage,
        ..Recording::default()
    };
    let lasted_s = run.lasted_s();
    run.faulty = faulty::stretches(&run.events, run.about.at("/profile/content/fault"), lasted_s);
    run.outcomes = outcomes::outcomes(&run.about, duration_s.unwrap_or(lasted_s));
    run.damage.extend(lost_end(run.seconds(), run.interval_s(), lasted_s));
    run.gaps.extend(Gap::of(&run));
    run.damage.extend(run.gaps.iter().map(Gap::sentence));
    Ok(run)
}

/// A sentence about rows that end before the run does.
fn lost_end(rows_s: f64, interval_s: f64, lasted_s: f64) -> Option<String> {
    let is_lost = rows_s > 0.0 && lasted_s - rows_s > LATE_END_S.max(2.0 * interval_s);
    is_lost.then(|| {
        format!("{RESOURCES} ends at {rows_s} s, the run at {lasted_s:.3} s: what only rows tell is not known of the rest")
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Recording {
    /// As its directory is called, or its instances.
    #[must_use]
    pub fn called(&self) -> String {
        /// Of more, the first are named.
        const NAMED: usize = 6;
        let name = self.directory.file_name().or_else(|| self.directory.parent()?.file_name());
        match &*self.instances {
            [] => name
                .map_or_else(|| self.directory.display().to_string(), |name| name.to_string_lossy().into_owned()),
            all => {
                let names: Vec<&str> = all.iter().take(NAMED).map(|instance| instance.name.as_str()).collect();
                let more = if all.len() > NAMED { ", …" } else { "" };
                format!("{} instances ({}{more})", all.len(), names.join(", "))
            }
        }
    }

    /// Whole answers in all, as far as its files say.
    #[must_use]
    pub fn answered(&self) -> Option<u64> {
        if let Some(whole) = &self.whole {
            return Some(whole.statuses().values().sum());
        }
        let of = |figure| self.target.whole(figure).last().map(rounded);
        of(Figure::Requests)?.checked_sub(of(Figure::ClientGone)?)?.checked_sub(of(Figure::Broken)?)
    }

    /// Answers to health checks; of a run that did not end in order, with those whose client left first.
    #[must_use]
    pub fn probed(&self) -> u64 {
        let of_rows = || {
            let probes = self.routes.iter().filter(|route| is_probe(&route.path));
            probes.filter_map(|route| route.series.whole(Figure::Requests).last()).map(rounded).sum()
        };
        self.whole.as_ref().map_or_else(of_rows, Figures::probed)
    }

    /// How long it was, as far as its rows say.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.target.stretches().last().map_or(0.0, |last| last.to_s)
    }

    /// How long it was: until it was counted at its end, or as far as its rows say.
    #[must_use]
    pub fn lasted_s(&self) -> f64 {
        let counted = self.phases.last().filter(|_| self.whole.is_some());
        counted.map_or_else(|| self.seconds(), |last| last.to_s)
    }

    /// Until when requests were taken: the begin of the drain, or the end.
    #[must_use]
    pub fn serves_until_s(&self) -> f64 {
        let mut drains = self.events.iter().filter(|event| matches!(event.kind, EventKind::Drain(_)));
        if self.instances.is_empty() {
            return drains.next().map_or_else(|| self.seconds(), |drain| drain.elapsed_s);
        }
        // As long as there is an instance that goes on.
        let drained = |instance: &Instance| drains.clone().find(|drain| drain.instance == instance.name);
        let until =
            self.instances.iter().map(|instance| drained(instance).map_or(instance.to_s, |drain| drain.elapsed_s));
        until.fold(0.0, f64::max)
    }

    /// From one row to the next, on average.
    #[must_use]
    pub fn interval_s(&self) -> f64 {
        self.target.interval_s()
    }
}

/// A counter, as a row has it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // No row has a negative number.
fn rounded(cell: f64) -> u64 {
    cell.round() as u64
}

/// `resources.csv`.
struct Target {
    series: Series,
    phases: OfRows,
    clock: WallClock,
    wrong: Vec<String>,
}

fn read_target(directory: &Path, told: &dyn Fn(u64)) -> Target {
    let (mut series, mut phases) =
        (Series::new(Figure::ALL, STRETCHES).watching(Level::OF_THE_TARGET), OfRows::default());
    let mut clock = WallClock::default();
    let wrong = table::read(directory, &table::TARGET, told, |row| {
        clock.look(row);
        series.push(when(row, &mut phases), row.numbers);
    });
    Target { series, phases, clock, wrong }
}

fn when(row: &Row<'_>, phases: &mut OfRows) -> When {
    let Row { elapsed_s, interval_s, epoch_ms: _, texts, numbers: _ } = *row;
    When { elapsed_s, interval_s, phase: phases.number(texts[0], (elapsed_s, interval_s)) }
}

fn read_workers(directory: &Path, levels: &[Level], told: &dyn Fn(u64)) -> (Vec<Worker>, Vec<String>) {
    let (mut workers, mut phases): (Vec<Worker>, _) = (Vec::new(), OfRows::default());
    let wrong = table::read(directory, &table::OF_WORKERS, told, |row| {
        let [_, slot, generation, state] = *row.texts else { return };
        let known = workers.iter().position(|worker| worker.slot == slot);
        let Some(worker) = place(&mut workers, known, || Worker {
            slot: slot.to_owned(),
            generation: String::new(),
            state: String::new(),
            series: Series::new(OF_A_WORKER, STRETCHES_OF_A_PART).watching(levels),
        }) else {
            return;
        };
        replace(&mut worker.generation, generation);
        replace(&mut worker.state, state);
        worker.series.push(when(row, &mut phases), row.numbers);
    });
    (workers, wrong)
}

fn read_routes(directory: &Path, told: &dyn Fn(u64)) -> (Vec<Route>, Vec<String>) {
    let (mut routes, mut phases): (Vec<Route>, _) = (Vec::new(), OfRows::default());
    let wrong = table::read(directory, &table::OF_ROUTES, told, |row| {
        let [_, method, path] = *row.texts else { return };
        let known = routes.iter().position(|route| route.path == path && route.method == method);
        let Some(route) = place(&mut routes, known, || Route {
            method: method.to_owned(),
            path: path.to_owned(),
            series: Series::new(OF_A_ROUTE, STRETCHES_OF_A_PART),
        }) else {
            return;
        };
        route.series.push(when(row, &mut phases), row.numbers);
    });
    (routes, wrong)
}

/// The part that is known, or a new one where there is room for it.
fn place<Part>(parts: &mut Vec<Part>, known: Option<usize>, new: impl FnOnce() -> Part) -> Option<&mut Part> {
    match known {
        Some(number) => parts.get_mut(number),
        None if parts.len() >= PARTS => None,
        None => {
            parts.push(new());
            parts.last_mut()
        }
    }
}

/// Most rows say what the one before said: then nothing is allocated.
fn replace(place: &mut String, text: &str) {
    if place != text {
        text.clone_into(place);
    }
}

/// Sees the steps of the wall clock.
#[derive(Default)]
struct WallClock {
    /// How far it is ahead of the run's own time, in milliseconds.
    ahead_ms: Option<f64>,
    /// The same in the first row: when the run began.
    first_ms: Option<f64>,
    steps: Vec<(f64, f64)>,
}

impl WallClock {
    /// So many are kept.
    const MOST: usize = 100;

    fn look(&mut self, row: &Row<'_>) {
        let ahead_ms = row.epoch_ms - row.elapsed_s * 1e3;
        if !ahead_ms.is_finite() {
            return;
        }
        self.first_ms.get_or_insert(ahead_ms);
        let before = self.ahead_ms.replace(ahead_ms);
        let step_ms = ahead_ms - before.unwrap_or(ahead_ms);
        if step_ms.abs() >= STEP_MS && self.steps.len() < Self::MOST {
            self.steps.push((row.elapsed_s, step_ms / 1e3));
        }
    }
}
