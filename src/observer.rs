//! The observer: reads the scoreboard once a tick, writes the run's files and answers the admin listener.
//!
//! A process in cluster, a thread in single and threads, but never on a worker's thread: a full disk or a slow
//! scraper never touches a request. It holds nothing that its successor could not read from the scoreboard.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::columns;
use crate::config::{Addresses, Config, VERSION};
use crate::control::{MemberEnd, Report, known_faults};
use crate::event::{Event, EventKind, Whose};
use crate::fault::{Rules, Written};
use crate::maybe_known::MaybeKnown;
use crate::maybe_known::SharedFigure;
use crate::phase::Phases;
use crate::sample::{Earlier, Sample, SlotSample, between};
use crate::scoreboard::Scoreboard;
use crate::snapshot::RoutesReader;
use crate::sys::readiness::Watched;
use crate::sys::{clock, process};

pub mod admin;
mod checkpoint;
pub mod files;
pub mod live;
mod orders;
mod planned;
mod reading;
mod schedule;
mod status;

use admin::Told;
pub use admin::{Admin, AdminListener};
pub use files::RunFiles;
pub use reading::processes::Processes;
pub use status::Status;

use files::OpenFiles;
use live::Live;
use orders::{Then, next_order};
use planned::Planned;
use reading::Reader;
use reading::processes::Depth;
use schedule::Schedule;
use status::StatusLine;

/// What is dear to read is read this often, and for the first and last row.
const THOROUGH_NS: u64 = 10 * clock::SECOND;

/// Everything that an observer needs, handed over when it is started.
pub struct Observation {
    /// What it observes.
    pub board: Arc<Scoreboard>,
    /// The supervisor's orders.
    pub control: MemberEnd,
    /// The admin listener, unless it is off.
    pub admin: Option<Admin>,
    /// The settings of the run.
    pub config: Config,
    /// Whether the run has a database.
    pub has_database: bool,
    /// Where it and its admin routes listen.
    pub addresses: Addresses,
    /// Which processes there are.
    pub processes: Processes,
    /// What fault plans are held against, but for the routes.
    pub rules: Rules,
    /// The listeners whose accept queues are shown.
    pub listeners: Vec<Arc<OwnedFd>>,
    /// What they had dropped before the run.
    pub drops_before: MaybeKnown,
    /// Where to write, unless nothing is to be written.
    pub files: Option<RunFiles>,
    /// When the run began.
    pub started_ns: u64,
    /// What a terminal shows of it.
    pub status: Status,
}

/// Observes until the supervisor says that the run is finished, or is dead.
///
/// # Errors
/// A sentence why it could not start; the supervisor has been told the same. A file that can't be written later on
/// is no error: the target goes on.
pub fn run(observation: Observation) -> Result<(), String> {
    process::name_thread("observer");
    let Observation {
        board,
        control,
        admin,
        config,
        has_database,
        addresses,
        processes,
        rules,
        listeners,
        drops_before,
        files,
        started_ns,
        status,
    } = observation;
    let mode = config.mode.name();
    let (events, happened) = unbounded_channel();
    let interval_ns = u64::try_from(config.sample_interval.as_nanos()).unwrap_or(u64::MAX / 4).max(1);
    let schedule = Schedule { started_ns, interval_ns };
    let about = live::About {
        version: VERSION.to_owned(),
        mode,
        profile: config.profile.clone(),
        has_database,
        instance: config.instance().map(ToOwned::to_owned),
        addresses,
        started_ns,
        started_realtime_ns: clock::realtime_ns().saturating_sub(clock::monotonic_ns().saturating_sub(started_ns)),
        interval_ns,
        run_directory: files.as_ref().map(|files| files.directory.display().to_string()),
    };
    let started = start(&control, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("the observer's runtime could not start: {error}"))?;
        let marks = Arc::default();
        let live = Arc::new(Live::new(Arc::clone(&board), about, Arc::clone(&marks)));
        let target = admin::Target {
            board,
            processes: processes.clone(),
            mode,
            rules: Arc::new(rules),
            live: Arc::clone(&live),
            events,
            by_token: admin.as_ref().is_some_and(|admin| admin.token.is_some()),
            marks,
            started_ns,
            run_directory: files.as_ref().map(|files| Arc::from(&*files.directory)),
            listen_drops: Arc::new(SharedFigure::unknown()),
            routes: RoutesReader::default(),
        };
        // Nobody sees it without an admin listener.
        let live = admin.is_some().then_some(live);
        let reader =
            Reader::new(Arc::clone(&target.board), processes, (listeners, drops_before), target.routes.clone());
        let observer = Observer::begin(
            target.clone(),
            reader,
            schedule,
            &config.phases,
            (files, live, StatusLine::start(status)),
        )?;
        if let Some(admin) = admin {
            let _guard = runtime.enter();
            admin::open(admin, &target)?;
        }
        Ok((runtime, observer))
    });
    let (runtime, observer) = started?;
    runtime.block_on(observer.observe(&control, happened))
}

/// Tells the supervisor how a start went.
fn start<T>(control: &MemberEnd, start: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let started = start();
    let report = match &started {
        Ok(_) => Report::Ready,
        Err(reason) => Report::Failed { reason: reason.clone() },
    };
    // Whoever doesn't hear it is dead, which the control channel says soon enough.
    let _ = control.send(&report, &[]);
    started
}

struct Observer {
    board: Arc<Scoreboard>,
    /// What the admin listener shares with the tick.
    target: admin::Target,
    reader: Reader,
    schedule: Schedule,
    planned: Planned,
    files: Option<OpenFiles>,
    live: Option<Arc<Live>>,
    status: Option<StatusLine>,
    earlier: Earlier,
    /// When what is dear to read was last read.
    thorough_ns: u64,
    /// The slots whose counters could not be true in the last tick.
    implausible: Vec<usize>,
    /// Fault plans of a changed profile, until all of them are here.
    brought: Vec<Written>,
}

impl Observer {
    /// Opens the files and takes the first row: of the run, or of this observer.
    fn begin(
        target: admin::Target,
        reader: Reader,
        schedule: Schedule,
        phases: &Phases,
        (files, live, status): (Option<RunFiles>, Option<Arc<Live>>, Option<StatusLine>),
    ) -> Result<Self, String> {
        let (board, mode) = (Arc::clone(&target.board), target.mode);
        let generation = checkpoint::arrive(&board);
        if let (Some(live), Some(files)) = (&live, files.as_ref().filter(|_| generation > 1)) {
            live.recall(&files.directory);
        }
        let files = match files {
            None => None,
            Some(files) if generation == 1 => Some(OpenFiles::make(files, mode, schedule.started_ns)?),
            Some(files) => Some(OpenFiles::open_again(files, mode, schedule.started_ns, &target.marks)),
        };
        let earlier = checkpoint::recall(&board, |tick_ns| {
            let elapsed = (tick_ns > 0).then(|| columns::seconds(tick_ns.saturating_sub(schedule.started_ns)));
            files.as_ref().is_some_and(|files| files.last_elapsed() == elapsed)
        });
        let planned = Planned::begin(phases, board.head(), &target.marks);
        let mut observer = Self {
            board,
            target,
            reader,
            schedule,
            planned,
            files,
            live,
            status,
            earlier,
            thorough_ns: 0,
            implausible: Vec::new(),
            brought: Vec::new(),
        };
        if generation > 1 {
            observer.note_respawn(generation);
        }
        observer.tick(observer.first_due(), Depth::Thorough);
        Ok(observer)
    }

    async fn observe(mut self, control: &MemberEnd, mut happened: UnboundedReceiver<Told>) -> Result<(), String> {
        let control =
            Watched::new(control).map_err(|error| format!("the observer can't wait for its orders: {error}"))?;
        loop {
            let due_ns = self.schedule.next(self.earlier.tick_ns);
            let mark_ns = self.planned.next(self.board.head()).map(|(_, due_ns)| due_ns);
            tokio::select! {
                biased;
                // Few, and first: that the target is ready is told before the mark that is due then.
                order = next_order(&control) => match self.obey(order) {
                    Then::GoOn => {}
                    Then::Finish => break,
                    Then::Abandon => return Ok(()),
                },
                () = until(mark_ns) => self.put_planned(&mut happened),
                () = until(Some(due_ns)) => {
                    let depth = self.depth(due_ns);
                    self.tick(due_ns, depth);
                    // When it took longer than the interval, the next one is due: it must not be first for ever.
                    yield_now().await;
                }
                Some(told) = happened.recv() => self.write_down(&told.event),
            }
        }
        // What was due, and what happened, just before the drain began.
        self.put_planned(&mut happened);
        self.write_down_all(&mut happened);
        let last = self.tick(clock::monotonic_ns(), Depth::Thorough);
        if let Some(live) = &self.live {
            live.end().await;
        }
        if let Some(status) = self.status {
            status.end();
        }
        if let Some(files) = self.files {
            let at_ns = last.moment.monotonic_ns;
            files.finish(&last, &self.target.figures(), &known_faults(&self.board, at_ns));
        }
        Ok(())
    }

    /// Writes down what the admin listener has told so far.
    fn write_down_all(&mut self, happened: &mut UnboundedReceiver<Told>) {
        while let Ok(told) = happened.try_recv() {
            self.write_down(&told.event);
        }
    }

    fn write_down(&mut self, event: &Event) {
        if let Some(live) = &self.live {
            live.event(event);
        }
        if let Some(files) = &mut self.files {
            // Whoever sees the event of a mark may rely on the mark.
            files.marks(&self.target.marks);
            files.event(event);
        }
    }

    /// Reads, compares with the tick before, writes down.
    fn tick(&mut self, due_ns: u64, depth: Depth) -> Sample {
        let reading = self.reader.read(due_ns, self.schedule.started_ns, depth);
        let sample = between(&self.earlier, &reading);
        self.earlier = Earlier::of(&sample);
        checkpoint::leave(&self.board, &self.earlier);
        let phase = self.target.marks.phase();
        if let Some(files) = &mut self.files {
            files.tick(&phase, &sample);
        }
        if let Some(live) = &self.live {
            live.tick(&phase, &sample, sample.routes.iter().map(|route| Arc::clone(&route.reading)).collect());
        }
        if let Some(status) = &mut self.status {
            let is_ready = self.board.head().ready_ns().is_some();
            status.tick(is_ready, self.target.marks.current(), &sample);
        }
        self.target.listen_drops.store(sample.target.strain.listen_drops);
        self.note_implausible(&sample);
        if depth == Depth::Thorough {
            self.thorough_ns = sample.moment.monotonic_ns;
        }
        sample
    }

    fn depth(&self, due_ns: u64) -> Depth {
        let soon = due_ns + self.schedule.interval_ns / 2;
        if soon.saturating_sub(self.thorough_ns) >= THOROUGH_NS { Depth::Thorough } else { Depth::Usual }
    }

    /// A new run's first row is due when it is taken; a successor's when its predecessor would have taken it.
    fn first_due(&self) -> u64 {
        let now = clock::monotonic_ns();
        match self.earlier.tick_ns {
            0 => now,
            tick_ns => self.schedule.after(tick_ns).min(now),
        }
    }

    /// Marks the rows that a slot's broken counters are left out of; the first of them, when there are several in a row.
    fn note_implausible(&mut self, sample: &Sample) {
        let broken = |slot: &&SlotSample| slot.is_implausible;
        let before = std::mem::take(&mut self.implausible);
        for slot in sample.slots.iter().filter(broken).filter(|slot| !before.contains(&slot.slot)) {
            let (number, generation) = (slot.slot, slot.generation);
            tracing::warn!("worker {number}.{generation} has counted what can't be: this tick leaves it out");
            let whose = Whose { slot: Some(number), generation: Some(generation), pid: Some(slot.pid) };
            let moment = (sample.moment.monotonic_ns, sample.moment.realtime_ns);
            self.write_down(&Event::at(moment, EventKind::Implausible).of(whose));
        }
        self.implausible = sample.slots.iter().filter(broken).map(|slot| slot.slot).collect();
    }

    fn note_respawn(&mut self, generation: u64) {
        let whose = Whose { slot: None, generation: Some(generation), pid: Some(std::process::id()) };
        self.write_down(&Event::now(EventKind::ObserverRespawn).of(whose));
    }
}

/// Waits for a time (monotonic), for ever when there is none.
async fn until(at_ns: Option<u64>) {
    let Some(at_ns) = at_ns else { return std::future::pending().await };
    let left_ns = at_ns.saturating_sub(clock::monotonic_ns());
    // The runtime would let the rest of its millisecond pass first.
    if left_ns > 0 {
        sleep(Duration::from_nanos(left_ns)).await;
    }
}

/// An empty directory of its own for a test, gone when the test ends.
#[cfg(test)]
pub(crate) struct TestDirectory(std::path::PathBuf);

#[cfg(test)]
impl TestDirectory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quintain-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

#[cfg(test)]
impl std::ops::Deref for TestDirectory {
    type Target = std::path::Path;

    fn deref(&self) -> &std::path::Path {
        &self.0
    }
}

#[cfg(test)]
impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
