//! Requests that died with their worker.

use super::{Certainty, Finding, Rule, Weight, evidence};
use crate::recording::{Event, Figure, Recording};
use crate::units::shown::{clock, number};

pub fn find(run: &Recording) -> Vec<Finding> {
    let Some(lost) = run.target.whole(Figure::Lost).most().filter(|lost| *lost > 0.0) else { return Vec::new() };
    let deaths: Vec<&Event> = run.events.iter().filter(|event| event.kind.is_death()).collect();
    let when = deaths.iter().take(5).map(|death| format!("{} at {}", death.worker(), clock(death.elapsed_s)));
    let more = if deaths.len() > 5 { format!(" and {} more", deaths.len() - 5) } else { String::new() };
    let when = when.collect::<Vec<_>>().join(", ") + &more;
    let at = deaths.first().zip(deaths.last()).map(|(first, last)| (first.elapsed_s, last.elapsed_s));
    let noun = if lost < 1.5 { "request was" } else { "requests were" };
    vec![Finding {
        rule: Rule::Lost,
        weight: Weight::Doubt,
        sentence: format!("{} {noun} in flight when their worker died; their clients got no answer.", number(lost)),
        evidence: evidence([
            ("lost", number(lost)),
            ("workers that died", if when.is_empty() { "unknown".to_owned() } else { when }),
        ]),
        at,
        certainty: Certainty::Certain,
        unknown: "whether the work of those requests was done before their worker died",
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::findings::sketch::run;

    #[test]
    fn who_died_is_named() {
        assert!(find(&run(&[(Figure::Lost, &[0.0, 0.0])])).is_empty());
        assert!(find(&run(&[(Figure::Rps, &[1.0])])).is_empty(), "unknown is not lost");
        let mut run = run(&[(Figure::Lost, &[0.0, 2.0])]);
        let death = |text: &str| Event::of_worker(1.5, (1, 2), EventKind::read("worker-ended", text, ""));
        run.events = vec![death("exit status 0, 0 requests lost"), death("signal 9, 2 requests lost")];
        let found = find(&run);
        assert!(found[0].sentence.starts_with("2 requests were in flight"), "{found:?}");
        assert_eq!(found[0].evidence[1].1, "1.2 at 0:01.5");
    }
}
