//! The table of peaks: the most that a figure was in any row, and when that was.

use super::table::{NONE, Table, numbers, words};
use crate::recording::{Figure, Phase, Recording};
use crate::units::shown::{bytes, clock, microseconds, number, percent};

type Shown = fn(f64) -> String;

/// What has a peak, what it is called, and how it is shown.
const PEAKS: [(Figure, &str, Shown); 7] = [
    (Figure::Cpu, "CPU", percent),
    (Figure::HostCpu, "CPU of the machine", percent),
    (Figure::Rss, "memory", bytes),
    (Figure::Rps, "requests/s", number),
    (Figure::InFlight, "in flight", number),
    (Figure::Connections, "connections", number),
    (Figure::LatencyMax, "latency", microseconds),
];

pub fn table(run: &Recording) -> Table {
    let rows = PEAKS.iter().filter_map(|(figure, name, shown)| {
        let cells = run.target.of(*figure).filter_map(|(stretch, cell)| Some((stretch, cell.most()?)));
        // The first of several that are alike.
        let (stretch, most) = cells.reduce(|peak, next| if next.1 > peak.1 { next } else { peak })?;
        let phase = Phase::at(&run.phases, stretch.middle_s()).map_or(NONE, |place| &run.phases[place].name);
        Some(vec![(*name).to_owned(), shown(most), clock(stretch.from_s), clock(stretch.to_s), phase.to_owned()])
    });
    Table {
        name: "peaks",
        title: "Peaks",
        columns: vec![words("what"), numbers("most"), numbers("from"), numbers("to"), words("phase")],
        rows: rows.collect(),
        note: Some("The row with the most of each, the first of them; memory, in flight and connections were read at its end.".to_owned()),
        is_long: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Series, When};

    #[test]
    fn each_peak_has_its_time_and_its_phase() {
        let mut target = Series::new(&[Figure::Cpu, Figure::Rss], 100);
        for (second, row) in [[f64::NAN, 5e3], [10.0, 9e3], [90.0, 1e3], [90.0, 1e3]].iter().enumerate() {
            #[allow(clippy::cast_precision_loss)]
            let elapsed_s = second as f64;
            target.push(When { elapsed_s, interval_s: elapsed_s.min(1.0), phase: 0 }, row);
        }
        let phase = |name: &str, from_s| Phase { name: name.to_owned(), from_s, ..Phase::default() };
        let run = Recording { target, phases: vec![phase("a", 0.0), phase("b", 1.0)], ..Recording::default() };
        let rows: Vec<String> = table(&run).rows.iter().map(|row| row.join(" | ")).collect();
        assert_eq!(rows, ["CPU | 90 % | 0:01 | 0:02 | b", "memory | 8.79 KiB | 0:00 | 0:01 | a"]);
    }
}
