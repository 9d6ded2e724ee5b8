//! The method, held against truths that are made up: with equal arms it must not find a difference, with different ones
//! it must, however the machine drifts.

use super::*;

/// What the figures of a made-up machine do besides chance.
#[derive(Clone, Copy, Debug)]
enum Machine {
    Independent,
    /// Slower by a tenth from the first run to the last.
    Drifting,
    /// Each run resembles the one before it: a correlation of 0.7.
    Autocorrelated,
    /// A tenth of the runs is off by a lot.
    Outliers,
}

const MACHINES: [Machine; 4] =
    [Machine::Independent, Machine::Drifting, Machine::Autocorrelated, Machine::Outliers];

/// The spread of a pair's log ratio.
const SPREAD: f64 = 0.03;

const FLOOR: f64 = 0.02;

/// Numbers from a seed: normally distributed ones by Box and Muller.
struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    fn uniform(&mut self) -> f64 {
        self.drawn += 1;
        #[allow(clippy::cast_precision_loss)]
        let uniform = (hash(self.seed, self.drawn) >> 11) as f64 / (1_u64 << 53) as f64;
        uniform.max(1e-300)
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// One comparison on a made-up machine, as the program would run it: what it says, and after how many pairs.
fn compare(machine: Machine, log_change: f64, seed: u64) -> (Verdict, usize) {
    let mut dice = Chance { seed: hash(0x7175_696e, seed), drawn: 0 };
    // Two runs with this spread each have a pair's spread in their difference.
    let spread = SPREAD / std::f64::consts::SQRT_2;
    let (looks, row) = (Looks::Repeated, row_named("requests_per_s").unwrap());
    let (mut pairs, mut before, mut runs) = (Vec::new(), dice.normal() * spread, 0.0);
    let mut noise = |machine| {
        runs += 1.0;
        let fresh = dice.normal() * spread;
        match machine {
            Machine::Independent => fresh,
            Machine::Drifting => fresh - 0.1 * runs / 80.0,
            Machine::Autocorrelated => {
                before = 0.7 * before + (1.0_f64 - 0.49).sqrt() * fresh;
                before
            }
            Machine::Outliers => {
                if dice.uniform() < 0.1 {
                    fresh * 8.0
                } else {
                    fresh
                }
            }
        }
    };
    for pair in 0..looks.most() {
        let first = first_of_pair(seed, pair as u64);
        let (one, other) = (noise(machine), noise(machine));
        let (a, b) = if first == Arm::A { (one, other) } else { (other, one) };
        let figures = |log: f64| Figures { requests_per_s: Some(1_000.0 * log.exp()), ..Figures::default() };
        pairs.push(Pair { first, a: figures(a), b: figures(b + log_change) });
        if looks.reached(pairs.len()) == Some(pairs.len()) {
            let told = looks::change(row, &pairs, looks.confidence(1));
            let verdict = judge(row, told.as_ref(), FLOOR);
            if verdict.is_decided() {
                return (verdict, pairs.len());
            }
        }
    }
    (Verdict::Undecided { more_pairs: None }, pairs.len())
}

#[test]
fn equal_arms_are_seldom_called_different() {
    const COMPARISONS: u64 = 10_000;
    for machine in MACHINES {
        let is_wrong = |seed: &u64| matches!(compare(machine, 0.0, *seed).0, Verdict::Better | Verdict::Worse);
        let wrong = (0..COMPARISONS).filter(is_wrong).count();
        assert!(wrong <= 500, "{machine:?}: {wrong} of {COMPARISONS} equal pairs of arms were called different");
    }
}

#[test]
fn a_change_of_five_percent_is_found_soon() {
    const COMPARISONS: u64 = 1_000;
    for (log_change, expected) in [(1.05_f64.ln(), Verdict::Better), (-(1.05_f64.ln()), Verdict::Worse)] {
        let found: Vec<(Verdict, usize)> =
            (0..COMPARISONS).map(|seed| compare(Machine::Independent, log_change, seed)).collect();
        let right = found.iter().filter(|(verdict, _)| *verdict == expected).count();
        assert!(right >= 950, "{right} of {COMPARISONS} changes of 5 % were found");
        let mut pairs: Vec<usize> = found.into_iter().map(|(_, pairs)| pairs).collect();
        pairs.sort_unstable();
        assert!(pairs[pairs.len() / 2] <= 12, "the median comparison took {} pairs", pairs[pairs.len() / 2]);
    }
}

#[test]
fn the_order_is_drawn_anew_for_each_pair() {
    let firsts: Vec<Arm> = (0..10_000).map(|pair| first_of_pair(7, pair)).collect();
    let a = firsts.iter().filter(|first| **first == Arm::A).count();
    assert!((4_800..5_200).contains(&a), "{a} of 10,000 pairs began with A");
    let alternations = firsts.windows(2).filter(|two| two[0] != two[1]).count();
    assert!((4_800..5_200).contains(&alternations), "{alternations} of 10,000 pairs changed the order");
    assert_eq!(firsts, (0..10_000).map(|pair| first_of_pair(7, pair)).collect::<Vec<_>>());
}

/// Pairs whose A is 100 and whose B is so much more, in a row that the effect of the order adds to.
fn pairs(changes: &[f64], order_effect: f64) -> Vec<Pair> {
    let pair = |(at, change): (usize, &f64)| {
        let first = if at % 2 == 0 { Arm::A } else { Arm::B };
        let second_by = order_effect.exp();
        let (a_by, b_by) = if first == Arm::A { (1.0, second_by) } else { (second_by, 1.0) };
        let figures = |value: f64| Figures {
            requests_per_s: Some(value),
            errors_pct: Some(0.0),
            p99_us: Some(1e6 / value),
            ..Figures::default()
        };
        Pair { first, a: figures(100.0 * a_by), b: figures(100.0 * change.exp() * b_by) }
    };
    changes.iter().enumerate().map(pair).collect()
}

#[test]
fn each_verdict_follows_from_the_interval() {
    let row = row_named("requests_per_s").unwrap();
    let verdict = |row, changes: &[f64]| judge(row, looks::change(row, &pairs(changes, 0.0), 0.99).as_ref(), FLOOR);
    let around = |centre: f64, spread: f64| -> Vec<f64> {
        (0..12_u8).map(|step| centre + spread * (f64::from(step) - 5.5) / 5.5).collect()
    };
    assert_eq!(verdict(row, &around(0.005, 0.01)), Verdict::Same);
    assert_eq!(verdict(row, &around(0.10, 0.02)), Verdict::Better);
    assert_eq!(verdict(row, &around(-0.10, 0.02)), Verdict::Worse);
    assert_eq!(verdict(row_named("p99_us").unwrap(), &around(0.10, 0.02)), Verdict::Better);
    let Verdict::Undecided { more_pairs: Some(more) } = verdict(row, &around(0.01, 0.05)) else { panic!() };
    assert!((10..500).contains(&more), "{more}");
    // A change below the floor that is sure is the same all the same.
    assert_eq!(verdict(row, &around(0.012, 0.004)), Verdict::Same);
    // Seven pairs give no interval at 99 %.
    assert_eq!(verdict(row, &around(0.10, 0.02)[..7]), Verdict::Undecided { more_pairs: None });
}

#[test]
fn the_order_has_an_effect_of_its_own() {
    let pairs = pairs(&[0.05; 12], 0.02);
    let row = row_named("requests_per_s").unwrap();
    let order = effect_of_order(row, &pairs, 0.99).unwrap();
    assert!((order.estimate - 0.02).abs() < 1e-9, "{order:?}");
    let change = looks::change(row, &pairs, 0.99).unwrap();
    assert!((change.estimate - 0.05).abs() < 1e-9, "{change:?}");
}

#[test]
fn an_unknown_figure_is_no_change_and_zero_errors_are_a_known_one() {
    let pairs = pairs(&[0.0; 8], 0.0);
    let of = |name: &str| looks::change(row_named(name).unwrap(), &pairs, 0.99);
    assert_eq!(of("memory_bytes"), None);
    let errors = of("errors_pct").unwrap();
    assert_eq!((errors.estimate, errors.interval.unwrap().high), (0.0, 0.0));
}

#[test]
fn looks_share_what_may_be_wrong() {
    assert!((Looks::Repeated.confidence(1) - 0.99).abs() < 1e-12);
    assert!((Looks::Once(10).confidence(1) - 0.95).abs() < 1e-12);
    assert!((Looks::Repeated.confidence(2) - 0.995).abs() < 1e-12);
    assert_eq!(
        [7, 8, 11, 12, 50].map(|pairs| Looks::Repeated.reached(pairs)),
        [None, Some(8), Some(8), Some(12), Some(40)]
    );
}

/// Makes calm circumstances worse.
#[test]
fn errors_that_are_compared_are_named() {
    let of = |statuses: [(u16, u64); 2]| Circumstances { statuses: statuses.into(), ..Circumstances::default() };
    let rounds = |statuses| [[of(statuses), of(statuses)]];
    assert_eq!(mostly_errors(&rounds([(200, 50), (503, 50)])), None);
    assert_eq!(mostly_errors(&[]), None);
    let said = mostly_errors(&rounds([(405, 99), (503, 1)])).unwrap();
    assert_eq!(said, "Errors are compared here: 99 % of the answers had status 405.");
}

type Disturb = fn(&mut Circumstances);

#[test]
fn a_verdict_is_refused_with_its_evidence_and_only_then() {
    let calm = || Circumstances {
        generator_thread_pct: Some(60.0),
        generator_cores_pct: Some(30.0),
        steal_pct: Some(0.3),
        others_pct: Some(2.0),
        errors_pct: Some(0.5),
        throttled_pct: None,
        never_reached: Some(0),
        finished: Some(10_000),
        statuses: [(200, 9_950), (500, 50)].into(),
        bytes_per_request: Some(250.0),
    };
    let told_of = |row: &str, disturb: Disturb| {
        let mut b = calm();
        disturb(&mut b);
        let found = objections(&[[calm(), b.clone()], [calm(), b.clone()], [calm(), calm()], [calm(), b]], 10.0);
        found
            .into_iter()
            .filter(|objection| objection.bears_on(row_named(row).unwrap()))
            .map(|objection| format!("{} {}", objection.sentence, objection.evidence))
            .collect::<Vec<_>>()
    };
    let told = |disturb| told_of("requests_per_s", disturb);
    assert_eq!(told(|_| ()), [""; 0]);
    // A generator without CPU gets less done, and later. What a request costs does not depend on that.
    let out_of_cpu = |row| told_of(row, |b| b.generator_thread_pct = Some(99.0)).len();
    for row in ["clients", "completed", "total_time_s", "requests_per_s", "mean_us", "p99_us", "max_us"] {
        assert_eq!(out_of_cpu(row), 1, "{row}");
    }
    for row in ["errors_pct", "cpu_s_per_1000", "tree_cpu_s_per_1000", "memory_bytes", "start_s", "imbalance"] {
        assert_eq!(out_of_cpu(row), 0, "{row}");
    }
    assert!(ROWS.iter().all(|row| told_of(row.name, |b| b.others_pct = Some(34.0)).len() == 1));
    let cases: [(Disturb, &str); 9] = [
        (
            |b| b.generator_thread_pct = Some(99.0),
            "ran out of CPU against B: it may have measured itself. its busiest thread used 99 %",
        ),
        (|b| b.generator_cores_pct = Some(98.0), "it used 98 % of the cores"),
        (|b| b.steal_pct = Some(6.0), "6.0 % of it was stolen; --busy allows 5.0 %"),
        (
            |b| b.others_pct = Some(34.0),
            "kept the machine busy while B was measured. they used 34 % of its CPU time; --busy",
        ),
        (|b| b.throttled_pct = Some(40.0), "stopped for 40 % of the time"),
        (|b| b.never_reached = Some(500), "never reached B"),
        (|b| b.statuses = [(200, 9_000), (503, 1_000)].into(), "had status"),
        (
            |b| {
                b.statuses.clear();
                b.errors_pct = Some(100.0);
            },
            "of the requests to A failed and 100 % of those to B",
        ),
        (|b| b.bytes_per_request = Some(100.0), "250.0 bytes a request from A, 100.0 from B"),
    ];
    for (disturb, expected) in cases {
        let found = told(disturb);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{} lacks {expected}", found[0]);
    }
}
