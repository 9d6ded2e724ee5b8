//! Which resource was used up first, and when: of each that is watched, its utilisation over time (as in Gregg's USE method:
//! utilisation, saturation, errors). Saturated is what stays at its limit for three rows and a second.

use super::sustained::{Sustained, first, first_of};
use super::{Certainty, Finding, Rule, Weight};
use crate::recording::{Cell, Figure, Recording, Series};
use crate::units::shown::{clock, percent, span};

/// Of a core, of all cores, of a quota: what the kernel's own accounting leaves of 100 %.
const BUSY_PCT: f64 = 95.0;

/// Of memory and descriptors.
const FULL_PCT: f64 = 95.0;

/// A resource with a limit.
struct Resource {
    name: String,
    /// In per cent of its limit.
    saturated: Option<Sustained>,
    /// The most that it was used in any row, in per cent.
    peak: Option<f64>,
    unknown: &'static str,
}

impl Resource {
    fn new(name: &str, series: &Series, figure: Figure, limit: f64, unknown: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            saturated: first(series, figure, |value| value >= limit),
            peak: series.whole(figure).most(),
            unknown,
        }
    }

    /// One figure over another.
    fn share(name: &str, series: &Series, (part, whole): (Figure, Figure), unknown: &'static str) -> Self {
        let wholes = series.of(whole).map(|(_, whole)| whole);
        let shares: Vec<_> = series
            .of(part)
            .zip(wholes)
            .map(|((stretch, part), whole)| {
                let share = part.mean().zip(whole.mean()).map_or(f64::NAN, |(part, whole)| part / whole * 100.0);
                (stretch, Cell::of(share, stretch.seconds()))
            })
            .collect();
        let peak = shares.iter().filter_map(|(_, cell)| cell.most()).reduce(f64::max);
        let saturated = first_of(shares.into_iter(), |share| share >= FULL_PCT);
        Self { name: name.to_owned(), saturated, peak, unknown }
    }
}

pub fn find(run: &Recording) -> Vec<Finding> {
    let had_load = run.target.whole(Figure::Rps).most().is_some_and(|rps| rps > 0.0);
    if !had_load {
        return Vec::new();
    }
    let resources = resources(run);
    let mut saturated: Vec<(&Resource, &Sustained)> =
        resources.iter().filter_map(|resource| Some((resource, resource.saturated.as_ref()?))).collect();
    saturated.sort_by(|(_, one), (_, other)| one.from_s.total_cmp(&other.from_s));
    let Some(((first, found), later)) = saturated.split_first() else {
        return nothing_saturated(&resources).into_iter().collect();
    };
    let mut proof = vec![
        ("mean while it was".to_owned(), percent(found.cell.mean().unwrap_or(f64::NAN))),
        (
            "for how long then, and in all".to_owned(),
            format!("{}, {}", span(found.to_s - found.from_s), span(found.seconds)),
        ),
    ];
    let host = (run.target.whole(Figure::HostCpu).mean(), run.target.whole(Figure::CpuOfHost).mean());
    if let (Some(all), Some(own)) = host {
        proof.push((
            "CPU of the machine, of it the target's".to_owned(),
            format!("{}, {}", percent(all), percent(own)),
        ));
    }
    for (resource, later) in later {
        proof.push((format!("{}, later", resource.name), format!("from {}", clock(later.from_s))));
    }
    vec![Finding {
        rule: Rule::Saturation,
        weight: Weight::Limit,
        sentence: format!("{} saturated first, at {}.", first.name, clock(found.from_s)),
        evidence: proof,
        at: Some((found.from_s, found.to_s)),
        certainty: Certainty::Likely,
        unknown: first.unknown,
    }]
}

fn resources(run: &Recording) -> Vec<Resource> {
    let target = &run.target;
    let mut resources: Vec<Resource> = busiest_worker(run).into_iter().collect();
    resources.extend([
        Resource::new(
            "The machine's CPU",
            target,
            Figure::HostCpu,
            BUSY_PCT,
            "who would have needed more: the target, the load generator or others, where they share the machine",
        ),
        Resource::new(
            "The control group's CPU quota",
            target,
            Figure::Quota,
            BUSY_PCT,
            "how much more the target would have done without it",
        ),
        Resource::new(
            "The machine's memory",
            target,
            Figure::HostMemory,
            FULL_PCT,
            "whose memory it is; page cache that can be given back is not counted as used",
        ),
        Resource::share(
            "The control group's memory",
            target,
            (Figure::GroupMemory, Figure::GroupMemoryLimit),
            "how much of it is page cache, which can be given back",
        ),
        Resource::share(
            "The accept queue",
            target,
            (Figure::AcceptQueue, Figure::AcceptQueueLimit),
            "how full it was between two rows",
        ),
    ]);
    resources.extend(requests_in_flight(run));
    resources
}

/// An event loop can't use more than one core, however many the machine has.
fn busiest_worker(run: &Recording) -> Option<Resource> {
    const UNKNOWN: &str =
        "whether it is the event loop or the pool that computes, where both do: the CPU is the slot's";
    let of = |series: &Series| first(series, Figure::Cpu, |value| value >= BUSY_PCT);
    let peak = run.workers.iter().filter_map(|worker| worker.series.whole(Figure::Cpu).most()).reduce(f64::max);
    let busy: Vec<_> = run.workers.iter().filter_map(|worker| Some((worker, of(&worker.series)?))).collect();
    let earliest = busy.iter().min_by(|(_, one), (_, other)| one.from_s.total_cmp(&other.from_s));
    let (slots, all) = (busy.len(), run.workers.len());
    let name = match earliest {
        Some((worker, _)) if all > 1 => {
            format!("The core of worker {} ({} of {} workers came to that)", worker.slot, slots, all)
        }
        _ => "The worker's core".to_owned(),
    };
    peak?;
    Some(Resource { name, saturated: earliest.map(|(_, found)| found.clone()), peak, unknown: UNKNOWN })
}

/// Beyond it, requests are answered 503.
fn requests_in_flight(run: &Recording) -> Option<Resource> {
    let limit = run.about.number("/config/max_inflight")? * run.about.number("/config/workers")?;
    let cells: Vec<_> = run
        .target
        .of(Figure::InFlight)
        .map(|(stretch, cell)| {
            (stretch, Cell::of(cell.mean().map_or(f64::NAN, |mean| mean / limit * 100.0), stretch.seconds()))
        })
        .collect();
    let peak = run.target.whole(Figure::InFlight).most().map(|most| most / limit * 100.0);
    let saturated = first_of(cells.into_iter(), |share| share >= FULL_PCT);
    let name = "The room for requests in flight (--max-inflight)".to_owned();
    Some(Resource { name, saturated, peak, unknown: "which worker's: the limit is each worker's own" })
}

fn nothing_saturated(resources: &[Resource]) -> Option<Finding> {
    let peaks: Vec<(String, String)> =
        resources.iter().filter_map(|resource| Some((resource.name.clone(), percent(resource.peak?)))).collect();
    (!peaks.is_empty()).then(|| Finding {
        rule: Rule::Saturation,
        weight: Weight::Sound,
        sentence: "Nothing that is watched here was used up: the target could have done more.".to_owned(),
        evidence: peaks.into_iter().map(|(name, peak)| (format!("{name}, most in a row"), peak)).collect(),
        at: None,
        certainty: Certainty::Likely,
        unknown: "the network, disks and the load generator; and what a profile's steps wait for by themselves",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{run, worker};

    const LOAD: &[f64] = &[10.0; 6];

    #[test]
    fn the_earliest_is_first_and_the_others_are_named() {
        let mut run = run(&[
            (Figure::Rps, LOAD),
            (Figure::HostCpu, &[50.0, 60.0, 70.0, 99.0, 99.0, 99.0]),
            (Figure::CpuOfHost, &[25.0, 30.0, 48.0, 48.0, 48.0, 48.0]),
        ]);
        run.workers = vec![
            worker(0, &[(Figure::Cpu, &[50.0; 6])]),
            worker(1, &[(Figure::Cpu, &[40.0, 97.0, 99.0, 98.0, 98.0, 98.0])]),
        ];
        let found = find(&run);
        assert_eq!(
            found[0].sentence,
            "The core of worker 1 (1 of 2 workers came to that) saturated first, at 0:01."
        );
        assert_eq!(
            found[0].evidence.last().unwrap(),
            &("The machine's CPU, later".to_owned(), "from 0:03".to_owned())
        );
    }

    #[test]
    fn nothing_saturated_is_said_with_what_is_known_and_nothing_without() {
        let found = find(&run(&[(Figure::Rps, LOAD), (Figure::HostCpu, &[50.0, 100.0, 10.0, 1.0, 1.0, 1.0])]));
        assert_eq!((found[0].weight, found[0].evidence.len()), (Weight::Sound, 1));
        assert!(find(&run(&[(Figure::Rps, LOAD)])).is_empty(), "an empty cell is no evidence");
        assert!(find(&run(&[(Figure::HostCpu, &[99.0; 6])])).is_empty(), "nobody asked for anything");
    }

    #[test]
    fn shares_of_a_limit_need_both() {
        let columns: &[(Figure, &[f64])] =
            &[(Figure::Rps, LOAD), (Figure::GroupMemory, &[97.0; 6]), (Figure::GroupMemoryLimit, &[100.0; 6])];
        assert!(find(&run(columns))[0].sentence.starts_with("The control group's memory saturated first"));
        assert!(find(&run(&columns[..2])).is_empty());
    }
}
