//! The machine: its processors and its memory.
//!
//! Parsed here and not by the `procfs` crate: of either file a tick needs the first lines, and the crate makes a map
//! or a list of all of it, which costs more than the kernel's making the file.

use std::fs::File;

use super::room::Room;
use crate::maybe_known::MaybeKnown;

/// What /proc says of the machine's processors, in ticks since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostCpu {
    /// All but idle and waiting for I/O: what other guests of the hardware took (steal) is in it.
    pub busy_ticks: u64,
    /// Of those, what other guests took; unknown on kernels that don't count it.
    pub steal_ticks: MaybeKnown,
    /// Of those, what processes used, without interrupts.
    pub process_ticks: u64,
    /// All.
    pub total_ticks: u64,
    /// Processors online.
    pub cpus: MaybeKnown,
}

/// What /proc says of the machine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostMemory {
    /// All that the kernel manages.
    pub total_bytes: u64,
    /// What a new program could have without swapping, as the kernel estimates it.
    pub available_bytes: u64,
}

impl HostMemory {
    /// The share that is in use, from 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // Exact up to 2⁵³ bytes.
    pub fn used(self) -> MaybeKnown<f64> {
        let Self { total_bytes, available_bytes } = self;
        MaybeKnown::ratio(total_bytes.saturating_sub(available_bytes) as f64, total_bytes as f64)
    }
}

/// The open files about the machine.
#[derive(Default)]
pub struct HostFiles {
    stat: Option<File>,
    meminfo: Option<File>,
    room: Room,
}

impl HostFiles {
    /// Opens them.
    #[must_use]
    pub fn open() -> Self {
        let open = |path| File::open(path).ok();
        Self { stat: open("/proc/stat"), meminfo: open("/proc/meminfo"), room: Room::default() }
    }

    /// What the machine's processors did since it started.
    pub fn cpu(&mut self) -> MaybeKnown<HostCpu> {
        self.stat.as_ref().and_then(|file| cpu_in(self.room.fill_text(file)?)).into()
    }

    /// How much of the machine's memory is in use.
    pub fn memory(&mut self) -> MaybeKnown<HostMemory> {
        self.meminfo.as_ref().and_then(|file| memory_in(self.room.fill_text(file)?)).into()
    }
}

/// Of `proc_stat(5)`: the line of all processors, and how many lines of one follow.
fn cpu_in(text: &str) -> Option<HostCpu> {
    let mut lines = text.lines();
    let mut fields = lines.next()?.strip_prefix("cpu ")?.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || fields.next()?.ok();
    let (user, nice, system, idle) = (next()?, next()?, next()?, next()?);
    // Old kernels have fewer fields, and what they don't count apart is in the others. The time of guests, further on,
    // is in `user` and `nice` already.
    let [iowait, irq, softirq, steal] = std::array::from_fn(|_| next());
    let counted = |ticks: Option<u64>| ticks.unwrap_or(0);
    let busy_ticks = user + nice + system + counted(irq) + counted(softirq) + counted(steal);
    let cpus = lines.take_while(|line| line.starts_with("cpu")).count() as u64;
    Some(HostCpu {
        busy_ticks,
        steal_ticks: steal.into(),
        process_ticks: user + nice + system,
        total_ticks: busy_ticks + idle + counted(iowait),
        cpus: Some(cpus).filter(|cpus| *cpus > 0).into(),
    })
}

/// Of `proc_meminfo(5)`, which is in KiB.
fn memory_in(text: &str) -> Option<HostMemory> {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some(HostMemory { total_bytes: field("MemTotal")?, available_bytes: field("MemAvailable")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_processors_and_memory() {
        let mut files = HostFiles::open();
        let earlier = files.cpu().get().unwrap();
        let later = files.cpu().get().unwrap();
        assert!(earlier.cpus.get().unwrap() >= 1 && earlier.busy_ticks <= earlier.total_ticks);
        assert!(later.total_ticks >= earlier.total_ticks);
        let memory = files.memory().get().unwrap();
        assert!(memory.available_bytes > 0 && memory.available_bytes < memory.total_bytes, "{memory:?}");
    }

    #[test]
    fn steal_is_busy_and_waiting_for_io_is_idle() {
        let text = "cpu  191893 24848 49332 722181 2417 7 10993 341 5 0\n\
                    cpu0 95000 12000 24000 361000 1200 3 5400 170 2 0\n\
                    cpu1 96893 12848 25332 361181 1217 4 5593 171 3 0\n\
                    intr 123 0 0\nctxt 4434\n";
        let busy_ticks = 191_893 + 24_848 + 49_332 + 7 + 10_993 + 341;
        let expected = HostCpu {
            busy_ticks,
            steal_ticks: 341.into(),
            process_ticks: 191_893 + 24_848 + 49_332,
            total_ticks: busy_ticks + 722_181 + 2_417,
            cpus: 2.into(),
        };
        assert_eq!(cpu_in(text), Some(expected));
        let old = cpu_in("cpu  1 2 3 4\n").unwrap();
        let unknown = MaybeKnown::UNKNOWN;
        assert_eq!(
            (old.total_ticks, old.steal_ticks, old.cpus),
            (10, unknown, unknown),
            "not counted is not nothing"
        );
        assert_eq!((cpu_in(""), cpu_in("cpu  a b\n")), (None, None));
    }

    #[test]
    fn memory_is_in_kibibytes() {
        let text = "MemTotal:       24684092 kB\nMemFree:        23337096 kB\nMemAvailable:   24168824 kB\n";
        let expected = HostMemory { total_bytes: 24_684_092 * 1024, available_bytes: 24_168_824 * 1024 };
        assert_eq!(memory_in(text), Some(expected));
        assert_eq!(memory_in("MemTotal:       24684092 kB\n"), None);
    }
}
