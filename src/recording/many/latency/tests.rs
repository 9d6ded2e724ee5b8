use std::fs;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use tempfile::TempDir;

use super::*;
use crate::recording::figure::Together;

const MS: u64 = 1_000_000;

/// A line as a target writes it: when its interval began and how long it was (s), its tag, and so many values (ns).
fn line((from_s, seconds): (u64, u64), tag: &str, (value_ns, count): (u64, u64)) -> String {
    let mut histogram: Histogram<u64> = Histogram::new_with_bounds(1, 1 << 36, 2).unwrap();
    histogram.record_n(value_ns, count).unwrap();
    let (mut text, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new().begin_log_with(&mut text, &mut serializer).unwrap();
    let (from, length) = (Duration::from_secs(from_s), Duration::from_secs(seconds));
    log.write_histogram(&histogram, from, length, Tag::new(tag)).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().find(|line| line.starts_with("Tag=")).unwrap().to_owned() + "\n"
}

fn latency(tick: u64, values: (u64, u64)) -> String {
    line((tick - 1, 1), "lat", values)
}

/// Instances that began so many seconds after the first, each with this text as its log; without one it has no file.
/// Returns the median and the 99th percentile of each of the first ticks of a second in whole ms, and what was wrong.
fn merged(instances: &[(u32, Option<String>)], ticks: u64) -> (Vec<Option<(f64, f64)>>, Vec<String>) {
    let place = TempDir::new().unwrap();
    let directories: Vec<_> = (0..instances.len()).map(|number| place.path().join(number.to_string())).collect();
    for (directory, (_, text)) in directories.iter().zip(instances) {
        fs::create_dir(directory).unwrap();
        if let Some(text) = text {
            fs::write(directory.join(LATENCY), format!("#[Histogram log format version 1.3]\n\"Legend\"\n{text}"))
                .unwrap();
        }
    }
    let sources: Vec<Source<'_>> = directories
        .iter()
        .zip(["a", "b", "c"])
        .zip(instances)
        .map(|((directory, name), (from_s, _))| Source { name, directory, from_s: f64::from(*from_s) })
        .collect();
    let quantiles = |latencies: &mut Latencies| {
        let of = |tick| {
            let mut numbers = [f64::NAN; 2];
            latencies.fill(tick, &[Figure::LatencyP50, Figure::LatencyP99], &mut numbers);
            let [p50, p99] = numbers.map(|us| (us / 1e3).round());
            (!p50.is_nan()).then_some((p50, p99))
        };
        (0..=ticks).map(of).collect::<Vec<_>>()
    };
    let (mut found, wrong) = beside(&sources, 1.0, &|_| {}, quantiles).unwrap();
    assert_eq!(found.remove(0), None, "before the first tick");
    (found, wrong)
}

fn both(a: &[String], b: &[String], ticks: u64) -> (Vec<Option<(f64, f64)>>, Vec<String>) {
    merged(&[(0, Some(a.concat())), (0, Some(b.concat()))], ticks)
}

#[test]
fn each_figure_that_is_a_quantile_is_told_and_no_other() {
    let told: Vec<Figure> = QUANTILES.iter().map(|(figure, ..)| *figure).collect();
    for figure in Figure::ALL {
        assert_eq!(figure.together() == Together::Quantile, told.contains(figure), "{figure:?}");
    }
    for (figure, of, _) in QUANTILES {
        assert!(figure.name().starts_with(DURATIONS[of]), "{figure:?}");
    }
}

#[test]
fn they_are_those_of_the_sum_and_no_mean() {
    let (a, b) = (latency(1, (MS, 90)), latency(1, (100 * MS, 10)));
    assert_eq!(
        both(&[a, latency(2, (2 * MS, 5))], &[b], 3),
        (vec![Some((1.0, 100.0)), Some((2.0, 2.0)), None], vec![])
    );
}

#[test]
fn an_instance_that_began_later_stands_where_it_was() {
    let (a, b) = (latency(3, (MS, 1)), latency(1, (9 * MS, 99)));
    let (found, _) = merged(&[(0, Some(a)), (2, Some(b))], 3);
    assert_eq!(found, [None, None, Some((9.0, 9.0))]);
}

#[test]
fn ticks_that_a_late_histogram_covers_are_told_together_at_its_end() {
    let late = line((1, 3), "lat", (8 * MS, 6));
    let others: Vec<String> = (1..=5).map(|tick| latency(tick, (MS, 2))).collect();
    let (found, wrong) = both(&others, &[latency(1, (MS, 1)), late, latency(5, (MS, 1))], 5);
    assert_eq!(found, [Some((1.0, 1.0)), None, None, Some((1.0, 8.0)), Some((1.0, 1.0))]);
    assert_eq!(wrong, [] as [&str; 0]);
}

#[test]
fn what_cannot_be_read_is_unknown_where_it_may_have_been_and_said() {
    let good = |ticks: &[u64]| ticks.iter().map(|tick| latency(*tick, (MS, 2))).collect::<Vec<_>>();
    let all = good(&[1, 2, 3, 4, 5, 6]);
    let damaged = [good(&[1, 2]).concat(), "garbage\n".to_owned(), good(&[4, 5, 6]).concat()];
    let (found, wrong) = both(&all, &damaged, 6);
    let known: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(known, [true, false, false, false, true, true], "it is of tick 2, 3 or 4");
    assert!(wrong.len() == 1 && wrong[0].starts_with("b: ") && wrong[0].contains(LATENCY), "{wrong:?}");
    // Of one that was killed, the last line may have no end.
    let (found, wrong) = both(&all, &[good(&[1, 2, 3]).concat(), "Tag=lat,3.000,1".to_owned()], 6);
    let known: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(known, [true, true, false, false, true, true], "it is of tick 3 or 4");
    assert!(wrong.len() == 1 && wrong[0].starts_with("b: "), "{wrong:?}");
    let (found, wrong) = merged(&[(0, Some(all.concat())), (0, None)], 6);
    assert!(found.iter().all(Option::is_none), "{found:?}");
    assert_eq!(
        wrong,
        ["b: latency.hlog is missing; quantiles of all instances over time are not told where it lacks any"]
    );
}

#[test]
fn time_that_goes_back_and_tags_of_a_newer_version_cost_nothing_else() {
    let (newer, before) = (line((1, 1), "tls", (MS, 9)), latency(1, (MS, 9)));
    let (found, wrong) = both(&[latency(2, (4 * MS, 1)), newer], &[latency(2, (4 * MS, 1))], 2);
    assert_eq!((found, wrong.len()), (vec![None, Some((4.0, 4.0))], 0));
    let (found, wrong) = both(&[latency(2, (4 * MS, 1)), before, latency(5, (MS, 1))], &[latency(6, (MS, 1))], 6);
    assert_eq!((found[5], wrong.len()), (Some((1.0, 1.0)), 1), "{found:?} {wrong:?}");
}
