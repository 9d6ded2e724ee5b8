//! Whether more CPU would have helped an event loop that never slept, and who took what it lacked.

use crate::recording::{Figure, Recording, Stay, Worker};
use crate::units::shown::percent;

/// In per cent of the time, so much waiting for a processor is no accident.
const WORTH_PCT: f64 = 5.0;

/// In per cent of the machine's processors: a hypervisor that takes more is worth naming.
const STOLEN_PCT: f64 = 10.0;

/// Sentences to follow the one that the loop was saturated, each after a space.
pub fn sentences(run: &Recording, worker: &Worker, stay: &Stay) -> String {
    let period = (stay.from_s, stay.to_s);
    match worker.series.mean_between(Figure::LoopRunQueue, period) {
        None => String::new(),
        Some(waiting) if waiting < WORTH_PCT => {
            " It had a processor whenever it wanted one: more workers or less work would have helped, more CPU for it would not."
                .to_owned()
        }
        Some(waiting) => format!(
            " It waited for a processor for {} of the time: more CPU would have helped. {}",
            percent(waiting),
            taker(run, period)
        ),
    }
}

/// Who had the processors meanwhile.
fn taker(run: &Recording, period: (f64, f64)) -> String {
    let mean = |figure| run.target.mean_between(figure, period);
    let throttled = run.target.stretches().iter().zip(run.target.gains(Figure::ThrottledMs));
    let is_throttled = throttled
        .filter(|(stretch, _)| stretch.to_s > period.0 && stretch.from_s < period.1)
        .any(|(_, gain)| gain.is_some_and(|gain| gain > 0.0));
    if is_throttled {
        return "The control group's quota kept it from running.".to_owned();
    }
    if let Some(stolen) = mean(Figure::Steal).filter(|stolen| *stolen >= STOLEN_PCT) {
        return format!("Other guests of the hardware took {} of the machine's CPU.", percent(stolen));
    }
    match mean(Figure::HostCpu).zip(mean(Figure::CpuOfHost)) {
        None => "Who took it is not known.".to_owned(),
        Some((all, own)) => format!(
            "Others took {} of the machine's CPU, the target itself {}.",
            percent((all - own).max(0.0)),
            percent(own)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::saturation::find;
    use crate::findings::sketch::{run, worker};

    const LOAD: &[f64] = &[10.0; 6];

    /// A loop that is as busy and waits as long, in rows whose other columns are these.
    fn found(busy: f64, waiting: f64, others: &[(Figure, &[f64])]) -> Option<String> {
        let mut run = run(&[&[(Figure::Rps, LOAD)], others].concat());
        let columns: &[(Figure, &[f64])] = &[
            (Figure::Rps, LOAD),
            (Figure::Cpu, &[30.0; 6]),
            (Figure::LoopBusy, &[busy; 6]),
            (Figure::LoopRunQueue, &[waiting; 6]),
        ];
        run.workers = vec![worker(0, columns)];
        find(&run).first().map(|finding| finding.sentence.clone())
    }

    #[test]
    fn a_loop_that_waits_for_a_processor_is_saturated_and_the_taker_is_named() {
        let host: &[(Figure, &[f64])] = &[(Figure::HostCpu, &[90.0; 6]), (Figure::CpuOfHost, &[25.0; 6])];
        assert_eq!(
            found(99.0, 48.0, host).unwrap(),
            "The worker's event loop saturated first, at 0:00. It waited for a processor for 48 % of the time: more CPU \
             would have helped. Others took 65 % of the machine's CPU, the target itself 25 %."
        );
        assert!(found(99.0, 48.0, &[]).unwrap().ends_with("Who took it is not known."));
        let quota = [0.0, 0.0, 100.0, 200.0, 300.0, 400.0];
        let throttled = found(99.0, 48.0, &[(Figure::ThrottledMs, &quota)]).unwrap();
        assert!(throttled.ends_with("The control group's quota kept it from running."), "{throttled}");
        let crowded = found(99.0, 48.0, &[(Figure::HostCpu, &[99.0; 6]), (Figure::CpuOfHost, &[25.0; 6])]).unwrap();
        assert!(crowded.contains("The worker's event loop"), "{crowded}");
        let stolen = found(99.0, 48.0, &[(Figure::Steal, &[20.0; 6])]).unwrap();
        assert!(stolen.ends_with("Other guests of the hardware took 20 % of the machine's CPU."), "{stolen}");
    }

    #[test]
    fn one_that_had_its_processor_needs_no_more_cpu() {
        let calm = found(99.0, 1.0, &[]).unwrap();
        assert!(
            calm.ends_with("more workers or less work would have helped, more CPU for it would not."),
            "{calm}"
        );
        assert_eq!(found(60.0, 30.0, &[]), None, "it slept");
    }
}
