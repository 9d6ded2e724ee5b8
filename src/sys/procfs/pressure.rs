//! Pressure stall information: how long something on the machine had to wait for a resource.

use std::fs::File;

use super::room::Room;
use crate::maybe_known::MaybeKnown;

/// Since the machine started, how long at least one task was stalled for want of …
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// … a processor, in µs.
    pub cpu_us: MaybeKnown,
    /// … memory, in µs.
    pub memory_us: MaybeKnown,
    /// … input or output, in µs.
    pub io_us: MaybeKnown,
}

/// The open files of `/proc/pressure`, as far as the kernel has them.
#[derive(Default)]
pub struct PressureFiles {
    cpu: Option<File>,
    memory: Option<File>,
    io: Option<File>,
    room: Room,
}

impl PressureFiles {
    /// Opens them.
    #[must_use]
    pub fn open() -> Self {
        let open = |name: &str| File::open(format!("/proc/pressure/{name}")).ok();
        Self { cpu: open("cpu"), memory: open("memory"), io: open("io"), room: Room::default() }
    }

    /// Reads them.
    pub fn read(&mut self) -> Pressure {
        let Self { cpu, memory, io, room } = self;
        let mut read = |file: &Option<File>| {
            let total = file.as_ref().and_then(|file| some_in(room.fill_text(file)?));
            total.into()
        };
        Pressure { cpu_us: read(cpu), memory_us: read(memory), io_us: read(io) }
    }
}

/// The total of the line `some`.
fn some_in(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    line.split_ascii_whitespace().find_map(|pair| pair.strip_prefix("total="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_some_is_taken() {
        let text = "some avg10=0.06 avg60=1.50 avg300=12.00 total=473833016\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=17\n";
        assert_eq!(some_in(text), Some(473_833_016));
        assert_eq!(some_in("full avg10=0.00 avg60=0.00 avg300=0.00 total=17\n"), None);
    }

    #[test]
    fn it_only_grows() {
        let mut files = PressureFiles::open();
        let (earlier, later) = (files.read(), files.read());
        assert!(later.cpu_us.get() >= earlier.cpu_us.get() && later.io_us.get() >= earlier.io_us.get());
        assert_eq!(earlier.cpu_us.get().is_some(), std::fs::read("/proc/pressure/cpu").is_ok());
    }
}
