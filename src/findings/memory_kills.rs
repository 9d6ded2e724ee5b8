//! Workers that the kernel killed, since the control group or the machine had no memory left. A worker that crashed, or that
//! somebody killed, is none of them.

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::event::MemoryLimit;
use crate::recording::{Event, Figure, Recording};
use crate::units::shown::{bytes, clock, float, number};

/// So many workers are named.
const NAMED: usize = 3;

/// So many kills stand in the evidence.
const TOLD: usize = 5;

pub fn find(run: &Recording) -> Vec<Finding> {
    let kills: Vec<&Event> = run.events.iter().filter(|event| event.killed_for_memory().is_some()).collect();
    let Some((first, last)) = kills.first().zip(kills.last()) else { return Vec::new() };
    let limit = first.killed_for_memory().unwrap_or(MemoryLimit::Unknown);
    let when = kills.iter().take(TOLD).map(|kill| format!("{} at {}", kill.worker(), clock(kill.elapsed_s)));
    let more = if kills.len() > TOLD { format!(" and {} more", kills.len() - TOLD) } else { String::new() };
    let most = |figure| {
        let of_instances = run.instances.iter().filter_map(|instance| instance.series.whole(figure).most());
        run.target.whole(figure).most().or_else(|| of_instances.reduce(f64::max))
    };
    vec![Finding {
        rule: Rule::MemoryKills,
        weight: Weight::Doubt,
        sentence: format!(
            "{} killed by the kernel for memory, {}.",
            slots(&kills),
            match kills.len() {
                1 => "once".to_owned(),
                2 => "twice".to_owned(),
                times => format!("{} times", number(float(times as u64))),
            }
        ),
        evidence: evidence([
            ("killed", when.collect::<Vec<_>>().join(", ") + &more),
            ("the kernel's limit", limit.to_string()),
            ("memory of the control group, most in a row", or_unknown(most(Figure::GroupMemory), bytes)),
        ]),
        at: Some((first.elapsed_s, last.elapsed_s)),
        certainty: Certainty::Certain,
        unknown: "what took the memory: other processes of the control group, page cache and the kernel's own count too",
    }]
}

/// `Worker 0 was`, `Workers 0 and 1 were`, `Workers 0, 1, 2 and 4 more were`: each once, however often it was killed.
fn slots(kills: &[&Event]) -> String {
    let mut slots: Vec<String> = Vec::new();
    for kill in kills {
        let slot = Event { generation: None, ..(*kill).clone() }.worker();
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    let named = slots.len().min(NAMED);
    match (&slots[..named], slots.len() - named) {
        ([one], 0) => format!("Worker {one} was"),
        ([others @ .., last], 0) => format!("Workers {} and {last} were", others.join(", ")),
        (named, more) => format!("Workers {} and {more} more were", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::findings::sketch::run;

    fn ended(elapsed_s: f64, slot: u64, generation: u64, text: &str) -> Event {
        Event::of_worker(elapsed_s, (slot, generation), EventKind::read("worker-ended", text, ""))
    }

    const FOR_MEMORY: &str = "signal 9: killed by the kernel for memory (limit 64MiB), 1 request lost";

    fn found(events: Vec<Event>) -> Vec<Finding> {
        find(&Recording { events, ..run(&[(Figure::GroupMemory, &[f64::NAN, 60e6, 30e6])]) })
    }

    #[test]
    fn who_was_killed_is_named_with_how_often_and_the_limit() {
        let once = found(vec![ended(1.5, 2, 1, FOR_MEMORY)]);
        assert_eq!(once[0].sentence, "Worker 2 was killed by the kernel for memory, once.");
        let values: Vec<&str> = once[0].evidence.iter().map(|(_, value)| &**value).collect();
        assert_eq!(values, ["2.1 at 0:01.5", "limit 64MiB", "57.2 MiB"]);
        let often = found((0..7).map(|kill| ended(f64::from(kill), 2, 1, FOR_MEMORY)).collect());
        assert_eq!(often[0].sentence, "Worker 2 was killed by the kernel for memory, 7 times.");
        assert!(often[0].evidence[0].1.ends_with(" and 2 more"), "{often:?}");
        assert_eq!(often[0].at, Some((0.0, 6.0)));
    }

    #[test]
    fn several_are_one_sentence() {
        let of = |slots: &[u64]| found(slots.iter().map(|slot| ended(1.0, *slot, 1, FOR_MEMORY)).collect());
        assert_eq!(of(&[1, 0, 1])[0].sentence, "Workers 1 and 0 were killed by the kernel for memory, 3 times.");
        assert!(of(&[0, 1, 2, 3, 4])[0].sentence.starts_with("Workers 0, 1, 2 and 2 more were killed"));
        let of_an_instance = Event { instance: "web-1".to_owned(), ..ended(1.0, 0, 1, FOR_MEMORY) };
        assert!(found(vec![of_an_instance])[0].sentence.starts_with("Worker web-1/0 was"));
    }

    #[test]
    fn whoever_ended_otherwise_was_not_killed_for_memory() {
        for detail in [
            "signal 9: by whom isn't known; not by the kernel for memory, 1 request lost",
            "signal 9: by whom isn't known; the control group's count of memory kills (oom_kill) can't be read, 0 requests lost",
            "signal 9: sent by the supervisor, 0 requests lost",
            "signal 11, 1 request lost",
            "exit status 0, 0 requests lost",
        ] {
            assert_eq!(found(vec![ended(1.0, 0, 1, detail)]), [], "{detail}");
        }
        let told = Event::of_all(1.0, EventKind::Mark(FOR_MEMORY.to_owned()));
        assert_eq!(found(vec![told]), [], "the words alone are no death");
    }
}
