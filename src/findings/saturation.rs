//! Which resource was used up first, and when. Saturated is what stays at its limit, while there is load, for three rows
//! and a second, or for three seconds where a row is the mean of its time.

use super::more_cpu;
use super::resources::{Resource, resources};
use super::{Certainty, Finding, Rule, Weight};
use crate::recording::{Figure, Recording, Stay};
use crate::units::shown::{clock, percent, span};

pub fn find(run: &Recording) -> Vec<Finding> {
    let resources = resources(run);
    let mut saturated: Vec<(&Resource<'_>, Stay)> =
        resources.iter().filter_map(|resource| Some((resource, resource.saturated?))).collect();
    saturated.sort_by(|(_, one), (_, other)| one.from_s.total_cmp(&other.from_s));
    let Some(((first, stay), later)) = saturated.split_first() else { return Vec::new() };
    let mut proof = vec![
        ("mean while it was".to_owned(), percent(stay.share.mean().unwrap_or(f64::NAN))),
        (
            "for how long then, and in all".to_owned(),
            format!("{}, {}", span(stay.to_s - stay.from_s), span(stay.seconds)),
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
    // Where the loop was not first it is worth a sentence all the same: it says whom the lack of the other one hit.
    let of_loops = saturated.iter().find_map(|(resource, stay)| Some((resource, stay, resource.loop_of?)));
    let loops = of_loops.map_or_else(String::new, |(resource, of_loop, worker)| {
        let follows = if resource.name == first.name {
            String::new()
        } else {
            format!(" {} followed at {}.", resource.name, clock(of_loop.from_s))
        };
        follows + &more_cpu::sentences(run, worker, of_loop)
    });
    vec![Finding {
        rule: Rule::Saturation,
        weight: Weight::Limit,
        sentence: format!("{} saturated first, at {}.{loops}", first.name, clock(stay.from_s)),
        evidence: proof,
        at: Some((stay.from_s, stay.to_s)),
        certainty: Certainty::Likely,
        unknown: first.unknown,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{run, worker, worker_with_room_for};

    const LOAD: &[f64] = &[10.0; 6];

    #[test]
    fn the_earliest_is_first_and_the_others_are_named() {
        let mut run = run(&[
            (Figure::Rps, LOAD),
            (Figure::HostCpu, &[50.0, 60.0, 70.0, 99.0, 99.0, 99.0]),
            (Figure::CpuOfHost, &[25.0, 30.0, 48.0, 48.0, 48.0, 48.0]),
        ]);
        run.workers = vec![
            worker(0, &[(Figure::Rps, LOAD), (Figure::Cpu, &[50.0; 6])]),
            worker(1, &[(Figure::Rps, LOAD), (Figure::Cpu, &[40.0, 97.0, 99.0, 98.0, 98.0, 98.0])]),
        ];
        let found = find(&run);
        assert_eq!(
            found[0].sentence,
            "The core of worker 1 (1 of 2 workers came to that) saturated first, at 0:00."
        );
        assert_eq!(
            found[0].evidence.last().unwrap(),
            &("The machine's CPU, later".to_owned(), "from 0:02".to_owned())
        );
    }

    #[test]
    fn nothing_is_used_up_while_nobody_asks() {
        assert!(find(&run(&[(Figure::HostCpu, &[99.0; 6])])).is_empty());
        let rps = [0.0, 0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0];
        let busy = [99.0, 99.0, 99.0, 99.0, 99.0, 30.0, 30.0, 30.0];
        assert!(find(&run(&[(Figure::Rps, &rps), (Figure::HostCpu, &busy)])).is_empty());
    }

    #[test]
    fn shares_of_a_limit_need_both() {
        let columns: &[(Figure, &[f64])] =
            &[(Figure::Rps, LOAD), (Figure::GroupMemory, &[97.0; 6]), (Figure::GroupMemoryLimit, &[100.0; 6])];
        assert!(find(&run(columns))[0].sentence.starts_with("The control group's memory saturated first"));
        assert!(find(&run(&columns[..2])).is_empty());
    }

    #[test]
    fn the_room_for_requests_is_each_worker_s_own() {
        let mut run = run(&[(Figure::Rps, LOAD), (Figure::InFlight, &[4.0; 6])]);
        run.workers = vec![
            worker_with_room_for(3.0, 0, &[(Figure::Rps, LOAD), (Figure::InFlight, &[3.0; 6])]),
            worker_with_room_for(3.0, 1, &[(Figure::Rps, LOAD), (Figure::InFlight, &[1.0; 6])]),
        ];
        let found = find(&run);
        let wanted = "The room for requests in flight (--max-inflight) of worker 0 (1 of 2 workers came to that)";
        assert!(found[0].sentence.starts_with(wanted), "{found:?}");
    }

    #[test]
    fn a_queue_that_fills_while_nobody_accepts_is_seen() {
        let columns: &[(Figure, &[f64])] = &[
            (Figure::Rps, &[9.0, 0.0, 0.0, 0.0, 0.0]),
            (Figure::AcceptQueue, &[0.0, 4_097.0, 4_097.0, 4_097.0, 4_097.0]),
            (Figure::AcceptQueueLimit, &[4_096.0; 5]),
        ];
        assert!(find(&run(columns))[0].sentence.starts_with("The accept queue saturated first, at 0:00"));
    }
}
