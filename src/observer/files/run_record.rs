//! `run.json`: what was run, on what, and at the end what came of it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::columns::timestamp;
use crate::control::KnownFaults;
use crate::run_files::{RECORD, TCP_AFTER};
use crate::sample::Sample;
use crate::sys::procfs::{self, CgroupFiles, TcpCounters};

/// The file, written at the start and again at the end.
pub struct RunRecord {
    path: PathBuf,
    record: Value,
}

impl RunRecord {
    /// Prepares `run.json` in a directory with what is known at the start.
    #[must_use]
    pub fn new(directory: &Path, record: Value) -> Self {
        Self { path: directory.join(RECORD), record }
    }

    /// Writes it as it is at the start.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self) -> io::Result<()> {
        replace(&self.path, &self.record)
    }

    /// Writes it with the totals of the run, and what came of its fault plans.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_with_totals(mut self, last: &Sample, faults: &KnownFaults) -> io::Result<()> {
        if let Some(record) = self.record.as_object_mut() {
            record.insert("totals".to_owned(), totals(last));
            record.insert(TCP_AFTER.to_owned(), json!(TcpCounters::read()));
            let KnownFaults { in_force, ended } = faults;
            record.insert("faults".to_owned(), json!(in_force));
            record.insert("ended_faults".to_owned(), json!(ended));
        }
        replace(&self.path, &self.record)
    }
}

/// Whoever reads the file sees the old one or the new one, never half of one.
fn replace(path: &Path, record: &Value) -> io::Result<()> {
    let unfinished = path.with_extension("json.part");
    let write = || {
        let mut file = File::create(&unfinished)?;
        // One write: a writer of JSON makes one for each of its tokens.
        let text = serde_json::to_string_pretty(record)? + "\n";
        // Not synced: where others keep the disk busy that takes longer than anybody waits for the end of a run.
        file.write_all(text.as_bytes())?;
        std::fs::rename(&unfinished, path)
    };
    write().inspect_err(|_| {
        // On a full disk, half a file would take room from the rest.
        let _ = std::fs::remove_file(&unfinished);
    })
}

#[allow(clippy::cast_precision_loss)]
fn totals(last: &Sample) -> Value {
    let target = &last.target;
    let counts = &target.totals.counts;
    json!({
        "requests": counts.finished,
        "answered": counts.answered(),
        "client_gone": counts.client_gone,
        "broken": counts.broken,
        "shed": counts.shed,
        "rate_limited": counts.rate_limited,
        "errors": counts.errors,
        "lost": target.totals.lost,
        "rejected": counts.rejected,
        "rejections": counts.rejections,
        "refused": counts.refused,
        "accepts": counts.accepts,
        "cpu_seconds": target.cpu_ns.map(|cpu_ns| cpu_ns as f64 / 1e9),
        "rss_peak_bytes": target.rss_peak_bytes,
        "duration_s": last.moment.elapsed_ns as f64 / 1e9,
        "ended": timestamp(last.moment.realtime_ns),
    })
}

/// The machine and those of its settings that a measurement depends on; what can't be read is `null`.
#[must_use]
pub fn machine() -> Value {
    let what = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what).ok();
    let processors = system.as_ref().map(System::cpus).unwrap_or_default();
    // Without /proc it has found none, which is not to say that there are none.
    let found = |number: u64| Some(number).filter(|number| *number > 0);
    let brand = processors.first().map(|processor| processor.brand().trim()).filter(|brand| !brand.is_empty());
    let settings = [
        "net/core/somaxconn",
        "net/ipv4/tcp_max_syn_backlog",
        "net/ipv4/ip_local_port_range",
        "net/ipv4/tcp_migrate_req",
    ];
    let settings = settings.map(|path| (path.replace('/', "."), procfs::kernel_setting(path).into()));
    json!({
        "cpu": brand,
        "cpus": found(processors.len() as u64),
        "memory_bytes": system.as_ref().map(System::total_memory).and_then(found),
        "kernel": System::kernel_version().ok(),
        "os": System::long_os_version().ok(),
        // What instances on one machine have in common, in containers too.
        "boot_id": procfs::kernel_setting("kernel/random/boot_id"),
        "clock_source": procfs::clock_source(),
        "cgroup_cpu_max": CgroupFiles::open().cpu_max(),
        "settings": Map::from_iter(settings),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::TestDirectory;
    use crate::sample::{Earlier, Reading, between};

    #[test]
    fn the_record_is_there_at_the_start_and_has_totals_at_the_end() {
        let directory = TestDirectory::new("run-record");
        let record = RunRecord::new(&directory, json!({ "version": "1", "machine": machine() }));
        let read = || serde_json::from_slice::<Value>(&std::fs::read(directory.join("run.json")).unwrap()).unwrap();
        record.write().unwrap();
        assert_eq!(read()["version"], "1");
        assert!(read()["machine"]["cpus"].as_u64().unwrap() >= 1, "{}", read());
        assert!(read()["machine"]["settings"]["net.core.somaxconn"].is_string(), "{}", read());
        assert!(read().get("totals").is_none());
        record
            .write_with_totals(&between(&Earlier::default(), &Reading::default()), &KnownFaults::default())
            .unwrap();
        assert_eq!((&read()["version"], &read()["totals"]["requests"]), (&json!("1"), &json!(0)));
        assert_eq!(std::fs::read_dir(&*directory).unwrap().count(), 1);
    }
}
