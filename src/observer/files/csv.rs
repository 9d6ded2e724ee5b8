//! A CSV file that a run appends to, over the lives of several observers, a full disk and a deleted directory.
//!
//! What is appended at once is one `write(2)` of whole rows, so that whoever reads along sees whole rows. Rows that
//! can't be written are kept, the newest so many, and written when that is possible again: a full disk is no reason to
//! end a measurement. Each write first looks at the file: one that was deleted is made anew.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::run_files::whole_lines;

/// How many rows of a file are kept while it can't be written.
pub const KEPT_ROWS: usize = 1_000;

/// A file, open for appending.
pub struct CsvFile {
    path: PathBuf,
    /// The first line.
    header: Vec<u8>,
    /// `None` while it can't be opened.
    file: Option<File>,
    /// Rows that could not be written, the oldest first.
    kept: VecDeque<Vec<u8>>,
    /// How many more there were, for which there was no room.
    missing: u64,
    /// What is written next, and where each of its rows ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// What became of an append.
#[derive(Debug)]
pub enum Appended {
    /// Everything is in the file.
    Written,
    /// Everything is in the file, which somebody had removed and which was made anew: what it held is gone.
    WrittenAnew,
    /// The file can't be written, for the first time since it could: the rows are kept.
    Failed(io::Error),
    /// The file still can't be written.
    Kept,
    /// It can be written again.
    Recovered {
        /// Rows that are in the file later than they should be.
        late: u64,
        /// Rows that are not in it.
        missing: u64,
        /// Whether it was made anew.
        anew: bool,
    },
}

impl CsvFile {
    /// Opens or makes a file. An empty one gets the header; a last line that a dead observer left unfinished
    /// is cut off. A file that can't be opened is opened when it can be; its rows are kept until then.
    pub fn open_or_keep(path: &Path, header: &[&str]) -> (Self, io::Result<()>) {
        Self::closed(path, header).open()
    }

    /// The same for a file that begins otherwise than with the names of its columns.
    pub fn with_preamble(path: &Path, preamble: Vec<u8>) -> (Self, io::Result<()>) {
        let mut closed = Self::closed(path, &[]);
        closed.header = preamble;
        closed.open()
    }

    fn open(mut self) -> (Self, io::Result<()>) {
        let ready = self.make_ready().map(|_| ());
        (self, ready)
    }

    fn closed(path: &Path, header: &[&str]) -> Self {
        let mut closed = Self {
            path: path.to_owned(),
            header: Vec::new(),
            file: None,
            kept: VecDeque::new(),
            missing: 0,
            text: Vec::new(),
            ends: Vec::new(),
        };
        closed.encode([header]);
        closed.header = std::mem::take(&mut closed.text);
        closed
    }

    /// Appends rows; none, to try again with those that are kept.
    pub fn append<Row: IntoIterator<Item: AsRef<[u8]>>>(
        &mut self,
        rows: impl IntoIterator<Item = Row>,
    ) -> Appended {
        self.encode(rows);
        if self.kept.is_empty() {
            return match self.write() {
                Ok(false) => Appended::Written,
                Ok(true) => Appended::WrittenAnew,
                Err(error) => {
                    self.keep();
                    Appended::Failed(error)
                }
            };
        }
        self.keep();
        self.text = self.kept.iter().flatten().copied().collect();
        let Ok(anew) = self.write() else { return Appended::Kept };
        let late = self.kept.drain(..).count() as u64;
        Appended::Recovered { late, missing: std::mem::take(&mut self.missing), anew }
    }

    /// How many rows are not in the file, at the moment or for good.
    #[must_use]
    pub fn rows_outside(&self) -> u64 {
        self.kept.len() as u64 + self.missing
    }

    /// The last row that is in the file.
    pub fn last_line(&self) -> Option<String> {
        /// Longer than any row.
        const PIECE: u64 = 64 * 1024;
        let mut file = File::open(&self.path).ok()?;
        let start = file.metadata().ok()?.len().saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start)).ok()?;
        let mut piece = Vec::new();
        file.read_to_end(&mut piece).ok()?;
        String::from_utf8_lossy(&piece).lines().next_back().map(str::to_owned)
    }

    fn encode<Row: IntoIterator<Item: AsRef<[u8]>>>(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.text.clear();
        self.ends.clear();
        let mut writer = ::csv::Writer::from_writer(&mut self.text);
        for row in rows {
            // Into memory, and as many cells in a row as in the header: neither can fail.
            let _ = writer.write_record(row);
            let _ = writer.flush();
            self.ends.push(writer.get_ref().len());
        }
    }

    /// Keeps what was encoded, instead of the oldest where there is no room.
    fn keep(&mut self) {
        let mut start = 0;
        for &end in &self.ends {
            self.kept.push_back(self.text[start..end].to_vec());
            start = end;
        }
        let over = self.kept.len().saturating_sub(KEPT_ROWS);
        self.kept.drain(..over);
        self.missing += over as u64;
    }

    /// Writes what was encoded, whole or not at all; whether the file was made anew for it.
    fn write(&mut self) -> io::Result<bool> {
        if self.text.is_empty() {
            return Ok(false);
        }
        let (length, anew) = self.make_ready()?;
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_all(&self.text).map(|()| anew).inspect_err(|_| {
            // Half of a row would be read as a row. What can't be cut off either stays.
            let _ = file.set_len(length);
        })
    }

    /// Makes sure that there is a file that begins with the header: its length, and whether it was removed since the last
    /// time.
    fn make_ready(&mut self) -> io::Result<(u64, bool)> {
        let was_open = self.file.is_some();
        if let Some(file) = &self.file {
            let metadata = file.metadata()?;
            // A deleted file can be written for ever, and nobody will read it.
            if metadata.nlink() > 0 && metadata.len() > 0 {
                return Ok((metadata.len(), false));
            }
        }
        self.file = None;
        if let Some(directory) = self.path.parent().filter(|_| was_open) {
            fs::create_dir_all(directory)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        let mut length = whole_lines(&mut file)?;
        file.set_len(length)?;
        if length == 0 {
            if let Err(error) = file.write_all(&self.header) {
                let _ = file.set_len(0);
                return Err(error);
            }
            length = self.header.len() as u64;
        }
        self.file = Some(file);
        Ok((length, was_open))
    }
}

#[cfg(test)]
mod tests;
