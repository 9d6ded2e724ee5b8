//! One CSV of a run, row by row; what can't be read is left out and said.

use std::io;
use std::path::Path;

use super::damage::{Damage, without_lines};
use super::figure::{Figure, OF_A_ROUTE, OF_A_WORKER};
use super::lines::{Cells, Line, Lines};
use crate::columns;
use crate::run_files::{RESOURCES, ROUTES, WORKERS};

/// Whoever waits is told this often how far it is.
const TOLD_EVERY: u64 = 1 << 20;

/// A row that leaves out more time than this, and more than it covers itself, has to be followed by one that goes on from it.
const JUMP_S: f64 = 1.0;

/// Nothing that is counted or measured here is larger.
const LARGEST: f64 = 1e18;

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

/// A table of a run, and what is read of it.
pub struct Table {
    /// What its file is called.
    pub name: &'static str,
    /// The columns of text.
    pub texts: &'static [&'static str],
    /// The columns of numbers.
    pub figures: &'static [Figure],
    /// All columns that its writer writes.
    written: fn() -> Vec<&'static str>,
    /// Whether a run may have no rows of it.
    may_be_empty: bool,
}

/// Of the whole target.
pub static TARGET: Table = Table {
    name: RESOURCES,
    texts: &["phase"],
    figures: Figure::ALL,
    written: || columns::names(&columns::resources()),
    may_be_empty: false,
};

/// Of each slot.
pub static OF_WORKERS: Table = Table {
    name: WORKERS,
    texts: &["phase", "slot", "generation", "state"],
    figures: OF_A_WORKER,
    written: || columns::names(&columns::workers()),
    may_be_empty: false,
};

/// Of each route, which has rows from its first request on.
pub static OF_ROUTES: Table = Table {
    name: ROUTES,
    texts: &["phase", "method", "route"],
    figures: OF_A_ROUTE,
    written: || columns::names(&columns::routes()),
    may_be_empty: true,
};

/// Reads a file of a run, if it is there. `visit` is given each row whose time can be read and goes on from the row before;
/// `told` how many bytes were read since it was last told. What was wrong with the file is returned, each a sentence.
pub fn read(directory: &Path, table: &Table, told: &dyn Fn(u64), visit: impl FnMut(&Row<'_>)) -> Vec<String> {
    let name = table.name;
    let mut cells = Cells::default();
    let begun = Lines::open(&directory.join(name)).and_then(|mut lines| Ok((lines.read(&mut cells)?, lines)));
    let mut lines = match begun {
        Ok((Line::Cells, lines)) => lines,
        Ok((Line::Unreadable, _)) => {
            return vec![format!("{name} begins with no names of columns: it is left out")];
        }
        Ok((Line::End, lines)) => return vec![without_lines(name, lines.is_torn)],
        Err(error) if error.kind() == io::ErrorKind::NotFound => return vec![format!("{name} is missing")],
        Err(error) => return vec![format!("{name} can't be read: {error}")],
    };
    let header: Vec<String> = cells.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let (columns, sentences) = match Columns::find(&header, table) {
        Ok(found) => found,
        Err(sentence) => return vec![format!("{name} {sentence}")],
    };
    let mut wrong: Vec<String> = sentences.into_iter().map(|sentence| format!("{name} {sentence}")).collect();
    let mut rows = Rows::new(&columns, visit, lines.is_torn);
    let mut told_at = 0;
    loop {
        match lines.read(&mut cells) {
            Ok(Line::Cells) if cells.len() == header.len() => rows.add(&cells, lines.number),
            Ok(Line::Cells | Line::Unreadable) => rows.damage.unreadable(lines.number),
            Ok(Line::End) => break,
            Err(error) => {
                wrong.push(format!("{name} can't be read to its end: {error}"));
                break;
            }
        }
        if lines.bytes - told_at >= TOLD_EVERY {
            told(lines.bytes - told_at);
            told_at = lines.bytes;
        }
    }
    told(lines.bytes - told_at);
    wrong.extend(rows.end().sentences(name, table.may_be_empty));
    wrong
}

/// The rows on their way to whoever wants them.
struct Rows<'a, Visit> {
    columns: &'a Columns,
    visit: Visit,
    /// When the last one was taken, and how long after the one before.
    last_s: f64,
    since_s: f64,
    /// One that jumps ahead, until the next has come.
    held: Option<(Cells, f64)>,
    numbers: Vec<f64>,
    damage: Damage,
}

impl<'a, Visit: FnMut(&Row<'_>)> Rows<'a, Visit> {
    fn new(columns: &'a Columns, visit: Visit, is_torn: bool) -> Self {
        let numbers = vec![f64::NAN; columns.figures.len()];
        let damage = Damage::of_file(is_torn);
        Self { columns, visit, last_s: 0.0, since_s: 0.0, held: None, numbers, damage }
    }

    fn add(&mut self, cells: &Cells, line: u64) {
        let Some(elapsed_s) = number(cells, self.columns.elapsed) else { return self.damage.unreadable(line) };
        if elapsed_s >= self.last_s
            && let Some((held, held_s)) = self.held.take()
        {
            if elapsed_s >= held_s {
                self.give(&held, held_s);
            } else {
                self.damage.jumped(self.last_s, held_s);
            }
        }
        let interval_s = self.columns.interval.and_then(|column| number(cells, column));
        let before_s = self.damage.rows.checked_sub(1).map(|_| self.last_s);
        match order(before_s, elapsed_s, interval_s) {
            Order::GoesOn => self.give(cells, elapsed_s),
            Order::JumpsAhead => self.held = Some((cells.clone(), elapsed_s)),
            Order::GoesBack => self.damage.jumped(self.last_s, elapsed_s),
        }
    }

    fn give(&mut self, cells: &Cells, elapsed_s: f64) {
        let Columns { elapsed: _, interval, epoch, texts, figures } = self.columns;
        // Several rows of one tick cover the same time.
        if self.damage.rows > 0 && elapsed_s > self.last_s {
            self.since_s = elapsed_s - self.last_s;
        }
        self.last_s = elapsed_s;
        self.damage.rows += 1;
        for (place, column) in self.numbers.iter_mut().zip(figures) {
            *place = column.map_or(f64::NAN, |column| {
                number(cells, column).unwrap_or_else(|| self.damage.no_number(cells.get(column)))
            });
        }
        let texts: Vec<&str> = texts.iter().map(|column| text(cells, *column)).collect();
        let of = |column: &Option<usize>| column.and_then(|column| number(cells, column));
        (self.visit)(&Row {
            elapsed_s,
            interval_s: of(interval).unwrap_or(self.since_s).min(elapsed_s),
            epoch_ms: of(epoch).unwrap_or(f64::NAN),
            texts: &texts,
            numbers: &self.numbers,
        });
    }

    fn end(mut self) -> Damage {
        match self.held.take() {
            // There is no other to say that it is wrong.
            Some((held, held_s)) if self.damage.rows == 0 => self.give(&held, held_s),
            Some((_, held_s)) => self.damage.jumped(self.last_s, held_s),
            None => {}
        }
        self.damage
    }
}

/// How a row follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    GoesOn,
    JumpsAhead,
    GoesBack,
}

/// `interval_s` is the time that a row says to cover, where it says so.
fn order(before_s: Option<f64>, elapsed_s: f64, interval_s: Option<f64>) -> Order {
    let since_s = elapsed_s - before_s.unwrap_or(0.0);
    let covered_s = interval_s.unwrap_or(if before_s.is_some() { since_s } else { 0.0 });
    match since_s - covered_s {
        _ if since_s < 0.0 => Order::GoesBack,
        left_out_s if left_out_s > covered_s.max(JUMP_S) => Order::JumpsAhead,
        _ => Order::GoesOn,
    }
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
    fn find(header: &[String], table: &Table) -> Result<(Self, Vec<String>), String> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let elapsed = place("elapsed_s").ok_or("has no column elapsed_s: without it no row has a time")?;
        let columns = Self {
            elapsed,
            interval: place("interval_s"),
            epoch: place("epoch_ms"),
            texts: table.texts.iter().map(|name| place(name)).collect(),
            figures: table.figures.iter().map(|figure| place(figure.name())).collect(),
        };
        let mut sentences = Vec::new();
        let names = table.texts.iter().copied().chain(table.figures.iter().map(|figure| figure.name()));
        let names: Vec<&str> = names.chain(["epoch_ms"]).collect();
        let missing: Vec<&str> = names.iter().copied().filter(|name| place(name).is_none()).collect();
        if !missing.is_empty() {
            sentences.push(format!("lacks {}: what needs them is left out", missing.join(", ")));
        }
        if columns.interval.is_none() {
            sentences.push("lacks interval_s: each row counts for the time since the one before".to_owned());
        }
        let written = (table.written)();
        let unknown: Vec<&str> = header.iter().map(String::as_str).filter(|name| !written.contains(name)).collect();
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

fn text(cells: &Cells, column: Option<usize>) -> &str {
    column.and_then(|column| str::from_utf8(cells.get(column)).ok()).unwrap_or_default()
}

/// Nothing in a run is negative.
fn number(cells: &Cells, column: usize) -> Option<f64> {
    let text = str::from_utf8(cells.get(column)).ok()?;
    text.parse().ok().filter(|number| (0.0..LARGEST).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_leaves_out_time_has_to_be_gone_on_from() {
        for (before_s, elapsed_s, interval_s, expected) in [
            (None, 0.01, None, Order::GoesOn),
            (None, 9.0, None, Order::JumpsAhead),
            (None, 60.0, Some(60.0), Order::GoesOn),
            (Some(5.0), 6.0, Some(1.0), Order::GoesOn),
            (Some(5.0), 5.0, Some(1.0), Order::GoesOn),
            (Some(5.0), 4.9, Some(1.0), Order::GoesBack),
            (Some(5.0), 6.9, Some(1.0), Order::GoesOn),
            (Some(5.0), 7.1, Some(1.0), Order::JumpsAhead),
            (Some(5.0), 300.0, Some(295.0), Order::GoesOn),
            (Some(5.0), 300.0, None, Order::GoesOn),
        ] {
            assert_eq!(order(before_s, elapsed_s, interval_s), expected, "{before_s:?} {elapsed_s} {interval_s:?}");
        }
    }

    /// When each row that is given was taken, what it covers and its requests; and what was wrong.
    fn given(name: &'static str, header: &str, rows: &[&str]) -> (Vec<(f64, f64, f64)>, Vec<String>) {
        let directory = tempfile::TempDir::new().unwrap();
        let text = [&[header], rows].concat().join("\n");
        std::fs::write(directory.path().join(name), text + "\n").unwrap();
        let table = Table { name, texts: &[], figures: &[Figure::Requests], ..TARGET };
        let mut given = Vec::new();
        let wrong = read(directory.path(), &table, &|_| (), |row| {
            given.push((row.elapsed_s, row.interval_s, row.numbers[0]));
        });
        (given, wrong)
    }

    const HEADER: &str = "epoch_ms,elapsed_s,interval_s,requests_total";

    #[test]
    fn an_impossible_time_costs_its_own_row() {
        for (elapsed_s, sentence) in [
            ("1e300", "1 row of a.csv can't be read, line 4: it is left out"),
            ("99999", "elapsed_s jumps in a.csv, from 1 to 99999: 1 row is left out"),
            ("0.5", "elapsed_s jumps in a.csv, from 1 to 0.5: 1 row is left out"),
        ] {
            let (wrong_row, last) = (format!(",{elapsed_s},1.0,2"), "0,3.0,1.0,3");
            let (rows, wrong) = given("a.csv", HEADER, &["0,0.0,,0", "0,1.0,1.0,1", &wrong_row, last]);
            assert_eq!(rows, [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (3.0, 1.0, 3.0)], "{elapsed_s}");
            assert_eq!(wrong, [sentence]);
        }
        // As the first row, and as the last.
        let (rows, _) = given("a.csv", HEADER, &["0,99999,,0", "0,1.0,1.0,1", "0,2.0,1.0,1", "0,99999,1.0,4"]);
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1.0, 2.0]);
    }

    #[test]
    fn a_gap_in_which_no_rows_were_written_is_one() {
        let (rows, wrong) =
            given("a.csv", HEADER, &["0,1.0,,0", "0,500.0,1.0,1", "0,501.0,1.0,2", "0,501.0,1.0,3"]);
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1.0, 500.0, 501.0, 501.0]);
        assert_eq!(wrong, [""; 0]);
        // All that is left of a run.
        assert_eq!(given("a.csv", HEADER, &["0,500.0,1.0,7"]).0, [(500.0, 1.0, 7.0)]);
    }

    #[test]
    fn a_row_without_an_interval_covers_the_time_since_the_tick_before() {
        let rows = ["0.5,1", "1.5,2", "1.5,3", "3.0,4"];
        let (rows, wrong) = given("a.csv", "elapsed_s,requests_total", &rows);
        assert_eq!(rows, [(0.5, 0.0, 1.0), (1.5, 1.0, 2.0), (1.5, 1.0, 3.0), (3.0, 1.5, 4.0)]);
        let sentence = "a.csv lacks interval_s: each row counts for the time since the one before";
        assert!(wrong.contains(&sentence.to_owned()), "{wrong:?}");
    }

    #[test]
    fn what_no_run_counts_is_unknown() {
        let (rows, wrong) =
            given("a.csv", HEADER, &["0,0.0,,1e308", "0,1.0,1.0,-3", "0,2.0,1.0,inf", "0,3.0,1.0,5"]);
        assert_eq!(rows.iter().filter(|row| row.2.is_nan()).count(), 3);
        assert_eq!(wrong, ["3 cells of a.csv are no possible numbers: they count as unknown"]);
    }
}
