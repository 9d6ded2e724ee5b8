//! The tables of a comparison for programs: `pairs.csv` with what was measured, `results.csv` with what it came to.

use csv::Writer;

use super::Results;
use crate::comparison::{Arm, ROWS};

impl Results<'_> {
    /// A row a pair and arm.
    pub(super) fn pairs_csv(&self) -> Result<String, String> {
        let mut records = vec![["pair", "arm", "ran", "run"].map(str::to_owned).to_vec()];
        records[0].extend(ROWS.iter().map(|row| row.name.to_owned()));
        for (number, round) in self.rounds.iter().enumerate() {
            for arm in Arm::BOTH {
                let measured = &round.arms[arm as usize];
                let ran = if round.first == arm { "first" } else { "second" };
                let start = [(number + 1).to_string(), arm.name().to_owned(), ran.to_owned(), measured.run.clone()];
                records.push(
                    start.into_iter().chain(ROWS.iter().map(|row| cell((row.of)(&measured.figures)))).collect(),
                );
            }
        }
        written("pairs.csv", &records)
    }

    /// A row a figure: medians of both arms as the target and as the client has them, the change, the published figures.
    pub(super) fn results_csv(&self) -> Result<String, String> {
        let header = [
            "row",
            "scale",
            "a",
            "b",
            "client_a",
            "client_b",
            "change",
            "low",
            "high",
            "published_a",
            "published_b",
        ];
        let mut records = vec![header.map(str::to_owned).to_vec()];
        for (row, change) in &self.changes {
            let [a, b] = self.medians(|arm| (row.of)(&arm.figures));
            let [client_a, client_b] = self.medians(|arm| (row.of)(&arm.client));
            let interval = change.and_then(|change| change.interval);
            let [published_a, published_b] = self.published(row);
            let figures = [
                a,
                b,
                client_a,
                client_b,
                change.map(|change| change.estimate),
                interval.map(|interval| interval.low),
                interval.map(|interval| interval.high),
                published_a,
                published_b,
            ];
            let start = [row.name.to_owned(), row.scale.name().to_owned()];
            records.push(start.into_iter().chain(figures.map(cell)).collect());
        }
        written("results.csv", &records)
    }
}

/// An unknown is an empty cell.
fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn written(name: &str, records: &[Vec<String>]) -> Result<String, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{name} can't be made: {error}");
    let mut writer = Writer::from_writer(Vec::new());
    for record in records {
        writer.write_record(record).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
