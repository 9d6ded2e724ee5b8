//! What was wrong with a file's rows and cells, counted, and told in sentences.

use std::fmt;

use crate::units::shown::count;

/// What to say of a file without a whole line.
pub fn without_lines(name: &str, is_torn: bool) -> String {
    if is_torn { format!("{name} is cut off in its first line") } else { format!("{name} is empty") }
}

/// What was wrong.
#[derive(Debug, Default)]
pub struct Damage {
    /// How many rows were right.
    pub rows: u64,
    is_torn: bool,
    unreadable: u64,
    first_unreadable: u64,
    jumped: u64,
    first_jump: (f64, f64),
    no_numbers: u64,
}

impl Damage {
    /// Nothing yet, but that the last line may have no end.
    pub fn of_file(is_torn: bool) -> Self {
        Self { is_torn, ..Self::default() }
    }

    /// A row that can't be read, in this line.
    pub fn unreadable(&mut self, line: u64) {
        self.unreadable += 1;
        if self.unreadable == 1 {
            self.first_unreadable = line;
        }
    }

    /// A row whose time does not follow from the one before.
    pub fn jumped(&mut self, from_s: f64, to_s: f64) {
        self.jumped += 1;
        if self.jumped == 1 {
            self.first_jump = (from_s, to_s);
        }
    }

    /// A cell that is no number, which is nothing wrong when it is empty.
    pub fn no_number(&mut self, cell: &[u8]) -> f64 {
        self.no_numbers += u64::from(!cell.is_empty());
        f64::NAN
    }

    /// All of it.
    pub fn sentences(self, name: &str, may_be_empty: bool) -> Vec<String> {
        let Self { rows, is_torn, unreadable, first_unreadable, jumped, first_jump, no_numbers } = self;
        let mut said = Vec::new();
        if rows == 0 && unreadable + jumped > 0 {
            said.push(format!("{name} has no row that can be read"));
        } else if rows == 0 && !may_be_empty {
            said.push(format!("{name} has no rows"));
        }
        said.extend(torn(name, is_torn));
        if unreadable > 0 {
            let rows = Many(unreadable, "row");
            let (first, are) = (rows.first(), rows.they_are());
            said.push(format!("{rows} of {name} can't be read, {first}line {first_unreadable}: {are} left out"));
        }
        if jumped > 0 {
            let (rows, (from_s, to_s)) = (Many(jumped, "row"), first_jump);
            let (first, are) = (rows.first(), rows.are());
            said.push(format!("elapsed_s jumps in {name}, {first}from {from_s} to {to_s}: {rows} {are} left out"));
        }
        if no_numbers > 0 {
            let (cells, number) = (
                Many(no_numbers, "cell"),
                if no_numbers == 1 { "number: it counts" } else { "numbers: they count" },
            );
            said.push(format!("{cells} of {name} {} no possible {number} as unknown", cells.are()));
        }
        said
    }
}

/// A sentence about a last line that has no end.
pub fn torn(name: &str, is_torn: bool) -> Option<String> {
    is_torn.then(|| {
        format!("the last line of {name} has no end: its writer was killed, or still writes; it is left out")
    })
}

/// So many of a thing: `1 row`, `8 rows`.
#[derive(Clone, Copy, Debug)]
pub struct Many(pub u64, pub &'static str);

impl Many {
    /// What goes on from them.
    pub fn are(self) -> &'static str {
        if self.0 == 1 { "is" } else { "are" }
    }

    /// The same as a clause of its own.
    pub fn they_are(self) -> &'static str {
        if self.0 == 1 { "it is" } else { "they are" }
    }

    /// Before the place of one of several.
    fn first(self) -> &'static str {
        if self.0 == 1 { "" } else { "first " }
    }
}

impl fmt::Display for Many {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, what) = *self;
        write!(formatter, "{} {what}{}", count(number), if number == 1 { "" } else { "s" })
    }
}
