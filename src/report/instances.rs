//! The table of instances, where a report is about several.

use super::table::{NONE, Table, numbers, shown, words};
use crate::recording::{Figure, Instance, Recording};
use crate::units::shown::{bytes, clock, number, percent};

pub fn table(run: &Recording) -> Table {
    let last = |instance: &Instance, figure| instance.series.whole(figure).last();
    let all: f64 = run.instances.iter().filter_map(|instance| last(instance, Figure::Requests)).sum();
    let rows = run.instances.iter().map(|instance| {
        let requests = last(instance, Figure::Requests);
        let directory = instance.directory.file_name();
        vec![
            instance.name.clone(),
            directory.map_or_else(|| NONE.to_owned(), |name| name.to_string_lossy().into_owned()),
            instance.arrangement.clone(),
            clock(instance.from_s),
            clock(instance.to_s),
            if instance.gap.is_some() { "not in order".to_owned() } else { "in order".to_owned() },
            shown(requests, number),
            shown(requests.filter(|_| all > 0.0).map(|requests| requests / all * 100.0), percent),
            shown(last(instance, Figure::Errors), number),
            shown(last(instance, Figure::Lost), number),
            shown(last(instance, Figure::Accepts), number),
            shown(instance.series.whole(Figure::LatencyMax).most(), crate::units::shown::microseconds),
            shown(instance.series.whole(Figure::Cpu).mean(), percent),
            shown(instance.series.whole(Figure::Quota).most(), percent),
            shown(instance.series.whole(Figure::Rss).most(), bytes),
        ]
    });
    Table {
        name: "instances",
        title: "Instances",
        columns: vec![
            words("instance"),
            words("run"),
            words("arrangement"),
            numbers("from"),
            numbers("to"),
            words("ended"),
            numbers("requests"),
            numbers("share"),
            numbers("errors"),
            numbers("lost"),
            numbers("connections taken"),
            numbers("latency max"),
            numbers("CPU, mean"),
            numbers("CPU of its quota, most"),
            numbers("memory, most"),
        ],
        rows: rows.collect(),
        note: run
            .clocks
            .as_ref()
            .map(|clocks| format!("Clocks: {clocks}. Counters here are those of the last row of each.")),
        is_long: false,
    }
}
