//! Lines as small as a word, which stand in a table: requests/s of each worker and each route over the run.

use crate::recording::{Cell, Figure, Recording, Series};

/// More than a small line has room for.
const POINTS: usize = 120;

/// A line: when, and how much; nothing where it is unknown.
pub type Spark = Vec<(f64, Option<f64>)>;

/// The lines of a table, all on one scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sparks {
    /// The table's name.
    pub table: &'static str,
    /// By the first cell of a row.
    pub lines: Vec<(String, Spark)>,
    /// How long the run was.
    pub seconds: f64,
    /// The most in any of them.
    pub most: f64,
}

impl Sparks {
    fn new(table: &'static str, seconds: f64, lines: Vec<(String, Spark)>) -> Self {
        let values = lines.iter().flat_map(|(_, line)| line).filter_map(|(_, value)| *value);
        let most = values.fold(0.0, f64::max);
        Self { table, lines, seconds, most }
    }

    /// That of a row.
    #[must_use]
    pub fn of(&self, first_cell: &str) -> Option<&Spark> {
        self.lines.iter().find(|(name, _)| name == first_cell).map(|(_, line)| line)
    }
}

/// Of a run.
pub fn of(run: &Recording) -> [Sparks; 2] {
    let seconds = run.seconds();
    let workers = run.workers.iter().map(|worker| (worker.slot.clone(), line(&worker.series)));
    let routes = run.routes.iter().map(|route| {
        let name = format!("{} {}", route.method, route.path);
        (name.trim_start().to_owned(), line(&route.series))
    });
    [Sparks::new("workers", seconds, workers.collect()), Sparks::new("routes", seconds, routes.collect())]
}

fn line(series: &Series) -> Spark {
    let cells: Vec<(f64, Cell)> = series.of(Figure::Rps).map(|(stretch, cell)| (stretch.to_s, cell)).collect();
    let merged = cells.chunks(cells.len().div_ceil(POINTS).max(1)).filter_map(|chunk| {
        let (to_s, _) = *chunk.last()?;
        Some((to_s, chunk.iter().fold(Cell::default(), |sum, (_, cell)| sum.and(*cell)).mean()))
    });
    merged.collect()
}
