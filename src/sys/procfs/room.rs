//! A buffer that is used again.

use rustix::io::{self, pread};

/// Room for every file here but `/proc/stat` of a large machine, which grows it.
const ROOM: usize = 4096;

/// A buffer that is used again.
#[derive(Default)]
pub struct Room(Vec<u8>);

impl Room {
    /// Reads a file from its beginning. A read that leaves room has reached the end: these files are made whole
    /// at the first read, and a read beyond the end would make them once more to find that out.
    ///
    /// # Errors
    /// What `pread(2)` says.
    pub fn fill(&mut self, file: impl rustix::fd::AsFd) -> io::Result<&[u8]> {
        if self.0.is_empty() {
            self.0.resize(ROOM, 0);
        }
        let mut filled = 0;
        loop {
            filled += pread(&file, &mut self.0[filled..], filled as u64)?;
            if filled < self.0.len() {
                return Ok(&self.0[..filled]);
            }
            self.0.resize(filled * 2, 0);
        }
    }

    /// As [`Room::fill`], for files that are text; `None` when the file can't be read.
    pub fn fill_text(&mut self, file: impl rustix::fd::AsFd) -> Option<&str> {
        std::str::from_utf8(self.fill(file).ok()?).ok()
    }
}
