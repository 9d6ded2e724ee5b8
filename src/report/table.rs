//! A table, whatever it is written as.

/// Rows under a title.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// A word for links to it.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The names of its columns.
    pub columns: Vec<Column>,
    /// Its cells.
    pub rows: Vec<Vec<String>>,
    /// What is to be known about it.
    pub note: Option<String>,
    /// Whether it is long, and for whoever looks something up.
    pub is_long: bool,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Whether its cells are numbers.
    pub is_number: bool,
}

/// A column of words.
pub const fn words(name: &'static str) -> Column {
    Column { name, is_number: false }
}

/// A column of numbers.
pub const fn numbers(name: &'static str) -> Column {
    Column { name, is_number: true }
}

/// An unknown.
pub const NONE: &str = "–";

/// A cell that may be unknown.
pub fn shown(value: Option<f64>, how: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), how)
}
