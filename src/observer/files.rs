//! The files of a run directory, and what is said when they can't be written.

pub mod csv;
mod latency_log;
pub mod marks;
pub mod run_record;

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::columns::{self, Column, Row, epoch_ms, seconds, timestamp};
use crate::control::KnownFaults;
use crate::event::{Event, EventKind, Whose};
use crate::run_files::{EVENT_COLUMNS, EVENTS, LATENCY, MARK_COLUMNS, MARKS, RECORD, RESOURCES, ROUTES, WORKERS};
use crate::sample::{Moment, RouteSample, Sample, SlotSample, TargetSample};
use crate::snapshot::Figures;
use crate::units::shown::{amount, float};
use csv::{Appended, CsvFile, KEPT_ROWS};
use latency_log::LatencyLog;
use marks::Marks;
use run_record::RunRecord;

/// Where a run is written down, and as what.
pub struct RunFiles {
    /// The run directory, which exists.
    pub directory: PathBuf,
    /// What `run.json` says at the start: version, command, configuration, machine, limits, …
    pub record: Value,
}

/// The open files of a run.
pub struct OpenFiles {
    resources: Table<TargetSample>,
    workers: Table<SlotSample>,
    routes: Table<RouteSample>,
    latency: LatencyLog,
    marks: CsvFile,
    /// How many marks were given to it.
    marked: usize,
    events: CsvFile,
    /// The last event that an observer before this one has written, until it is known whether it had noted that it did.
    last_event: Option<String>,
    record: RunRecord,
    mode: &'static str,
    started_ns: u64,
    /// Whether it was said that something can't be written, and has not been all written since.
    complained: bool,
}

/// A file and how its cells are made.
struct Table<Figures> {
    file: CsvFile,
    columns: Vec<Column<Figures>>,
}

impl OpenFiles {
    /// Makes the files of a new run, `run.json` among them.
    ///
    /// # Errors
    /// A sentence with the path that can't be written.
    pub fn make(files: RunFiles, mode: &'static str, started_ns: u64) -> Result<Self, String> {
        let path = files.directory.join(RECORD);
        let (opened, failure) = Self::open(files, mode, started_ns);
        if let Some((path, error)) = failure {
            return Err(unwritable(&path, &error));
        }
        opened.record.write().map_err(|error| unwritable(&path, &error))?;
        Ok(opened)
    }

    /// Opens the files that an observer before this one has left. A run that has begun goes on: what can't be opened
    /// is opened when it can be.
    pub fn open_again(files: RunFiles, mode: &'static str, started_ns: u64, marks: &Marks) -> Self {
        let path = files.directory.join(MARKS);
        let has_record = files.directory.join(RECORD).exists();
        let (mut opened, failure) = Self::open(files, mode, started_ns);
        if let Some((path, error)) = failure {
            opened.complain(&path, &error);
        }
        // The first observer may have died before it wrote anything.
        if !has_record {
            opened.made_anew();
        }
        // What a dead observer left of a last row is cut off by now.
        opened.marked = marks.recall(&path);
        opened.last_event = opened.events.last_line();
        opened
    }

    /// Appends the marks that were put since the last time.
    pub fn marks(&mut self, marks: &Marks) {
        let new = marks.rows(self.marked);
        if !new.is_empty() {
            self.marked += new.len();
            let appended = self.marks.append(new);
            self.log_on_error(MARKS, appended);
        }
    }

    /// Opens the files; and the first that can't be opened.
    fn open(files: RunFiles, mode: &'static str, started_ns: u64) -> (Self, Option<(PathBuf, io::Error)>) {
        let RunFiles { directory, record } = files;
        let record = RunRecord::new(&directory, record);
        let (resources, first) = Table::open(&directory.join(RESOURCES), columns::resources());
        let (workers, second) = Table::open(&directory.join(WORKERS), columns::workers());
        let (routes, fourth) = Table::open(&directory.join(ROUTES), columns::routes());
        let (latency, fifth) = LatencyLog::open_or_keep(&directory.join(LATENCY), started_ns);
        let (marks, sixth) = CsvFile::open_or_keep(&directory.join(MARKS), &MARK_COLUMNS);
        let (events, third) = CsvFile::open_or_keep(&directory.join(EVENTS), &EVENT_COLUMNS);
        let opened = [
            (RESOURCES, first),
            (WORKERS, second),
            (EVENTS, third),
            (ROUTES, fourth),
            (LATENCY, fifth),
            (MARKS, sixth),
        ];
        let failure = opened.into_iter().find_map(|(name, opened)| Some((directory.join(name), opened.err()?)));
        (
            Self {
                resources,
                workers,
                routes,
                latency,
                marks,
                marked: 0,
                events,
                last_event: None,
                record,
                mode,
                started_ns,
                complained: false,
            },
            failure,
        )
    }

    /// `elapsed_s` of the last row of `resources.csv`, if it has one, for whoever goes on in it.
    pub fn last_elapsed(&self) -> Option<String> {
        let name = "elapsed_s";
        let at = self.resources.columns.iter().position(|column| column.name == name)?;
        // No cell before it holds a comma.
        self.resources.file.last_line()?.split(',').nth(at).filter(|cell| *cell != name).map(str::to_owned)
    }

    /// Appends a tick's rows, that of the whole target first, and its histograms.
    pub fn tick(&mut self, phase: &str, sample: &Sample) {
        let Sample { moment, target, slots, routes, .. } = sample;
        let mode = self.mode;
        let resources = self.resources.append([Row { moment, phase, mode, figures: target }]);
        self.log_on_error(RESOURCES, resources);
        let workers = self.workers.append(slots.iter().map(|figures| Row { moment, phase, mode, figures }));
        self.log_on_error(WORKERS, workers);
        let routes = self.routes.append(routes.iter().map(|figures| Row { moment, phase, mode, figures }));
        self.log_on_error(ROUTES, routes);
        let latency = self.latency.append(sample);
        self.log_on_error(LATENCY, latency);
        if self.marks.rows_outside() > 0 {
            let marks = self.marks.append(Vec::<[&str; 0]>::new());
            self.log_on_error(MARKS, marks);
        }
        if self.events.rows_outside() > 0 {
            let events = self.events.append(Vec::<[&str; 0]>::new());
            self.log_on_error(EVENTS, events);
        }
    }

    /// Whether this is the event that an observer before this one has written and died, before it could note that. Asked
    /// of the first news alone.
    pub fn was_last(&mut self, event: &Event) -> bool {
        let Event { at_ns, realtime_ns, kind, .. } = event;
        let elapsed = seconds(at_ns.saturating_sub(self.started_ns));
        let start = format!("{},{},{elapsed},{},", timestamp(*realtime_ns), epoch_ms(*realtime_ns), kind.name());
        self.last_event.take().is_some_and(|last| last.starts_with(&start))
    }

    /// Appends an event.
    pub fn event(&mut self, event: &Event) {
        let Event { at_ns, realtime_ns, whose: Whose { slot, generation, pid }, kind } = event;
        let or_empty = |number: Option<String>| number.unwrap_or_default();
        let appended = self.events.append([[
            timestamp(*realtime_ns),
            epoch_ms(*realtime_ns),
            seconds(at_ns.saturating_sub(self.started_ns)),
            kind.name().to_owned(),
            or_empty(slot.map(|slot| slot.to_string())),
            or_empty(generation.map(|generation| generation.to_string())),
            or_empty(pid.map(|pid| pid.to_string())),
            kind.text(),
            kind.plans().unwrap_or_default().to_owned(),
        ]]);
        self.log_on_error(EVENTS, appended);
    }

    /// Writes the totals of the run: what had been counted at its end stands behind the marks, under no name.
    pub fn finish(mut self, last: &Sample, figures: &Figures, faults: &KnownFaults) {
        let Moment { monotonic_ns, realtime_ns, .. } = last.moment;
        let figures = serde_json::to_string(figures).unwrap_or_default();
        let appended =
            self.marks.append([[String::new(), monotonic_ns.to_string(), realtime_ns.to_string(), figures]]);
        self.log_on_error(MARKS, appended);
        for (name, rows) in self.outside().into_iter().filter(|(_, rows)| *rows > 0) {
            tracing::warn!("{} of {name} could not be written to the end", amount(float(rows), "row"));
        }
        if let Err(error) = self.record.write_with_totals(last, faults) {
            tracing::warn!("run.json stays without the totals of the run: {error}");
        }
    }

    /// Logs the first failure of an append, and enters the gap in `events.csv` when it works again.
    fn log_on_error(&mut self, name: &'static str, appended: Appended) {
        match appended {
            Appended::Written | Appended::Kept => {}
            Appended::Failed(error) => self.complain(Path::new(name), &error),
            Appended::WrittenAnew => {
                tracing::warn!("{name} was removed or emptied: it is made anew, and what it held is gone");
                self.made_anew();
                self.note_gap(format!("{name} was removed or emptied: what it held is gone"));
            }
            Appended::Recovered { late, missing, anew } => {
                let gone = if anew {
                    self.made_anew();
                    "; what it held before is gone"
                } else {
                    ""
                };
                if self.outside().iter().all(|(_, rows)| *rows == 0) {
                    self.complained = false;
                    tracing::info!("{name} can be written again, and so can all files of the run");
                }
                self.note_gap(format!(
                    "{name} could not be written: rows missing: {missing}, written late: {late}{gone}"
                ));
            }
        }
    }

    fn complain(&mut self, path: &Path, error: &io::Error) {
        if !std::mem::replace(&mut self.complained, true) {
            let path = path.display();
            tracing::warn!(
                "{path} can't be written: {error}. The run goes on; the newest {KEPT_ROWS} rows of each file are kept \
                 until it can be"
            );
        }
    }

    fn note_gap(&mut self, rows: String) {
        self.event(&Event::now(EventKind::Gap(rows)));
    }

    /// Whoever removed a CSV file has probably removed its neighbours, of which `run.json` is not written otherwise.
    fn made_anew(&self) {
        if let Err(error) = self.record.write() {
            tracing::warn!("run.json can't be made anew: {error}");
        }
    }

    /// How many rows are not in each file.
    fn outside(&self) -> [(&'static str, u64); 6] {
        let Self { resources, workers, routes, latency, marks, events, .. } = self;
        [
            (RESOURCES, resources.file.rows_outside()),
            (WORKERS, workers.file.rows_outside()),
            (ROUTES, routes.file.rows_outside()),
            (LATENCY, latency.rows_outside()),
            (MARKS, marks.rows_outside()),
            (EVENTS, events.rows_outside()),
        ]
    }
}

impl<Figures> Table<Figures> {
    fn open(path: &Path, columns: Vec<Column<Figures>>) -> (Self, io::Result<()>) {
        let header: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let (file, opened) = CsvFile::open_or_keep(path, &header);
        (Self { file, columns }, opened)
    }

    fn append<'a>(&mut self, rows: impl IntoIterator<Item = Row<'a, Figures>>) -> Appended
    where
        Figures: 'a,
    {
        let Self { file, columns } = self;
        file.append(rows.into_iter().map(|row| columns.iter().map(move |column| (column.cell)(&row))))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("{} can't be written: {error}", path.display())
}
