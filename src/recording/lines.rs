//! The rows of a CSV file, a line each. No cell that a target writes has the end of a line in it: so a stray quote spoils its
//! own row, and not all that follow.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use memchr::{memchr, memchr_iter};

use crate::named_file::BYTE_ORDER_MARK;
use crate::run_files::open_whole_lines;

/// No row is longer: what is, is none, and is not kept in memory.
const LONGEST: u64 = 64 * 1024;

/// A row: its cells one after the other, and where each ends.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    text: Vec<u8>,
    /// Each is followed by one byte that is no cell's.
    ends: Vec<usize>,
}

impl Cells {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell; empty where there is none.
    pub fn get(&self, number: usize) -> &[u8] {
        let begin = number.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        self.ends.get(number).map_or(&[], |&end| &self.text[begin..end])
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|number| self.get(number))
    }

    /// Splits the text, which is a line; whether it can be split.
    fn split(&mut self) -> bool {
        self.ends.clear();
        if memchr(b'"', &self.text).is_none() {
            self.ends.extend(memchr_iter(b',', &self.text).chain([self.text.len()]));
            return true;
        }
        // One that is not closed.
        if !memchr_iter(b'"', &self.text).count().is_multiple_of(2) {
            return false;
        }
        let mut cells = ByteRecord::new();
        let mut csv = ReaderBuilder::new();
        csv.has_headers(false).buffer_capacity(self.text.len());
        let is_read = csv.from_reader(&*self.text).read_byte_record(&mut cells).unwrap_or(false);
        self.text.clear();
        for cell in &cells {
            self.text.extend_from_slice(cell);
            self.ends.push(self.text.len());
            self.text.push(b',');
        }
        is_read
    }
}

/// The rows of a file.
pub struct Lines {
    file: BufReader<io::Take<File>>,
    /// The number of the line that was read last, from 1.
    pub number: u64,
    /// How many bytes were read.
    pub bytes: u64,
    /// Whether there is half a line at the end.
    pub is_torn: bool,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Cells.
    Cells,
    /// Anything else.
    Unreadable,
    /// There is none.
    End,
}

impl Lines {
    /// Opens a file of a run.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (file, is_torn) = open_whole_lines(path)?;
        let file = BufReader::with_capacity(1 << 17, file);
        Ok(Self { file, number: 0, bytes: 0, is_torn })
    }

    /// Reads the next line that is not empty into `cells`.
    pub fn read(&mut self, cells: &mut Cells) -> io::Result<Line> {
        loop {
            let line = &mut cells.text;
            line.clear();
            let length = (&mut self.file).take(LONGEST).read_until(b'\n', line)?;
            if length == 0 {
                return Ok(Line::End);
            }
            self.number += 1;
            self.bytes += length as u64;
            if line.pop() != Some(b'\n') {
                self.bytes += self.file.skip_until(b'\n')? as u64;
                return Ok(Line::Unreadable);
            }
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if self.number == 1 && line.starts_with(BYTE_ORDER_MARK.as_bytes()) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            if !line.is_empty() {
                return Ok(if cells.split() { Line::Cells } else { Line::Unreadable });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line that can be read, with its number, and the cells of those that are rows.
    fn read(text: &[u8]) -> Vec<(u64, Vec<String>)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let (mut lines, mut cells) = (Lines::open(file.path()).unwrap(), Cells::default());
        let mut read = Vec::new();
        loop {
            match lines.read(&mut cells).unwrap() {
                Line::End => break,
                Line::Unreadable => read.push((lines.number, Vec::new())),
                Line::Cells => {
                    let cells = cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
                    read.push((lines.number, cells.collect()));
                }
            }
        }
        assert_eq!(lines.bytes, text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last as u64 + 1));
        read
    }

    fn cells(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    #[test]
    fn a_line_is_a_row_whatever_the_one_before_was() {
        let text = "\u{feff}a,b\r\n1,\"2\n\n\"x,\"\"y\"\"\",\n,\ntorn".as_bytes();
        let expected =
            [(1, cells(&["a", "b"])), (2, Vec::new()), (4, cells(&["x,\"y\"", ""])), (5, cells(&["", ""]))];
        assert_eq!(read(text), expected);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"torn"), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_one_line() {
        let mut text = vec![b'x'; 300_000];
        text.extend(b"\n1,2\n");
        assert_eq!(read(&text), [(1, Vec::new()), (2, cells(&["1", "2"]))]);
    }
}
