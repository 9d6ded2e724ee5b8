//! Several instances of the target under one test, as one recording of the service.
//!
//! Counters are sums, histograms are merged, rows are put beside each other by the wall clock, workers are called
//! `instance/slot`. What is each instance's own (quotas, the end of its files) is kept with it.

mod about;
mod alike;
mod counted;
mod latency;
mod ticks;

use std::path::{Path, PathBuf};

use super::table;
use super::{
    Event, Figure, Gap, Level, Phase, Recording, Route, STRETCHES, STRETCHES_OF_A_PART, Series, When, Worker,
};
use crate::run_files::{LATENCY, RESOURCES, ROUTES};
use crate::units::shown::{float, number, span};

/// One of several instances of the target.
#[derive(Debug)]
pub struct Instance {
    /// Its name among them.
    pub name: String,
    /// Where its run lies.
    pub directory: PathBuf,
    /// How it was arranged: its mode and how many workers it had.
    pub arrangement: String,
    /// When it began, in seconds since the first of them did.
    pub from_s: f64,
    /// When it ended, or its last row.
    pub to_s: f64,
    /// Whole answers, as far as its files say.
    pub answered: Option<u64>,
    /// Of them, those to health checks.
    pub probed: u64,
    /// What its files lack, where it did not end in order.
    pub gap: Option<Gap>,
    /// Its figures.
    pub series: Series,
}

/// How many bytes there are to read: rows of the whole target and of routes are read twice, histograms once.
#[must_use]
pub fn size(directories: &[PathBuf]) -> u64 {
    let again = |directory: &Path| {
        let length = |name: &str| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len());
        length(RESOURCES) + length(ROUTES) + length(LATENCY)
    };
    directories.iter().map(|directory| super::size(directory) + again(directory)).sum()
}

/// Reads the runs of several instances that were under one test, as one. `told` hears how many bytes were read since it last
/// heard.
///
/// # Errors
/// A sentence why they are not runs of one test.
pub fn read(directories: &[PathBuf], told: &(dyn Fn(u64) + Sync)) -> Result<Recording, String> {
    alike::no_directory_twice(directories)?;
    let runs: Vec<Recording> =
        directories.iter().map(|directory| super::read(directory, told)).collect::<Result<_, _>>()?;
    let (mut runs, mut damage) = alike::named(runs)?;
    damage.extend(alike::of_one_test(&runs)?);
    let clocks = clocks(&runs);
    let (phases, wrong) = counted::phases(&runs);
    damage.extend(wrong);
    let tick_s = runs.iter().map(alike::tick_s).fold(0.0, f64::max);
    let is_one_machine = alike::is_one_machine(&runs);
    let sources: Vec<ticks::Source<'_>> = runs
        .iter()
        .map(|run| ticks::Source { name: &run.name, directory: &run.recording.directory, from_s: run.from_s })
        .collect();
    let phase_at = |tick: u64| Phase::at(&phases, (float(tick) - 0.5) * tick_s).unwrap_or(0);
    // The last tick is no longer than the runs.
    let end_s = runs.iter().map(|run| run.to_s).fold(0.0, f64::max);
    let when = |tick: u64| {
        let (before_s, elapsed_s) = (float(tick.saturating_sub(1)) * tick_s, (float(tick) * tick_s).min(end_s));
        When { elapsed_s, interval_s: (elapsed_s - before_s).max(0.0), phase: phase_at(tick) }
    };
    let merging = ticks::Merging { sources: &sources, tick_s, is_one_machine };
    let mut target = Series::new(Figure::ALL, STRETCHES).watching(Level::OF_THE_TARGET);
    let (merged, wrong) = latency::beside(&sources, tick_s, told, |latencies| {
        merging.rows(&table::TARGET, told, |tick, _, numbers| {
            latencies.fill(tick, table::TARGET.figures, numbers);
            target.push(when(tick), numbers);
        })
    })?;
    merged?;
    damage.extend(wrong);
    let mut routes: Vec<Route> = Vec::new();
    merging.rows(&table::OF_ROUTES, told, |tick, (method, path), numbers| {
        let known = routes.iter().position(|route| route.path == path && route.method == method);
        let Some(route) = super::place(&mut routes, known, || Route {
            method: method.to_owned(),
            path: path.to_owned(),
            series: Series::new(table::OF_ROUTES.figures, STRETCHES_OF_A_PART),
        }) else {
            return;
        };
        route.series.push(when(tick), numbers);
    })?;
    let whole = counted::whole(&runs);
    let outcomes = counted::outcomes(&runs);
    let about = about::common(&runs, is_one_machine);
    let mut merged = Recording {
        directory: runs.first().map(|run| run.recording.directory.clone()).unwrap_or_default(),
        about,
        target,
        routes,
        phases,
        whole,
        outcomes,
        clocks: Some(clocks),
        ..Recording::default()
    };
    for run in &mut runs {
        add(&mut merged, run);
    }
    damage.extend(std::mem::take(&mut merged.damage));
    merged.damage = damage;
    merged.events.sort_by(|one, other| one.elapsed_s.total_cmp(&other.elapsed_s));
    merged.faulty.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    merged.steps.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    Ok(merged)
}

/// Everything that is an instance's own, moved to where it stands in the time of all.
fn add(merged: &mut Recording, alike::Named { name, from_s, to_s, recording: run }: &mut alike::Named) {
    let from_s = *from_s;
    let gap = run.gaps.pop();
    // The run's own sentence about its gap knows neither the name nor the time of all.
    let own = gap.as_ref().map(Gap::sentence);
    let gap = gap.map(|gap| Gap { instance: Some(name.clone()), after_s: gap.after_s + from_s, ..gap });
    let wrong = run.damage.iter().filter(|sentence| Some(*sentence) != own.as_ref());
    merged.damage.extend(wrong.map(|sentence| format!("{name}: {sentence}")));
    merged.damage.extend(gap.as_ref().map(Gap::sentence));
    merged.gaps.extend(gap.clone());
    let moved = |mut series: Series| {
        series.shift(from_s);
        series
    };
    for Worker { slot, generation, state, series } in run.workers.drain(..) {
        merged.workers.push(Worker { slot: format!("{name}/{slot}"), generation, state, series: moved(series) });
    }
    let workers = run.about.number("/config/workers");
    let mode = run.about.text("/config/mode").map(str::to_owned);
    merged.instances.push(Instance {
        name: name.clone(),
        directory: run.directory.clone(),
        arrangement: [mode, workers.map(number)].into_iter().flatten().collect::<Vec<_>>().join(" "),
        from_s,
        to_s: *to_s,
        answered: run.answered(),
        probed: run.probed(),
        gap,
        series: moved(std::mem::take(&mut run.target)),
    });
    merged.events.extend(run.events.drain(..).map(|event| Event {
        elapsed_s: event.elapsed_s + from_s,
        instance: name.clone(),
        ..event
    }));
    for mut faulty in run.faulty.drain(..) {
        faulty.shift(from_s);
        // The same plan on each of them is told once for each: what they have in common is seen side by side.
        faulty.plans = format!("{name}: {}", faulty.plans);
        merged.faulty.push(faulty);
    }
    merged.steps.extend(run.steps.iter().map(|(at_s, by_s)| (at_s + from_s, *by_s)));
}

/// How the rows of the instances stand to each other in time, in a sentence.
fn clocks(runs: &[alike::Named]) -> String {
    let apart = |of: &dyn Fn(&alike::Named) -> Option<f64>| {
        let all: Option<Vec<f64>> = runs.iter().map(of).collect();
        let all = all?;
        let (least, most) = (all.iter().copied().reduce(f64::min)?, all.iter().copied().reduce(f64::max)?);
        Some(most - least)
    };
    if alike::is_one_machine(runs) {
        // The wall clock less the monotonic one, which all of them share.
        let ahead = |run: &alike::Named| {
            Some(run.recording.began_epoch_s? - run.recording.about.number("/started_monotonic_ns")? / 1e9)
        };
        return match apart(&ahead) {
            // Rows have milliseconds.
            Some(skew_s) if skew_s < 0.002 => "one machine's: rows are put beside each other by its wall clock, which did not step between their begins".to_owned(),
            Some(skew_s) => format!("one machine's: rows are put beside each other by its wall clock, which stepped by {} between their begins", span(skew_s)),
            None => "one machine's: rows are put beside each other by its wall clock".to_owned(),
        };
    }
    let first = |run: &alike::Named| {
        let (_, first, _) = run.recording.target.gained(Figure::Requests)?;
        Some(run.from_s + first.from_s)
    };
    let seen = apart(&first).map_or_else(String::new, |apart_s| {
        format!("; their first requests came within {} of each other by them", span(apart_s))
    });
    format!(
        "rows are put beside each other by the wall clocks of several machines; how far those are apart is not known{seen}"
    )
}
