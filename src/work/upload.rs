//! Reading what is sent: counted, timed, and reduced to a checksum. Nothing of it is kept.

use super::loop_hold;
use crate::sys::clock;

/// What was read so far.
#[derive(Clone, Debug)]
pub struct Reading {
    begun_ns: u64,
    bytes: u64,
    checksum: crc32fast::Hasher,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
    cpu_ns: u64,
}

/// What was read in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// How many bytes.
    pub bytes: u64,
    /// Their CRC-32, as in zip, gzip and PNG (ISO 3309, reflected 0xEDB88320).
    pub crc32: u32,
    /// From the beginning to the first byte; `None` when there was none.
    pub first_byte_ns: Option<u64>,
    /// From the beginning to the last byte.
    pub last_byte_ns: Option<u64>,
    /// From the head to the last byte, without the waits for the worker's loop after bytes had arrived.
    pub spent_ns: u64,
    /// Time that the checksum took. By the monotonic clock around each piece: the thread's CPU clock costs a system
    /// call, which would be a part of what it measures.
    pub cpu_ns: u64,
}

impl Reading {
    /// Nothing yet; times count from here (monotonic).
    #[must_use]
    pub fn since(begun_ns: u64) -> Self {
        let checksum = crc32fast::Hasher::new();
        Self { begun_ns, bytes: 0, checksum, first_ns: None, last_ns: None, cpu_ns: 0 }
    }

    /// The next piece.
    pub fn take(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        let now = clock::monotonic_ns();
        let passed = now.saturating_sub(self.begun_ns);
        self.first_ns.get_or_insert(passed);
        self.last_ns = Some(passed);
        self.bytes += piece.len() as u64;
        self.checksum.update(piece);
        let ended = clock::monotonic_ns();
        self.cpu_ns += ended - now;
        loop_hold::held(now, ended);
    }

    /// There is no more. The request has spent so much time on it, its waits for the worker's loop apart.
    #[must_use]
    pub fn end(self, spent_ns: u64) -> Uploaded {
        let Self { begun_ns: _, bytes, checksum, first_ns, last_ns, cpu_ns } = self;
        let crc32 = checksum.finalize();
        Uploaded { bytes, crc32, first_byte_ns: first_ns, last_byte_ns: last_ns, spent_ns, cpu_ns }
    }
}

impl Uploaded {
    /// Time that was spent waiting for the client's bytes, and reading them.
    #[must_use]
    pub fn waited_ns(&self) -> u64 {
        self.spent_ns.saturating_sub(self.cpu_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        let mut reading = Reading::since(clock::monotonic_ns());
        for piece in ["1234", "", "56789"] {
            reading.take(piece.as_bytes());
        }
        let uploaded = reading.end(0);
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!((uploaded.bytes, uploaded.crc32), (9, 0xCBF4_3926));
        assert!(uploaded.first_byte_ns <= uploaded.last_byte_ns && uploaded.first_byte_ns.is_some());
    }

    #[test]
    fn nothing_has_no_times() {
        let uploaded = Reading::since(0).end(0);
        assert_eq!((uploaded.bytes, uploaded.crc32, uploaded.first_byte_ns), (0, 0, None));
    }
}
