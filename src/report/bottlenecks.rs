//! The table of bottlenecks: in each phase with load, the resource that was nearest to its limit, and whether it was used up.

use super::table::{Table, numbers, words};
use crate::recording::{FULL_PCT, Level, Phase, Recording, Series, has_load};
use crate::units::shown::percent;

/// What stays at its limit for this share of the time under load is used up.
const MOSTLY: f64 = 0.5;

pub fn table(run: &Recording) -> Table {
    let rows = run.phases.iter().filter_map(|phase| {
        let nearest = uses(run, phase).into_iter().max_by(|one, other| one.mean_pct.total_cmp(&other.mean_pct))?;
        let Use { name, mean_pct, full } = nearest;
        let verdict =
            if full >= MOSTLY { "it was the bottleneck" } else { "nothing was used up: the clients set the rate" };
        Some(vec![phase.name.clone(), name, percent(mean_pct), percent(full * 100.0), verdict.to_owned()])
    });
    Table {
        name: "bottlenecks",
        title: "Bottlenecks",
        columns: vec![
            words("phase"),
            words("nearest to its limit"),
            numbers("used, mean"),
            numbers("of the time at its limit"),
            words("so"),
        ],
        rows: rows.collect(),
        note: Some(format!(
            "While there was load: event loops and rooms for requests in flight of the workers, the machine's CPU, the CPU quota, the \
             accept queue and the database connections. At its limit is {} and more.",
            percent(FULL_PCT)
        )),
        is_long: false,
    }
}

/// How much of a resource was used in a phase.
struct Use {
    name: String,
    mean_pct: f64,
    /// The share of the time for which it was at its limit.
    full: f64,
}

fn uses(run: &Recording, phase: &Phase) -> Vec<Use> {
    let several = run.workers.len() > 1;
    let room = run.about.number("/config/max_inflight");
    let of_workers = run.workers.iter().flat_map(|worker| {
        let whose = if several { format!(" of worker {}", worker.slot) } else { " of the worker".to_owned() };
        let levels = Level::of_a_worker(room).into_iter();
        levels.filter_map(move |level| Use::of(&worker.series, phase, &level, &whose))
    });
    let connections = run.about.number("/database/connections").map(Level::of_connections);
    let of_target = Level::OF_THE_TARGET.iter().copied().chain(connections);
    of_workers.chain(of_target.filter_map(|level| Use::of(&run.target, phase, &level, ""))).collect()
}

impl Use {
    /// `None` for what is no resource, where it is unknown, or where there was no load.
    fn of(series: &Series, phase: &Phase, level: &Level, whose: &str) -> Option<Self> {
        let name = format!("{}{whose}", level.resource()?);
        let rows = series.stretches().iter().enumerate().filter(|(number, stretch)| {
            let most = |figure| series.cell(*number, figure).most().unwrap_or(f64::NAN);
            stretch.seconds() > 0.0 && stretch.is_within(phase.period()) && has_load(&most)
        });
        let shares = rows.filter_map(|(number, stretch)| {
            let share = level.share(&|figure| series.cell(number, figure).mean().unwrap_or(f64::NAN));
            share.is_finite().then_some((stretch.seconds(), share))
        });
        let (seconds, used, full) = shares.fold((0.0, 0.0, 0.0), |(seconds, used, full), (row_s, share)| {
            (seconds + row_s, used + share * row_s, full + if share >= FULL_PCT { row_s } else { 0.0 })
        });
        (seconds > 0.0).then(|| Self { name, mean_pct: used / seconds, full: full / seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{run, worker};
    use crate::recording::{About, Figure};

    #[test]
    fn each_phase_has_what_was_nearest_to_its_limit() {
        let rps = [0.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 0.0, 0.0];
        let columns: &[(Figure, &[f64])] = &[
            (Figure::Rps, &rps),
            (Figure::HostCpu, &[10.0, 40.0, 50.0, 60.0, 60.0, 60.0, 60.0, 99.0, 99.0]),
            (Figure::DbInUse, &[0.0, 1.0, 1.0, 1.0, 1.0, 10.0, 10.0, 0.0, 0.0]),
        ];
        let mut run = run(columns);
        run.about = About::of(serde_json::json!({ "database": { "connections": 10 } }));
        let busy = [0.0, 20.0, 20.0, 99.0, 97.0, 30.0, 30.0, 0.0, 0.0];
        run.workers = vec![
            worker(0, &[(Figure::Rps, &rps), (Figure::LoopBusy, &[5.0; 9])]),
            worker(1, &[(Figure::Rps, &rps), (Figure::LoopBusy, &busy)]),
        ];
        let phase = |name: &str, from_s, to_s| Phase { name: name.to_owned(), from_s, to_s, ..Phase::default() };
        run.phases = vec![phase("a", 0.0, 2.0), phase("b", 2.0, 4.0), phase("c", 4.0, 6.0), phase("end", 6.0, 8.0)];
        let rows: Vec<String> = table(&run).rows.iter().map(|row| row.join(" | ")).collect();
        assert_eq!(
            rows,
            [
                "a | CPU of the machine | 45 % | 0 % | nothing was used up: the clients set the rate",
                "b | event loop of worker 1 | 98 % | 100 % | it was the bottleneck",
                "c | database connections (--db-pool) | 100 % | 100 % | it was the bottleneck",
            ]
        );
    }
}
