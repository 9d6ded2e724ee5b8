//! One CSV of a run, row by row; what can't be read is left out and said.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::figure::Figure;
use crate::run_files::whole_lines;

/// Whoever waits is told this often how far it is.
const TOLD_EVERY: u64 = 1 << 20;

/// A row: texts and numbers in the order in which they were asked for.
pub struct Row<'a> {
    /// Since the run began.
    pub elapsed_s: f64,
    /// Since the row before; nothing in the first.
    pub interval_s: f64,
    /// Since 1970, in milliseconds; not a number where unknown.
    pub epoch_ms: f64,
    /// Of the columns of text.
    pub texts: &'a [&'a str],
    /// Of the figures; not a number where unknown.
    pub numbers: &'a [f64],
}

/// What is read of a file.
pub struct Wanted<'a> {
    /// The columns of text.
    pub texts: &'a [&'a str],
    /// The columns of numbers.
    pub figures: &'a [Figure],
    /// What else its writer is known to write.
    pub others: &'a [&'a str],
}

/// Reads a file of a run, if it is there. `visit` is given each row whose time can be read and doesn't go back; `told` how
/// many bytes were read since it was last told. What was wrong with the file is returned, each a sentence.
pub fn read(
    directory: &Path,
    name: &str,
    wanted: &Wanted<'_>,
    told: &dyn Fn(u64),
    mut visit: impl FnMut(&Row<'_>),
) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut reader, torn) = match open(&directory.join(name)) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return vec![format!("{name} is missing")],
        Err(error) => return vec![format!("{name} can't be read: {error}")],
    };
    let header: Vec<String> = match reader.byte_headers() {
        Ok(header) if !header.is_empty() => {
            header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
        }
        Ok(_) => return vec![format!("{name} is empty")],
        Err(error) => return vec![format!("{name} can't be read: {error}")],
    };
    let columns = match Columns::find(&header, wanted) {
        Ok((columns, sentences)) => {
            wrong.extend(sentences.into_iter().map(|sentence| format!("{name} {sentence}")));
            columns
        }
        Err(sentence) => return vec![format!("{name} {sentence}")],
    };
    let mut faults = Faults { torn, ..Faults::default() };
    let (mut record, mut last_s, mut told_at) = (ByteRecord::new(), f64::NEG_INFINITY, 0);
    let mut numbers = vec![f64::NAN; columns.figures.len()];
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.is_io_error() => {
                wrong.push(format!("{name} can't be read to its end: {error}"));
                break;
            }
            Err(_) => {
                faults.unreadable(reader.position().line());
                continue;
            }
        }
        let at = reader.position().byte();
        if at - told_at >= TOLD_EVERY {
            told(at - told_at);
            told_at = at;
        }
        let Some(elapsed_s) = number(&record, columns.elapsed).filter(|elapsed_s| *elapsed_s >= 0.0) else {
            faults.unreadable(reader.position().line());
            continue;
        };
        if elapsed_s < last_s {
            faults.went_back(elapsed_s, last_s);
            continue;
        }
        last_s = elapsed_s;
        for (place, column) in numbers.iter_mut().zip(&columns.figures) {
            *place = column.map_or(f64::NAN, |column| faults.number(&record, column));
        }
        let texts: Vec<&str> = columns.texts.iter().map(|column| text(&record, *column)).collect();
        let of = |column: Option<usize>| column.and_then(|column| number(&record, column));
        visit(&Row {
            elapsed_s,
            interval_s: of(columns.interval).unwrap_or(0.0).clamp(0.0, elapsed_s),
            epoch_ms: of(columns.epoch).unwrap_or(f64::NAN),
            texts: &texts,
            numbers: &numbers,
        });
        faults.rows += 1;
    }
    told(reader.position().byte() - told_at);
    wrong.extend(faults.sentences(name));
    wrong
}

/// A reader of a file's whole lines, and whether there is half a line behind them.
fn open(path: &Path) -> io::Result<(Reader<BufReader<io::Take<File>>>, bool)> {
    let mut file = File::open(path)?;
    let whole = whole_lines(&mut file)?;
    let torn = file.metadata()?.len() > whole;
    io::Seek::rewind(&mut file)?;
    let reader = BufReader::with_capacity(1 << 17, file.take(whole));
    Ok((ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(reader), torn))
}

/// Where in a row each thing stands.
struct Columns {
    elapsed: usize,
    interval: Option<usize>,
    epoch: Option<usize>,
    texts: Vec<Option<usize>>,
    figures: Vec<Option<usize>>,
}

impl Columns {
    /// The columns, and what is to be said of the header.
    fn find(header: &[String], wanted: &Wanted<'_>) -> Result<(Self, Vec<String>), String> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let elapsed = place("elapsed_s").ok_or("has no column elapsed_s: without it no row has a time")?;
        let columns = Self {
            elapsed,
            interval: place("interval_s"),
            epoch: place("epoch_ms"),
            texts: wanted.texts.iter().map(|name| place(name)).collect(),
            figures: wanted.figures.iter().map(|figure| place(figure.name())).collect(),
        };
        let mut sentences = Vec::new();
        let names = wanted.texts.iter().copied().chain(wanted.figures.iter().map(|figure| figure.name()));
        let names: Vec<&str> = names.chain(["interval_s", "epoch_ms"]).collect();
        let missing: Vec<&str> = names.iter().copied().filter(|name| place(name).is_none()).collect();
        if !missing.is_empty() {
            sentences.push(format!("lacks {}: what needs them is left out", missing.join(", ")));
        }
        let known: BTreeSet<&str> =
            names.into_iter().chain(["elapsed_s"]).chain(wanted.others.iter().copied()).collect();
        let unknown: Vec<&str> = header.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
        if !unknown.is_empty() {
            let names: Vec<String> = unknown.iter().take(8).map(|name| name.escape_debug().to_string()).collect();
            let more = if unknown.len() > 8 { ", …" } else { "" };
            sentences.push(format!(
                "has columns that this version does not know, and leaves out: {}{more}",
                names.join(", ")
            ));
        }
        Ok((columns, sentences))
    }
}

fn text(record: &ByteRecord, column: Option<usize>) -> &str {
    column.and_then(|column| record.get(column)).and_then(|cell| str::from_utf8(cell).ok()).unwrap_or_default()
}

fn number(record: &ByteRecord, column: usize) -> Option<f64> {
    let text = str::from_utf8(record.get(column)?).ok()?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What was wrong with rows and cells.
#[derive(Default)]
struct Faults {
    rows: u64,
    torn: bool,
    unreadable: u64,
    first_unreadable: u64,
    went_back: u64,
    first_back: (f64, f64),
    no_numbers: u64,
}

impl Faults {
    /// A cell; not a number where it is empty, and where it is none, which is counted.
    fn number(&mut self, record: &ByteRecord, column: usize) -> f64 {
        number(record, column).unwrap_or_else(|| {
            self.no_numbers += u64::from(record.get(column).is_some_and(|cell| !cell.is_empty()));
            f64::NAN
        })
    }

    fn unreadable(&mut self, line: u64) {
        self.unreadable += 1;
        if self.unreadable == 1 {
            self.first_unreadable = line;
        }
    }

    fn went_back(&mut self, to_s: f64, from_s: f64) {
        self.went_back += 1;
        if self.went_back == 1 {
            self.first_back = (from_s, to_s);
        }
    }

    fn sentences(self, name: &str) -> Vec<String> {
        let Self { rows, torn, unreadable, first_unreadable, went_back, first_back, no_numbers } = self;
        let mut said = Vec::new();
        if rows == 0 {
            said.push(format!("{name} has no row that can be read"));
        }
        if torn {
            said.push(format!(
                "the last line of {name} has no end: its writer was killed, or still writes; it is left out"
            ));
        }
        if unreadable > 0 {
            said.push(format!(
                "{unreadable} rows of {name} can't be read, the first before line {first_unreadable}: they are left out"
            ));
        }
        if went_back > 0 {
            let (from_s, to_s) = first_back;
            said.push(format!(
                "elapsed_s goes back in {name}, first from {from_s} to {to_s}: {went_back} rows from before are left out"
            ));
        }
        if no_numbers > 0 {
            said.push(format!("{no_numbers} cells of {name} are no numbers: they count as unknown"));
        }
        said
    }
}
