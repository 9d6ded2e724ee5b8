//! `quintain serve`: the target, up until it is told to end.
//!
//! Everything that can be refused is refused before the first worker starts: ports, the run directory, memory. Then
//! the supervisor is handed its worker and its observer, so that the roles don't know each other.

mod child;
mod database;
mod held;
mod log;
pub(super) mod model;
mod reread;
mod run_directory;
mod screen;
mod sockets;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::columns::timestamp;
use crate::config::{Addresses, COMMIT, Config, Mode, VERSION};
use crate::control;
use crate::observer::{self, Admin, AdminListener, Observation, Processes, RunFiles, files};
use crate::profile::{Profile, fault_rules};
use crate::run_files::TCP_BEFORE;
use crate::scoreboard::{Counts, SEATS, Scoreboard};
use crate::snapshot::Snapshot;
use crate::supervisor::manager::Manager;
use crate::supervisor::{self, Arrangement, EarlyEnd, ObserverDuty, Plan, WorkerDuty};
use crate::sys::inherited::Inherited;
use crate::sys::procfs::{CgroupFiles, TcpCounters};
use crate::sys::threads::ThreadGroup;
use crate::sys::{clock, process, procfs};
use crate::units::Bytes;
use crate::units::shown::{amount, float};
use crate::worker::{self, Assignment, Settings};
use child::Prepared;
use database::RunDatabase;
use model::RunModel;
pub use reread::Resolve;
use run_directory::RunDirectory;
pub use screen::Dress;
use screen::Screen;
use sockets::Sockets;

/// What stands for an admin listener that there is none of.
const OFF: &str = "off";

/// The exit code of whatever is wrong before the start.
const USAGE: u8 = 2;

/// What is to be said of the configuration before the start.
pub struct Remarks {
    /// Of what was given and is ignored.
    pub warning: Option<String>,
    /// Why there are so many workers.
    pub why_workers: Option<String>,
}

/// Runs the target. `resolve` is what HUP calls to read the profile again; `command` is the command line as it was typed,
/// for `run.json`, with the token redacted; `manager` is where a service manager wants to be told, and how long it waits
/// for a sign of life; `remarks` are said once.
#[must_use]
pub fn run(
    config: &Config,
    profile: Profile,
    resolve: Resolve,
    command: &[String],
    dress: Dress,
    manager: (Option<OsString>, Option<Duration>),
    remarks: Remarks,
) -> ExitCode {
    let screen = Screen::of(config, dress);
    log::start(config, screen);
    let Remarks { warning, why_workers } = remarks;
    for warning in warning.into_iter().chain(short_of_memory(config)) {
        tracing::warn!("{warning}");
    }
    if let Some(why) = why_workers {
        tracing::info!("{why}");
    }
    let manager = Manager::new(manager.0, manager.1);
    match serve(config, Arc::new(profile), resolve, command, screen, manager) {
        Ok(code) => ExitCode::from(code),
        Err(sentence) => {
            screen.complain(&sentence);
            ExitCode::from(USAGE)
        }
    }
}

fn serve(
    config: &Config,
    profile: Arc<Profile>,
    resolve: Resolve,
    command: &[String],
    screen: Screen,
    manager: Manager,
) -> Result<u8, String> {
    let inherited = Inherited::read();
    let descriptors = process::raise_descriptor_limit();
    // Before any thread, so that every thread inherits the mask.
    let signals =
        supervisor::block_signals().map_err(|error| format!("signalfd: signals can't be read: {error}"))?;
    let mut sockets = Sockets::open(config)?;
    for option in sockets.missing(config) {
        tracing::warn!(option, "the kernel has no such socket option; docs/running.md says what is lost");
    }
    let board = Scoreboard::map(config.slots()).map_err(|error| no_room(config, &error))?;
    board.head().set_cpu_before(clock::process_cpu_ns(std::process::id()));
    reread::number_routes(&board, &profile)?;
    let started_ns = clock::monotonic_ns();
    if !profile.faults.is_empty() {
        control::put_faults(&board, profile.faults.clone(), started_ns, None, false)
            .map_err(|error| format!("{}: its fault plans can't be followed: {error}", profile.name))?;
    }
    let interrupted = |mut sockets: Sockets, end: EarlyEnd, what: &str| {
        sockets.remove_files();
        screen.complain(&format!("signal {} came before the {what} was ready; nothing was run", end.signal()));
        Ok(end.exit_code())
    };
    let model = match RunModel::prepare(config, (&signals, &inherited))? {
        Prepared::Ready(model) => model,
        Prepared::Interrupted(end) => return interrupted(sockets, end, "model"),
    };
    model.fits(&profile)?;
    let addresses = sockets.addresses();
    let directory = RunDirectory::make(config)?;
    let database = match RunDatabase::prepare(config, &profile, &directory, (&signals, &inherited), screen)? {
        Prepared::Ready(database) => database.map(Arc::new),
        Prepared::Interrupted(end) => return interrupted(sockets, end, "database"),
    };
    let record = record(config, &profile, command, (descriptors, started_ns), &sockets, database.as_deref());
    let arrangement = match config.mode {
        Mode::Single | Mode::Threads => Arrangement::Threads,
        Mode::Cluster => Arrangement::Processes,
    };
    let clocks: Arc<Vec<[Arc<ThreadGroup>; SEATS]>> =
        Arc::new((0..config.slots()).map(|_| Default::default()).collect());
    let plan = Plan {
        arrangement,
        listeners: sockets.listeners.clone(),
        make_listeners: sockets.maker(config),
        board: Arc::clone(&board),
        clocks: Arc::clone(&clocks),
        worker: worker_duty(config, &profile, &addresses, database.as_deref(), &model),
        reread: reread::reread(
            config,
            profile,
            resolve,
            &board,
            addresses.clone(),
            (database.clone(), model.clone()),
        ),
        observer: observer_duty(
            config,
            &board,
            &clocks,
            &sockets,
            &directory,
            database.is_some(),
            (record, started_ns, screen),
        ),
        config: config.clone(),
        manager,
        while_command: config.while_command.as_ref().map(|line| sockets.fill_in(line)),
        inherited,
    };
    let ready = ready_line(config, &addresses, &directory);
    let summary = supervisor::run(plan, signals, || {
        screen.say(&ready);
        if let Some(live) = addresses.live_page() {
            screen.hint(&format!("live {live}"));
        }
    });
    sockets.remove_files();
    if let Some(database) = database {
        database.remove_files();
    }
    screen.end_status();
    Screen::settle();
    if summary.was_ready {
        screen.say(&done_line(&board, arrangement, &directory));
        if let Some(path) = directory.path() {
            screen.hint(&format!("report: quintain report {}", path.display()));
        }
    }
    if let Some(failure) = summary.failure {
        screen.complain(&failure);
    }
    Ok(summary.exit_code)
}

/// A warning where requests may ask for as much memory as the control group may have, which `--max-mem` is to keep them
/// from.
fn short_of_memory(config: &Config) -> Option<String> {
    let limit = CgroupFiles::open().memory_limit_bytes().get()??;
    let (max_mem, workers) = (config.max_mem, config.workers);
    let asked = max_mem.most.0.saturating_mul(workers as u64);
    (asked >= limit).then(|| {
        format!(
            "{max_mem} in each of {} is no guard: the control group's memory limit is {}, and the kernel kills what \
             needs more",
            amount(float(workers as u64), "worker"),
            Bytes(limit)
        )
    })
}

/// Why there is no scoreboard.
fn no_room(config: &Config, error: &io::Error) -> String {
    let flag = if config.mode == Mode::Cluster { "--max-workers" } else { "--workers" };
    format!("no memory for {flag} {}: mmap of the scoreboard: {}", config.slots(), process::refusal(error))
}

fn worker_duty(
    config: &Config,
    profile: &Arc<Profile>,
    addresses: &Addresses,
    database: Option<&RunDatabase>,
    model: &RunModel,
) -> WorkerDuty {
    let settings = Settings {
        config: config.clone(),
        addresses: addresses.clone(),
        profile: Arc::clone(profile),
        database: database.map(|database| database.settings(config)),
        inference: model.settings(config, profile),
    };
    Arc::new(move |seat, control, threads| worker::run(&settings, Assignment { seat, control, threads }))
}

fn observer_duty(
    config: &Config,
    board: &Arc<Scoreboard>,
    clocks: &Arc<Vec<[Arc<ThreadGroup>; SEATS]>>,
    sockets: &Sockets,
    directory: &RunDirectory,
    has_database: bool,
    (record, started_ns, screen): (Value, u64, Screen),
) -> ObserverDuty {
    let (config, board, clocks) = (config.clone(), Arc::clone(board), Arc::clone(clocks));
    let (admin, directory) = (Arc::clone(&sockets.admin), directory.path().map(ToOwned::to_owned));
    let listeners = sockets.every_listener();
    let drops_before = sockets.drops_before;
    let addresses = sockets.addresses();
    let supervisor = std::process::id();
    Arc::new(move |control| {
        let admin: Result<Vec<_>, _> = admin.iter().map(AdminListener::try_clone).collect();
        let admin = admin.map_err(|error| format!("the admin listener can't be shared: {error}"))?;
        let token = config.admin_token.as_ref().map(|token| token.reveal().to_owned());
        observer::run(Observation {
            board: Arc::clone(&board),
            control,
            admin: (!admin.is_empty()).then_some(Admin { listeners: admin, token }),
            config: config.clone(),
            has_database,
            addresses: addresses.clone(),
            processes: match config.mode {
                Mode::Cluster => Processes::Cluster { supervisor },
                Mode::Single | Mode::Threads => Processes::OneProcess { clocks: Arc::clone(&clocks) },
            },
            rules: fault_rules(&config),
            listeners: listeners.clone(),
            drops_before,
            files: directory
                .as_ref()
                .map(|directory| RunFiles { directory: directory.clone(), record: record.clone() }),
            started_ns,
            status: screen.status,
        })
    })
}

/// What `run.json` says from the start.
fn record(
    config: &Config,
    profile: &Profile,
    command: &[String],
    (descriptors, started_ns): (Option<u64>, u64),
    sockets: &Sockets,
    database: Option<&RunDatabase>,
) -> Value {
    let [addresses, admin] = sockets.addresses().texts();
    json!({
        "version": VERSION,
        "commit": COMMIT,
        "command": command,
        "instance": config.instance(),
        "started": timestamp(clock::realtime_ns()),
        "started_monotonic_ns": started_ns,
        "pid": std::process::id(),
        "addr": addresses.first(),
        "addrs": addresses,
        "admin": admin.first().map_or(OFF, String::as_str),
        "admin_addrs": admin,
        "config": config.to_json(),
        "profile": { "name": profile.name, "content": profile.content(), "switches": profile.switches },
        "database": database.map(|database| database.record(config)),
        "seed": config.seed,
        "limits": { "open_files": descriptors, "backlog": backlog(config) },
        "missing": sockets.missing(config),
        "machine": files::run_record::machine(),
        TCP_BEFORE: TcpCounters::read(),
    })
}

/// The backlog that the kernel grants: somaxconn caps it silently, and where that can't be read it is unknown;
/// so is that of a socket that was passed.
fn backlog(config: &Config) -> Option<u32> {
    if config.sockets_are_passed() {
        return None;
    }
    let cap: u32 = procfs::kernel_setting("net/core/somaxconn")?.parse().ok()?;
    Some(config.backlog.min(cap))
}

/// A pair for each address, and what it runs.
fn ready_line(config: &Config, addresses: &Addresses, directory: &RunDirectory) -> String {
    let [listen, mut admin] = addresses.texts();
    if admin.is_empty() {
        admin.push(OFF.to_owned());
    }
    let (mode, workers, run) = (config.mode, config.workers, directory.name());
    let listen = listen.into_iter().map(|address| format!("addr={address}"));
    let admin = admin.into_iter().map(|address| format!("admin={address}"));
    let pairs: Vec<String> = listen.chain(admin).collect();
    format!("ready {} mode={mode} workers={workers} run={run}", pairs.join(" "))
}

fn done_line(board: &Scoreboard, arrangement: Arrangement, directory: &RunDirectory) -> String {
    let totals = Snapshot::without_cpu(board).totals();
    let Counts { finished, client_gone, broken, errors, rejected, refused, shed, rate_limited, .. } = totals.counts;
    let answered = totals.counts.answered();
    // What is not known is left out.
    let cpu = supervisor::cpu_ns(board, arrangement).cell(|cpu_ns| {
        let milliseconds = cpu_ns / clock::MILLISECOND;
        format!(" cpu_seconds={}.{:03}", milliseconds / 1_000, milliseconds % 1_000)
    });
    let peak = board.head().observer.rss_peak_bytes.load().cell(|bytes| format!(" rss_peak_bytes={bytes}"));
    format!(
        "done requests={finished} answered={answered} client_gone={client_gone} broken={broken} errors={errors} shed={shed} \
         rate_limited={rate_limited} lost={} rejected={rejected} refused={refused}{cpu}{peak} csv={}",
        totals.lost,
        directory.csv_name(),
    )
}
