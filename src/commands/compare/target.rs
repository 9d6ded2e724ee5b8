//! The target of one arm in one round: started on free ports, marked, drained, and read from its run directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::agent;
use super::arrangement::complete;
use super::plan::Plan;
use super::process::{Started, Stop, last_words};
use super::setting::{Setting, words};
use crate::comparison::{Circumstances, Figures};
use crate::recording::{self, Figure, Phase, Recording};
use crate::units::shown::float;

/// The phase that is measured, and the one behind it.
const MEASURED: &str = "measured";
const AFTER: &str = "after";

/// So long may a target take until it has drained.
const DRAIN: Duration = Duration::from_secs(45);

/// So long at most is waited until nothing is in flight.
const REST: Duration = Duration::from_secs(2);

/// Each stage of a question may take so long.
const ANSWER: Duration = Duration::from_secs(30);

/// A row of the CSV that often, so that short stretches have some.
const SAMPLE_INTERVAL: &str = "200ms";

/// A running target.
pub struct Target {
    process: Started,
    folder: PathBuf,
    url: String,
    admin: String,
    http: ureq::Agent,
}

/// What is read of `/stats` while a load runs; the rest is passed over, since reading it all costs too much for that.
#[derive(Deserialize)]
struct Stats {
    totals: Totals,
}

/// Its sums; what is not known is `None`.
#[derive(Deserialize)]
struct Totals {
    started: Option<u64>,
    in_flight: Option<u64>,
    connections: Option<u64>,
}

/// What a target tells of its measured stretch.
pub struct Told {
    /// What is compared.
    pub figures: Figures,
    /// What else happened.
    pub around: Circumstances,
    /// Requests and connections that the target knows to have failed for their client.
    pub failures_seen: u64,
}

impl Target {
    /// Starts a target in `folder`, and waits until it is ready; says after how long it answered, if it did.
    ///
    /// # Errors
    /// A sentence with what the target said.
    pub fn start(
        plan: &Plan,
        program: &Path,
        own: &[Setting],
        folder: &Path,
        stop: &Stop,
    ) -> Result<(Self, Option<Duration>), String> {
        let mut settings = complete(own, plan.profile_path().as_deref(), plan.seed);
        let mut set = |name: &str, value: &str| settings.push((name.to_owned(), value.to_owned()));
        if !own.iter().any(|(name, _)| name == "sample-interval") {
            set("sample-interval", SAMPLE_INTERVAL);
        }
        set("listen", "127.0.0.1:0");
        set("admin", "127.0.0.1:0");
        set("run-dir", "run");
        let command = vec![program.display().to_string(), "serve".to_owned()];
        let pinned = pinned(plan.pins.as_ref().map(|[_, target]| target));
        let words = [pinned, command, words(&settings)].concat();
        let process = Started::start(&words, folder, folder, ("target.out", "target.err"), stop)?;
        let http = agent::limited(ANSWER).build().into();
        let mut target =
            Self { process, folder: folder.to_owned(), url: String::new(), admin: String::new(), http };
        let took = target.wait_until_ready(plan.start_limit(), stop)?;
        let ready = Instant::now();
        // A fault plan may break this request, too.
        let answer = target.http.get(format!("{}/health", target.url)).call();
        Ok((target, answer.ok().map(|_| took + ready.elapsed())))
    }

    fn wait_until_ready(&mut self, limit: Duration, stop: &Stop) -> Result<Duration, String> {
        let mut exit = None;
        let mut ready = None;
        let took = stop.wait_for_start(limit, || {
            let said = fs::read_to_string(self.folder.join("target.out")).unwrap_or_default();
            ready = said.lines().find(|line| line.starts_with("ready ")).map(str::to_owned);
            exit = self.process.ended();
            ready.is_some() || exit.is_some()
        });
        let value = |line: &str, name: &str| {
            line.split(' ').find_map(|word| word.strip_prefix(name)).map(|address| format!("http://{address}"))
        };
        let addresses = ready.and_then(|line| value(&line, "addr=").zip(value(&line, "admin=")));
        let Some((url, admin)) = addresses else {
            return Err(format!("the target did not become ready{}", self.last_words()));
        };
        (self.url, self.admin) = (url, admin);
        Ok(took)
    }

    /// What the target said last, to follow a sentence.
    fn last_words(&self) -> String {
        last_words(&self.folder.join("target.err"))
    }

    /// Where it serves: scheme and authority.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its admin listener is.
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// The first process of its tree.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The measured stretch begins.
    ///
    /// # Errors
    /// A sentence.
    pub fn begin(&self) -> Result<(), String> {
        self.come_to_rest();
        self.mark(MEASURED)
    }

    /// Waits until every request that was answered is recorded, too: a client has its answer a moment before. A
    /// connection that its client has closed may still hold requests that nobody has read. Requests that a generator has
    /// left behind may keep it waiting, so it does not wait for long.
    pub fn come_to_rest(&self) {
        let deadline = Instant::now() + REST;
        let has = |count: Option<u64>| count.is_none_or(|count| count > 0);
        let is_busy = |totals: Totals| has(totals.in_flight) || has(totals.connections);
        while self.totals().is_none_or(is_busy) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn mark(&self, phase: &str) -> Result<(), String> {
        let answer = self
            .http
            .post(format!("{}/marks", self.admin))
            .header("content-type", "application/json")
            .send(format!("{{\"phase\":\"{phase}\"}}"));
        answer.map(drop).map_err(|error| format!("the target took no mark ({error}){}", self.last_words()))
    }

    /// How many requests have begun so far; `None` where the target does not answer.
    pub fn started(&self) -> Option<u64> {
        self.totals()?.started
    }

    fn totals(&self) -> Option<Totals> {
        let answer =
            self.http.get(format!("{}/stats", self.admin)).call().ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str::<Stats>(&answer).ok().map(|stats| stats.totals)
    }

    /// The measured stretch ends, at rest; the target drains, and what it has recorded is read. For `idle_s` at its begin the
    /// generator was still starting, which is no time of the target's.
    ///
    /// # Errors
    /// A sentence.
    pub fn end(self, idle_s: f64) -> Result<Told, String> {
        self.mark(AFTER)?;
        let (folder, said) = (self.folder.clone(), self.last_words());
        match self.process.end(DRAIN) {
            Some(0) => {}
            Some(code) => return Err(format!("the target ended with exit code {code}{said}")),
            None => return Err(format!("the target did not drain within {} s", DRAIN.as_secs())),
        }
        let run = recording::read(&folder.join("run"), &|_| ())?;
        let measured = run.phases.iter().find(|phase| phase.name == MEASURED);
        let measured = measured.ok_or("the run has no measured stretch")?;
        figures(&run, measured, idle_s).ok_or_else(|| "nothing was counted at the marks of the run".to_owned())
    }
}

impl Plan {
    /// The profile as a target in another folder finds it: a file by its whole path, a built-in one by its name.
    fn profile_path(&self) -> Option<String> {
        let named = self.profile.as_ref()?;
        let path = fs::canonicalize(named).ok().filter(|path| path.is_file());
        Some(path.map_or_else(|| named.clone(), |path| path.display().to_string()))
    }
}

/// `taskset`, where a process is kept on some CPUs.
pub fn pinned(processors: Option<&String>) -> Vec<String> {
    processors.map_or_else(Vec::new, |list| vec!["taskset".to_owned(), "-c".to_owned(), list.clone()])
}

/// What the target counted and sampled in a stretch; `None` where its marks tell nothing.
fn figures(run: &Recording, stretch: &Phase, idle_s: f64) -> Option<Told> {
    let counted = stretch.figures.as_ref()?;
    let counts = &counted.totals.counts;
    let finished = float(counts.finished);
    let statuses = counted.statuses();
    let good: u64 = statuses.iter().filter(|(status, _)| **status < 400).map(|(_, count)| count).sum();
    let ended = finished + float(counted.totals.lost) + float(counts.refused);
    let latency = counted.recorded().latency;
    let quantiles = latency.quantiles();
    let us = |ns: u64| float(ns) / 1e3;
    let share = |of: f64, all: f64| (all > 0.0).then(|| of / all);
    let within = |figure| {
        let cells = run.target.of(figure).filter(|(row, _)| row.to_s > stretch.from_s && row.from_s < stretch.to_s);
        cells.map(|(_, cell)| cell)
    };
    let by_worker: Vec<f64> = counted.slots.iter().map(|slot| float(slot.totals.counts.finished)).collect();
    let busiest = by_worker.iter().copied().fold(0.0, f64::max);
    let loaded_s = stretch.seconds() - idle_s;
    let begin_s = stretch.from_s + idle_s;
    // A row tells the connections of its last moment: one alone may have come while they were opened, or closed.
    let connections: Vec<f64> = run
        .target
        .of(Figure::Connections)
        .filter(|(row, _)| row.to_s > begin_s && row.to_s <= stretch.to_s)
        .filter_map(|(_, cell)| cell.last())
        .collect();
    let figures = Figures {
        clients: connections.iter().copied().filter(|_| connections.len() > 1).reduce(f64::max),
        completed: Some(finished),
        total_time_s: Some(loaded_s),
        requests_per_s: share(finished, loaded_s),
        mean_us: latency.mean_ns().map(|ns| ns / 1e3),
        p50_us: quantiles.map(|of| us(of.p50_ns)),
        p90_us: quantiles.map(|of| us(of.p90_ns)),
        p95_us: quantiles.map(|of| us(of.p95_ns)),
        p99_us: quantiles.map(|of| us(of.p99_ns)),
        max_us: quantiles.map(|of| us(of.max_ns)),
        errors_pct: share(100.0 * (ended - float(good)), ended),
        cpu_s_per_1000: counted.totals.cpu_ns.get().and_then(|ns| share(float(ns) / 1e6, finished)),
        memory_bytes: within(Figure::Rss).filter_map(|cell| cell.most()).reduce(f64::max),
        tree_cpu_s_per_1000: None,
        memory_growth_bytes: None,
        start_s: None,
        imbalance: share(busiest * float(by_worker.len() as u64), by_worker.iter().sum()),
    };
    let around = Circumstances {
        finished: Some(counts.finished),
        bytes_per_request: share(float(counts.bytes_out), finished),
        ..Circumstances::default()
    };
    // What has a status was answered; of everything else the client knows that it failed.
    let failures_seen = counts.finished.saturating_sub(statuses.values().sum())
        + counted.totals.lost
        + counts.refused
        + counts.rejected;
    let around = Circumstances { statuses, ..around };
    Some(Told { figures, around, failures_seen })
}
