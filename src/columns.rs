//! The columns of `resources.csv`, `workers.csv` and `routes.csv`: name, unit, source, meaning and how to get the cell, once.
//!
//! The files, and the tables in `docs`, are made from these. An unknown is an empty cell.

mod counted;
mod durations;
mod strain;

use jiff::Timestamp;

use crate::maybe_known::MaybeKnown;
use crate::sample::{Group, Moment, RouteSample, SlotSample, TargetSample};
use crate::snapshot::Totals;
use crate::sys::procfs::HostMemory;

pub(crate) use counted::Amount;
pub use counted::{Counted, POOLS, REQUESTS};

/// One column of a table.
pub struct Column<Figures> {
    /// As in the header.
    pub name: &'static str,
    /// Of the cell.
    pub unit: &'static str,
    /// Where the figure comes from.
    pub source: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// The cell, empty when unknown.
    pub cell: Cell<Figures>,
}

/// Makes a cell of a row.
pub type Cell<Figures> = Box<dyn Fn(&Row<'_, Figures>) -> String + Send + Sync>;

/// What a row is made from.
pub struct Row<'a, Figures> {
    /// When.
    pub moment: &'a Moment,
    /// The stretch of the run.
    pub phase: &'a str,
    /// `single`, `threads` or `cluster`.
    pub mode: &'static str,
    /// What was read.
    pub figures: &'a Figures,
}

/// What the target and a slot have in common.
trait Common: Requests {
    fn group(&self) -> &Group;
}

/// What those and a route have in common.
trait Requests: 'static {
    fn totals(&self) -> &Totals;
    fn rate(&self) -> MaybeKnown<f64>;
}

/// `resources.csv`: the whole target, a row a tick.
#[must_use]
#[rustfmt::skip] // A table: an entry is what the column is, then how to get its cell.
pub fn resources() -> Vec<Column<TargetSample>> {
    let own: [Column<TargetSample>; 10] = [
        column("cpu_pct", "%, 100 = one core", "CPU clocks of the processes", "CPU of the target",
            |row| percent(row.figures.cores)),
        column("cpu_user_pct", "%, 100 = one core", "/proc/PID/stat, 10 ms steps", "of it, in user mode",
            |row| percent(row.figures.user_cores)),
        column("cpu_sys_pct", "%, 100 = one core", "/proc/PID/stat, 10 ms steps", "of it, in the kernel",
            |row| percent(row.figures.system_cores)),
        column("cpu_host_pct", "%, 100 = all cores", "CPU clocks of the processes", "CPU of the target",
            |row| percent(row.figures.host_share)),
        column("cpu_seconds_total", "s", "CPU clocks of the processes", "CPU of the target, ended processes too",
            |row| row.figures.cpu_ns.cell(seconds)),
        column("rss_bytes", "bytes", "/proc/PID/statm", "resident memory, shared pages counted in each process",
            |row| known(row.figures.group.rss_bytes)),
        column("rss_peak_bytes", "bytes", "/proc/PID/statm", "largest rss_bytes of any row so far",
            |row| known(row.figures.rss_peak_bytes)),
        column("pss_bytes", "bytes", "/proc/PID/smaps_rollup", "memory, shared pages counted once; every 10 s",
            |row| known(row.figures.pss_bytes)),
        column("host_cpu_pct", "%, 100 = all cores", "/proc/stat", "CPU of everything on the machine",
            |row| percent(row.figures.host_busy)),
        column("host_mem_used_pct", "%, 100 = all", "/proc/meminfo", "memory of the machine that is not available",
            |row| percent(row.figures.host.memory.and_then(HostMemory::used))),
    ];
    let explained = when().into_iter().chain(processes()).chain(own).chain(requests()).chain(strain::columns());
    explained.chain(durations::columns()).chain(pools()).collect()
}

/// `workers.csv`: a row a tick and slot ever used. Its counters are those of all the slot's generations.
#[must_use]
#[rustfmt::skip]
pub fn workers() -> Vec<Column<SlotSample>> {
    let who: [Column<SlotSample>; 4] = [
        column("slot", "number from 0", "scoreboard", "the worker's place",
            |row| row.figures.slot.to_string()),
        column("generation", "number from 1", "scoreboard", "how many workers have held the slot",
            |row| row.figures.generation.to_string()),
        column("pid", "process id", "scoreboard", "of the newest of them",
            |row| row.figures.pid.to_string()),
        column("state", "name", "scoreboard", "of the newest of them",
            |row| row.figures.state.to_owned()),
    ];
    let own: [Column<SlotSample>; 5] = [
        column("cpu_pct", "%, 100 = one core", "CPU clocks of processes or threads", "CPU of the slot",
            |row| percent(row.figures.cores)),
        column("cpu_seconds_total", "s", "CPU clocks of processes or threads", "CPU of the slot, ended workers too",
            |row| row.figures.account.told.cpu_ns.cell(seconds)),
        column("loop_busy_pct", "%, 100 = always", "/proc/PID/task/TID/schedstat", "time in which its event loop ran or waited for a processor, and did not sleep",
            |row| percent(row.figures.looping.map(|looping| looping.busy))),
        column("loop_runq_pct", "%, 100 = always", "/proc/PID/task/TID/schedstat", "of it, waiting for a processor",
            |row| percent(row.figures.looping.map(|looping| looping.waiting))),
        column("rss_bytes", "bytes", "/proc/PID/statm", "resident memory, shared pages counted in each process",
            |row| known(row.figures.group.rss_bytes)),
    ];
    when().into_iter().chain(who).chain(processes()).chain(own).chain(requests()).chain(pools()).collect()
}

/// `routes.csv`: a row a tick and route, from its first request on.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> Vec<Column<RouteSample>> {
    let who: [Column<RouteSample>; 2] = [
        column("method", "name", "route table", "of the route; empty for what matched none",
            |row| row.figures.reading.method.clone()),
        column("route", "pattern", "route table", "its path; (none) for what matched none",
            |row| row.figures.reading.path.clone()),
    ];
    let of_a_route = ["requests_total", "rps", "errors_total", "client_gone_total", "broken_total", "shed_total", "rate_limited_total"];
    let own = requests().filter(|column| of_a_route.contains(&column.name));
    let when = when().into_iter().filter(|column| !["late_ms", "mode"].contains(&column.name));
    when.chain(who).chain(own).chain(durations::columns()).collect()
}

#[rustfmt::skip]
fn when<Figures: 'static>() -> [Column<Figures>; 7] {
    [
        column("ts_utc", "RFC 3339, ms", "CLOCK_REALTIME", "when the row was taken",
            |row| timestamp(row.moment.realtime_ns)),
        column("epoch_ms", "ms since 1970", "CLOCK_REALTIME", "the same",
            |row| epoch_ms(row.moment.realtime_ns)),
        column("elapsed_s", "s", "CLOCK_MONOTONIC", "since the run began",
            |row| seconds(row.moment.elapsed_ns)),
        column("interval_s", "s", "CLOCK_MONOTONIC", "since the row before, as it was; empty in the first",
            |row| row.moment.interval_ns.map(seconds).unwrap_or_default()),
        column("late_ms", "ms", "CLOCK_MONOTONIC", "how late the row was taken",
            |row| milliseconds(row.moment.late_ns)),
        column("phase", "name", "the run", "the stretch of the run",
            |row| row.phase.to_owned()),
        column("mode", "name", "--mode", "single, threads or cluster",
            |row| row.mode.to_owned()),
    ]
}

#[rustfmt::skip]
fn processes<Figures: Common>() -> [Column<Figures>; 3] {
    [
        column("procs", "count", "scoreboard, /proc/PID", "living processes; empty where slots share one",
            |row| known(row.figures.group().procs)),
        column("threads", "count", "/proc/PID/stat", "their threads",
            |row| known(row.figures.group().threads)),
        column("fds", "count", "/proc/PID/fd", "their open descriptors",
            |row| known(row.figures.group().fds)),
    ]
}

/// The columns of [`REQUESTS`], with the rate after `requests_total`, of which it is made.
fn requests<Figures: Requests>() -> impl Iterator<Item = Column<Figures>> {
    let rate = column(
        "rps",
        "1/s",
        "scoreboard",
        "requests finished in the interval, a second",
        |row: &Row<'_, Figures>| row.figures.rate().cell(thousandths),
    );
    let mut counted = REQUESTS.iter().map(of_totals);
    counted.next().into_iter().chain([rate]).chain(counted)
}

/// The last columns of `resources.csv` and `workers.csv`.
fn pools<Figures: Requests>() -> impl Iterator<Item = Column<Figures>> {
    POOLS.iter().map(of_totals)
}

fn of_totals<Figures: Requests>(counted: &'static Counted) -> Column<Figures> {
    let Counted { column: name, meaning, amount, .. } = counted;
    let cell: Cell<Figures> = Box::new(|row| amount(row.figures.totals()).cell());
    Column { name, unit: amount(&Totals::nothing()).unit(), source: "scoreboard", meaning, cell }
}

/// The header of a file with these columns.
#[must_use]
pub fn names<Figures>(columns: &[Column<Figures>]) -> Vec<&'static str> {
    columns.iter().map(|column| column.name).collect()
}

fn column<Figures: 'static>(
    name: &'static str,
    unit: &'static str,
    source: &'static str,
    meaning: &'static str,
    cell: fn(&Row<'_, Figures>) -> String,
) -> Column<Figures> {
    Column { name, unit, source, meaning, cell: Box::new(cell) }
}

/// The columns as a table in Markdown, for the pages in `docs`.
#[must_use]
pub fn markdown<Figures>(columns: &[Column<Figures>]) -> String {
    let row = |Column { name, unit, source, meaning, cell: _ }: &Column<Figures>| {
        format!("| `{name}` | {meaning} | {unit} | {source} |\n")
    };
    "| column | meaning | unit | source |\n|---|---|---|---|\n".to_owned()
        + &columns.iter().map(row).collect::<String>()
}

impl Requests for RouteSample {
    fn totals(&self) -> &Totals {
        &self.account.told
    }

    fn rate(&self) -> MaybeKnown<f64> {
        self.rate
    }
}

impl Common for TargetSample {
    fn group(&self) -> &Group {
        &self.group
    }
}

impl Requests for TargetSample {
    fn totals(&self) -> &Totals {
        &self.totals
    }

    fn rate(&self) -> MaybeKnown<f64> {
        self.rate
    }
}

impl Common for SlotSample {
    fn group(&self) -> &Group {
        &self.group
    }
}

impl Requests for SlotSample {
    fn totals(&self) -> &Totals {
        &self.account.told
    }

    fn rate(&self) -> MaybeKnown<f64> {
        self.rate
    }
}

/// UTC, to the millisecond.
#[must_use]
pub fn timestamp(realtime_ns: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(realtime_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn epoch_ms(realtime_ns: u64) -> String {
    (realtime_ns / 1_000_000).to_string()
}

/// Seconds, to the microsecond.
#[must_use]
pub fn seconds(nanoseconds: u64) -> String {
    let microseconds = nanoseconds / 1_000;
    format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000)
}

fn milliseconds(nanoseconds: u64) -> String {
    let microseconds = nanoseconds / 1_000;
    format!("{}.{:03}", microseconds / 1_000, microseconds % 1_000)
}

fn percent(share: MaybeKnown<f64>) -> String {
    share.cell(|share| format!("{:.2}", share * 100.0))
}

fn thousandths(number: f64) -> String {
    format!("{number:.3}")
}

fn known(number: impl Into<MaybeKnown>) -> String {
    number.into().cell(|number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_plain_numbers_and_an_unknown_is_empty() {
        assert_eq!(timestamp(1_767_323_045_006_999_999), "2026-01-02T03:04:05.006Z");
        assert_eq!(epoch_ms(1_767_323_045_006_999_999), "1767323045006");
        assert_eq!((seconds(1_000_001_999).as_str(), milliseconds(1_234_567).as_str()), ("1.000001", "1.234"));
        let (half, unknown) = (MaybeKnown::known(1.5), MaybeKnown::UNKNOWN);
        assert_eq!((percent(half).as_str(), percent(unknown).as_str(), known(None).as_str()), ("150.00", "", ""));
    }
}
