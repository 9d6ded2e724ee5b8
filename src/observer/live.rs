//! What the live page and `/metrics` show: the last tick, the rows and events before it, and who is told of the next.
//!
//! The observer hands every tick and event in; the admin listener's handlers take them out. Everything here is bounded:
//! rows, events, clients, and how far a client may be behind.

mod faults;
mod feed;
mod past;
mod row;

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::columns::{self, Column, Row};
use crate::config::Addresses;
use crate::event::{Event, Whose};
use crate::histogram::add;
use crate::observer::files::marks::Marks;
use crate::run_files;
use crate::sample::{RouteSample, Sample, SlotSample, TargetSample};
use crate::scoreboard::Scoreboard;
use crate::snapshot::RouteReading;
use crate::sys::{clock, lock};

pub use faults::{Shown, past_faults, shown_faults};
pub use feed::{Cut, Feed};

use feed::Clients;

/// Rows that a page is given when it is opened: five minutes of the usual tick.
const ROWS: usize = 300;

/// Events that a page is given when it is opened: more than a run has marks, which must not push everything else out.
const EVENTS: usize = 300;

/// Routes whose figures are told: the busiest.
const ROUTES: usize = 12;

/// How long clients have to take the end of the run: a part of what an observer gets to end after a second signal.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What does not change in a run.
#[derive(Clone, Debug)]
pub struct About {
    /// Of the program.
    pub version: String,
    /// `single`, `threads` or `cluster`.
    pub mode: &'static str,
    /// The name of a built-in profile, or the file.
    pub profile: String,
    /// Whether the run has a database.
    pub has_database: bool,
    /// What the target is called among others.
    pub instance: Option<String>,
    /// Where the target and its admin routes listen.
    pub addresses: Addresses,
    /// When the run began (monotonic).
    pub started_ns: u64,
    /// The same, since the Unix epoch, by the clock as it stands now.
    pub started_realtime_ns: u64,
    /// From one tick to the next.
    pub interval_ns: u64,
    /// The directory of its files, if it has any.
    pub run_directory: Option<String>,
}

/// What a tick has read.
pub struct Tick {
    /// The whole target and each slot.
    pub sample: Sample,
    /// Every route on which something was answered.
    pub routes: Vec<Arc<RouteReading>>,
    /// The fault plans in force.
    pub faults: Vec<Shown>,
    /// All of it for `/metrics`, once somebody has asked.
    pub metrics: OnceLock<Vec<u8>>,
}

/// An event as a page is told it, by the names that it has in `events.csv`.
#[derive(Serialize, Deserialize)]
struct Happened {
    epoch_ms: u64,
    elapsed_s: f64,
    kind: String,
    slot: Option<usize>,
    generation: Option<u64>,
    pid: Option<u32>,
    detail: String,
    /// Whether a worker ended otherwise than by an order; not in the file.
    #[serde(default)]
    death: bool,
}

/// The last tick, the rows and events before it, and who is told of the next.
pub struct Live {
    board: Arc<Scoreboard>,
    about: About,
    resources: Vec<Column<TargetSample>>,
    workers: Vec<Column<SlotSample>>,
    routes: Vec<Column<RouteSample>>,
    marks: Arc<Marks>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: Option<Arc<Tick>>,
    /// Each a JSON array, in the order of the columns.
    rows: VecDeque<String>,
    events: VecDeque<Happened>,
    clients: Clients,
}

impl Live {
    /// Nothing yet.
    #[must_use]
    pub fn new(board: Arc<Scoreboard>, about: About, marks: Arc<Marks>) -> Self {
        let workers = row::of_slots_alone(columns::workers());
        let routes = row::of_routes_alone(columns::routes());
        Self { board, about, resources: columns::resources(), workers, routes, marks, inner: Mutex::default() }
    }

    /// Takes over the rows and events that an observer before this one has written into a run directory.
    pub fn recall(&self, directory: &Path) {
        let mut inner = self.inner();
        inner.rows = past::rows(&directory.join(run_files::RESOURCES), &self.resources, ROWS);
        inner.events = past::events(&directory.join(run_files::EVENTS), EVENTS);
    }

    /// Keeps a tick and tells it to everybody who listens.
    pub fn tick(&self, phase: &str, sample: &Sample, routes: Vec<Arc<RouteReading>>) {
        let now_ns = clock::monotonic_ns();
        let faults = shown_faults(&self.board, now_ns);
        let tick = Tick { sample: sample.clone(), routes, faults, metrics: OnceLock::new() };
        let target = self.row_of_target(phase, &tick.sample);
        let kept = Value::Array(target.values().cloned().collect()).to_string();
        let mut inner = self.inner();
        if !inner.clients.is_empty() {
            let mut told = target;
            told.extend(self.parts(&tick));
            told.insert("faults".to_owned(), self.faults(&tick.faults, now_ns));
            let dropped = inner.clients.tell(&message("tick", &Value::Object(told)), now_ns);
            add(&self.board.head().observer.sse_dropped, dropped);
        }
        push(&mut inner.rows, ROWS, kept);
        inner.last = Some(Arc::new(tick));
    }

    /// Keeps an event and tells it to everybody who listens.
    pub fn event(&self, event: &Event) {
        let Event { at_ns, realtime_ns, whose, kind } = event;
        let (epoch_ms, elapsed_s) = (realtime_ns / clock::MILLISECOND, self.elapsed(*at_ns));
        let Whose { slot, generation, pid } = *whose;
        let (detail, death) = (kind.text(), kind.is_death());
        let kind = kind.name().to_owned();
        let event = Happened { epoch_ms, elapsed_s, kind, slot, generation, pid, detail, death };
        let mut inner = self.inner();
        let dropped = inner.clients.tell(&message("event", &json!(event)), clock::monotonic_ns());
        add(&self.board.head().observer.sse_dropped, dropped);
        push(&mut inner.events, EVENTS, event);
    }

    /// Tells everybody who listens that the run has ended, and gives them a moment to take it: soon nobody serves them.
    pub async fn end(&self) {
        const PAUSE: Duration = Duration::from_millis(5);
        let now_ns = clock::monotonic_ns();
        let end = message("end", &json!({ "elapsed_s": self.elapsed(now_ns) }));
        self.inner().clients.tell(&end, now_ns);
        for _ in 0..LAST_WORDS.as_millis() / PAUSE.as_millis() {
            if self.inner().clients.have_taken_all() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The last tick; `None` before the first.
    pub fn last(&self) -> Option<Arc<Tick>> {
        self.inner().last.clone()
    }

    /// What does not change in a run.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many clients were dropped, in the whole run.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.board.head().observer.sse_dropped.load(Relaxed)
    }

    /// One client more, whose connection ends when `cut` says so; `None` when there is no room.
    #[must_use]
    pub fn listen(self: &Arc<Self>, cut: Cut) -> Option<Feed> {
        let mut inner = self.inner();
        let hello = self.hello(&inner);
        let number = inner.clients.enter(cut)?;
        drop(inner);
        Some(Feed::new(Arc::clone(self), number, hello))
    }

    /// What a page needs to know before its first tick.
    fn hello(&self, inner: &Inner) -> Bytes {
        let About {
            version,
            mode,
            profile,
            has_database,
            instance,
            addresses,
            started_ns: _,
            started_realtime_ns: _,
            interval_ns,
            run_directory,
        } = &self.about;
        let [listen, admin] = addresses.texts();
        let names: Vec<&str> = self.resources.iter().map(|column| column.name).collect();
        let now_ns = clock::monotonic_ns();
        let marks = self.marks.list().into_iter();
        let mut about = json!({
            "version": version,
            "mode": mode,
            "profile": profile,
            "database": has_database,
            "instance": instance,
            "addrs": listen,
            "admin_addrs": admin,
            "run_directory": run_directory,
            "interval_s": row::seconds(*interval_ns),
            "cpus": std::thread::available_parallelism().map(usize::from).ok(),
            "columns": names,
            "elapsed_s": self.elapsed(now_ns),
            "events": inner.events,
            "marks": marks.map(|(phase, at_ns)| json!({ "phase": phase, "elapsed_s": self.elapsed(at_ns) })).collect::<Vec<_>>(),
            // As they stand now: the last tick may be long ago.
            "faults": self.faults(&shown_faults(&self.board, now_ns), now_ns),
            "ended_faults": self.faults(&past_faults(&self.board, now_ns), now_ns),
        });
        if let (Some(fields), Some(last)) = (about.as_object_mut(), &inner.last) {
            fields.extend(self.parts(last));
        }
        // The rows are JSON already, and join the fields of an object that is not empty.
        let rows = inner.rows.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let about = about.to_string();
        let open = about.strip_suffix('}').unwrap_or(&about);
        Bytes::from(format!("retry: 1000\nevent: hello\ndata: {open},\"rows\":[{rows}]}}\n\n"))
    }

    fn row_of_target(&self, phase: &str, sample: &Sample) -> row::Object {
        let Sample { moment, target: figures, .. } = sample;
        row::object(&self.resources, &Row { moment, phase, mode: self.about.mode, figures })
    }

    /// A tick's workers and its busiest routes.
    fn parts(&self, tick: &Tick) -> row::Object {
        let Sample { moment, slots, routes, .. } = &tick.sample;
        // Their columns leave out what is the same in the row of the target.
        let (phase, mode) = ("", self.about.mode);
        let workers = slots.iter().map(|figures| {
            let mut row = row::object(&self.workers, &Row { moment, phase, mode, figures });
            let age_ns = figures.beat_ns.map(|beat_ns| moment.monotonic_ns.saturating_sub(beat_ns));
            row.insert("beat_age_ms".to_owned(), age_ns.map(|age_ns| age_ns / clock::MILLISECOND).into());
            Value::Object(row)
        });
        let mut busiest: Vec<&RouteSample> = routes.iter().collect();
        busiest.sort_by(|one, other| {
            let rate = |route: &RouteSample| route.rate.get();
            let by_rate = rate(other).partial_cmp(&rate(one)).unwrap_or(Ordering::Equal);
            by_rate.then(other.account.told.counts.finished.cmp(&one.account.told.counts.finished))
        });
        busiest.truncate(ROUTES);
        let shown = busiest.iter().map(|figures| {
            let mut row = row::object(&self.routes, &Row { moment, phase, mode, figures: *figures });
            row.insert("failures".to_owned(), failures([*figures]));
            row
        });
        let mut parts = row::Object::new();
        parts.insert("workers".to_owned(), workers.collect());
        parts.insert("routes".to_owned(), shown.map(Value::Object).collect());
        // Those that are not shown are in it.
        let all = json!({
            "requests_total": routes.iter().map(|route| route.account.told.counts.finished).sum::<u64>(),
            "errors_total": routes.iter().map(|route| route.account.told.counts.errors).sum::<u64>(),
            "rps": routes.iter().map(|route| route.rate.get()).sum::<Option<f64>>(),
            "failures": failures(routes),
        });
        parts.insert("all_routes".to_owned(), all);
        parts.insert("more_routes".to_owned(), (routes.len() - busiest.len()).into());
        parts
    }

    fn faults(&self, shown: &[Shown], now_ns: u64) -> Value {
        let elapsed_s = self.elapsed(now_ns);
        shown.iter().map(|shown| shown.to_json(elapsed_s)).collect()
    }

    /// Seconds since the run began.
    fn elapsed(&self, at_ns: u64) -> f64 {
        row::seconds(at_ns.saturating_sub(self.about.started_ns))
    }

    /// Nobody panics while it is held.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

/// How often each status that is an error was answered on these routes, and how many connections a fault broke instead.
fn failures<'a>(routes: impl IntoIterator<Item = &'a RouteSample>) -> Value {
    let mut failures: BTreeMap<String, u64> = BTreeMap::new();
    for RouteSample { reading, .. } in routes {
        for (status, count) in reading.statuses.range(500..) {
            *failures.entry(status.to_string()).or_default() += count;
        }
        if reading.counts.broken > 0 {
            *failures.entry("broken".to_owned()).or_default() += reading.counts.broken;
        }
    }
    json!(failures)
}

/// As server-sent events are written. JSON has no line ends of its own.
fn message(event: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {event}\ndata: {data}\n\n"))
}

fn push<T>(ring: &mut VecDeque<T>, room: usize, value: T) {
    if ring.len() == room {
        ring.pop_front();
    }
    ring.push_back(value);
}
