//! Whether runs are those of one test, and what each is called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::Recording;
use crate::units::parse_duration;
use crate::units::shown::span;

/// A run among others.
pub struct Named {
    pub name: String,
    /// When it began, in seconds since the first of all did.
    pub from_s: f64,
    /// When it ended, by the same.
    pub to_s: f64,
    pub recording: Recording,
}

/// Refuses a directory that is named twice, by whatever path: it would count twice.
pub fn no_directory_twice(directories: &[PathBuf]) -> Result<(), String> {
    let mut seen: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for directory in directories {
        let Ok(place) = directory.canonicalize() else { continue };
        if let Some(before) = seen.insert(place, directory) {
            return Err(format!(
                "{} and {} are one directory: its requests would count twice",
                before.display(),
                directory.display()
            ));
        }
    }
    Ok(())
}

/// The runs by the time at which they began, each with a name of its own; and what is to be said of names.
pub fn named(runs: Vec<Recording>) -> Result<(Vec<Named>, Vec<String>), String> {
    let mut began = Vec::new();
    for run in runs {
        let began_s = run.began_epoch_s.ok_or_else(|| {
            format!(
                "when {} began is not known, without rows and without a run.json: it can't be put beside other runs",
                run.directory.display()
            )
        })?;
        began.push((began_s, run));
    }
    began.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let first_s = began.first().map_or(0.0, |(began_s, _)| *began_s);
    let mut runs: Vec<Named> = began
        .into_iter()
        .map(|(began_s, recording)| {
            let from_s = began_s - first_s;
            Named { name: name(&recording), from_s, to_s: from_s + recording.lasted_s(), recording }
        })
        .collect();
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        places.entry(run.name.clone()).or_default().push(place);
    }
    let mut said = Vec::new();
    for (name, places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        let overlap = places.windows(2).any(|pair| runs[pair[1]].from_s < runs[pair[0]].to_s);
        let all: Vec<String> = (1..=places.len()).map(|number| format!("{name}#{number}")).collect();
        for (place, name) in places.iter().zip(&all) {
            runs[*place].name.clone_from(name);
        }
        let all = all.join(", ");
        said.push(if overlap {
            format!("{} runs at the same time are of instances called {name}: they are told apart as {all}, by when they began; give each an --instance of its own", places.len())
        } else {
            format!("{} runs, one after the other, are of an instance called {name}: they are told apart as {all}", places.len())
        });
    }
    Ok((runs, said))
}

/// As it calls itself, or else as its directory is called.
fn name(run: &Recording) -> String {
    let own = run.about.text("/instance").map(str::to_owned);
    let of_directory = || run.directory.file_name().map(|name| name.to_string_lossy().into_owned());
    own.or_else(of_directory).unwrap_or_else(|| "run".to_owned())
}

/// Refuses runs that can't be of one test; says what else differs.
pub fn of_one_test(runs: &[Named]) -> Result<Vec<String>, String> {
    let mut said = Vec::new();
    let mut ends = runs.first();
    for run in runs {
        if let Some(last) = ends.filter(|last| run.from_s > last.to_s) {
            return Err(format!(
                "{} and {} have no time in common: {} began {} after the end of {}, by their wall clocks. They are of two tests, or \
                 one of the clocks is wrong; `quintain report --each` makes a page of each",
                last.name,
                run.name,
                run.name,
                span(run.from_s - last.to_s),
                last.name
            ));
        }
        ends = ends.filter(|last| last.to_s > run.to_s).or(Some(run));
    }
    for (what, path) in [("profiles", "/profile"), ("seeds", "/seed")] {
        let known = runs.iter().filter(|run| run.recording.about.is_known());
        let all: Vec<(&str, String)> = known
            .map(|run| {
                let value = run.recording.about.at(path).map(ToString::to_string);
                (run.name.as_str(), value.unwrap_or_else(|| "none".to_owned()))
            })
            .collect();
        let Some(((first, value), other)) =
            all.first().and_then(|first| Some((first, all.iter().find(|(_, value)| *value != first.1)?)))
        else {
            continue;
        };
        let shown = |name: &str, value: &str| match runs.iter().find(|run| run.name == name) {
            Some(run) if path == "/profile" => run.recording.about.profile().unwrap_or_else(|| "none".to_owned()),
            _ => value.to_owned(),
        };
        return Err(format!(
            "{first} and {} have other {what} ({} and {}): they are not instances under one test; `quintain report --each` makes a page of each",
            other.0,
            shown(first, value),
            shown(other.0, &other.1)
        ));
    }
    said.extend(differing(runs, "versions", |run| run.recording.about.text("/version").map(str::to_owned)));
    said.extend(differing(runs, "ticks", |run| {
        run.recording.about.text("/config/sample_interval").map(str::to_owned)
    }));
    Ok(said)
}

/// A sentence about what they need not have in common.
fn differing(runs: &[Named], what: &str, of: impl Fn(&Named) -> Option<String>) -> Option<String> {
    let known: Vec<(&str, String)> = runs.iter().filter_map(|run| Some((run.name.as_str(), of(run)?))).collect();
    let differs = known.windows(2).any(|pair| pair[0].1 != pair[1].1);
    let all = known.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ");
    let more = if what == "ticks" { "; rows of all of them are as long as the longest" } else { "" };
    differs.then(|| format!("the instances have other {what} ({all}){more}"))
}

/// From one row to the next as it was told to be, or as it was.
pub fn tick_s(run: &Named) -> f64 {
    let told = run.recording.about.text("/config/sample_interval").and_then(|told| parse_duration(told).ok());
    told.map_or_else(|| run.recording.interval_s(), |told| told.as_secs_f64())
}

/// Whether all of them are known to have run on one machine.
pub fn is_one_machine(runs: &[Named]) -> bool {
    let mut boots = runs.iter().map(|run| run.recording.about.text("/machine/boot_id"));
    let first = boots.next().flatten();
    first.is_some() && boots.all(|boot| boot == first)
}
