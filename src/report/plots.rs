//! What the plots draw, as JSON: numbers of four digits, `null` where unknown.

use serde_json::{Map, Value, json};

use crate::recording::{Cell, Figure, Recording};

/// What is drawn, each as its column in `resources.csv` is called.
const DRAWN: [Figure; 20] = [
    Figure::Rps,
    Figure::LatencyP50,
    Figure::LatencyP95,
    Figure::LatencyP99,
    Figure::LatencyMax,
    Figure::ServiceP50,
    Figure::ServiceP95,
    Figure::ServiceP99,
    Figure::ServiceMax,
    Figure::QueueP99,
    Figure::CpuOfHost,
    Figure::HostCpu,
    Figure::Rss,
    Figure::Pss,
    Figure::InFlight,
    Figure::Connections,
    Figure::AcceptQueue,
    Figure::Unread,
    Figure::LoopLagUs,
    Figure::Steal,
];

/// Of a run.
pub fn data(run: &Recording) -> Value {
    let is_merged = run.target.rows_in_a_stretch() > 1;
    let mut lines = Map::new();
    for figure in DRAWN {
        let of = |which: fn(&Cell) -> Option<f64>| -> Vec<Value> {
            run.target.of(figure).map(|(_, cell)| rounded(which(&cell))).collect()
        };
        let mut line = Map::from_iter([("mean".to_owned(), of(Cell::mean).into())]);
        if is_merged {
            line.insert("least".to_owned(), of(Cell::least).into());
            line.insert("most".to_owned(), of(Cell::most).into());
        }
        lines.insert(figure.name().to_owned(), line.into());
    }
    let errors = run.target.stretches().iter().zip(run.target.gains(Figure::Errors)).map(|(stretch, gain)| {
        let seconds = stretch.seconds();
        rounded(gain.filter(|_| seconds > 0.0).map(|gain| gain / seconds))
    });
    lines.insert("errors_per_s".to_owned(), json!({ "mean": errors.collect::<Vec<_>>() }));
    let end_s = run.seconds();
    let deaths = run.events.iter().filter(|event| event.kind.is_death());
    json!({
        "seconds": end_s,
        "is_merged": is_merged,
        "t": run.target.stretches().iter().map(|stretch| milliseconds(stretch.to_s)).collect::<Vec<_>>(),
        "lines": lines,
        "phases": run.phases.iter().map(|phase| json!({ "name": phase.name, "from": milliseconds(phase.from_s), "to": milliseconds(phase.to_s) })).collect::<Vec<_>>(),
        "faults": run.faulty.iter().map(|faulty| json!({
            "plans": faulty.plans,
            "from": milliseconds(faulty.from_s),
            "to": milliseconds(faulty.to_s),
            "throughout": faulty.is_open_throughout,
            "open": faulty.open.iter().map(|open| json!({ "plan": open.plan, "from": milliseconds(open.from_s), "to": milliseconds(open.to_s) })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "deaths": deaths.take(1_000).map(|death| json!({ "worker": death.worker(), "at": milliseconds(death.elapsed_s) })).collect::<Vec<_>>(),
    })
}

/// Seconds, to the millisecond.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// Four significant digits: more than a plot has pixels.
fn rounded(value: Option<f64>) -> Value {
    let Some(value) = value else { return Value::Null };
    if value == 0.0 {
        return 0.into();
    }
    #[allow(clippy::cast_possible_truncation)]
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits);
    let value = (value * scale).round() / scale;
    #[allow(clippy::cast_possible_truncation)]
    if value.fract() == 0.0 && value.abs() < 1e15 { (value as i64).into() } else { value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept() {
        let shown = [Some(1_234_567.0), Some(0.012_345), Some(99.996), Some(0.0), None]
            .map(|value| rounded(value).to_string());
        assert_eq!(shown, ["1235000", "0.01235", "100", "0", "null"]);
    }
}
