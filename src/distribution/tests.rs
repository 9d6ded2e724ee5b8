use super::*;
use crate::limit::Limit;
use crate::mistake::Mistake;
use proptest::prelude::*;

const RULES: Rules<'static> =
    Rules { limit: Limit { most: Duration::from_mins(1), setting: "max-delay" }, read: None };

fn read(text: &str) -> Distribution {
    Distribution::parse(text, &RULES).unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
}

fn recorded(file: &str) -> Result<Distribution, Mistake> {
    let read = |name: &str| if name == "r.csv" { Ok(file.to_owned()) } else { Err("not found".to_owned()) };
    Distribution::parse("empirical(\"r.csv\")", &Rules { read: Some(&read), ..RULES })
}

fn phi(x: f64) -> f64 {
    normal::cumulative(x)
}

/// A distribution and its function of milliseconds, written down apart from the code.
type Law = (&'static str, fn(f64) -> f64);

const CONTINUOUS: [Law; 9] = [
    ("uniform(10ms,30ms)", |x| (x - 10.0) / 20.0),
    ("uniform(0,30ms,min=10ms,max=20ms)", |x| (x - 10.0) / 10.0),
    ("normal(20ms,5ms)", |x| (phi((x - 20.0) / 5.0) - phi(-4.0)) / (1.0 - phi(-4.0))),
    ("normal(20ms,5ms,max=21ms)", |x| (phi((x - 20.0) / 5.0) - phi(-4.0)) / (phi(0.2) - phi(-4.0))),
    ("exponential(20ms)", |x| 1.0 - (-x / 20.0).exp()),
    ("exponential(20ms,min=50ms)", |x| 1.0 - (-(x - 50.0) / 20.0).exp()),
    ("lognormal(p50=20ms,p99=200ms)", |x| phi((x / 20.0).ln() / 10_f64.ln() * 2.326_347_874_040_841)),
    ("pareto(10ms,1.5)", |x| (1.0 - (10.0 / x).powf(1.5)) / (1.0 - (10.0_f64 / 60_000.0).powf(1.5))),
    ("pareto(10ms,1.5,min=20ms,max=40ms)", |x| (1.0 - (20.0 / x).powf(1.5)) / (1.0 - 0.5_f64.powf(1.5))),
];

/// Kolmogorov and Smirnov's largest distance between the values and the law.
#[allow(clippy::cast_precision_loss)]
fn distance(mut values: Vec<f64>, law: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let apart = |(at, value): (usize, &f64)| {
        let expected = law(*value);
        (expected - at as f64 / count).abs().max((at as f64 + 1.0) / count - expected)
    };
    values.iter().enumerate().map(apart).fold(0.0, f64::max)
}

#[test]
fn each_continuous_one_passes_kolmogorov_and_smirnov() {
    const COUNT: u32 = 100_000;
    // p = 2 exp(−2 n D²) for large n (Smirnov 1948).
    let most = (-(0.001_f64 / 2.0).ln() / 2.0 / f64::from(COUNT)).sqrt();
    for (text, law) in CONTINUOUS {
        let distribution = read(text);
        for seed in [0, 1, 0xFEED_BEEF] {
            let draw = |index| distribution.draw(seed, u64::from(index)).as_secs_f64() * 1e3;
            let found = distance((0..COUNT).map(draw).collect(), law);
            assert!(found < most, "{text}, seed {seed}: D = {found}, above {most}");
        }
    }
}

#[test]
fn a_wrong_law_fails_the_test_above() {
    let distribution = read("exponential(20ms)");
    let values = (0..100_000).map(|index| distribution.draw(1, index).as_secs_f64() * 1e3);
    assert!(distance(values.collect(), |x| 1.0 - (-x / 20.5).exp()) > 0.006_2);
}

#[test]
fn a_lognormal_has_its_percentiles() {
    let distribution = read("lognormal(p50=20ms,p99=200ms)");
    let mut values: Vec<_> = (0..100_000).map(|index| distribution.draw(7, index).as_secs_f64() * 1e3).collect();
    values.sort_by(f64::total_cmp);
    assert!((values[50_000] - 20.0).abs() < 0.3, "{}", values[50_000]);
    assert!((values[99_000] - 200.0).abs() < 12.0, "{}", values[99_000]);
}

#[test]
fn a_fixed_one_is_always_the_same_and_a_mixture_keeps_its_weights() {
    let fixed = read("fixed(20ms)");
    assert!((0..1_000).all(|index| fixed.draw(3, index) == Duration::from_millis(20)));
    assert_eq!((fixed.always(), read("20ms").always()), (Some(Duration::from_millis(20)), fixed.always()));
    // 8 standard deviations of a binomial count at most.
    let mixture = read("mixture(8:1ms, 1.5:2ms, 0.5:uniform(3ms,4ms))");
    for seed in [0, 1, 0xFEED_BEEF] {
        let mut counts = [0_u32; 3];
        for index in 0..100_000 {
            let whole = mixture.draw(seed, index).as_millis();
            counts[usize::try_from(whole.min(3)).unwrap() - 1] += 1;
        }
        for (count, expected) in counts.into_iter().zip([80_000_u32, 15_000, 5_000]) {
            let slack = 8.0 * f64::from(expected).sqrt();
            assert!((f64::from(count) - f64::from(expected)).abs() < slack, "{counts:?}");
        }
    }
}

#[test]
fn recorded_values_come_as_often_as_they_were_recorded() {
    let distribution = recorded("url,took_ms,weight\n/,10,1\n/,2.5,7\n/,99,0\n/,40,2\n").unwrap();
    assert_eq!(distribution.to_string(), "empirical(\"r.csv\")");
    let mut counts = std::collections::BTreeMap::new();
    for index in 0..100_000 {
        *counts.entry(distribution.draw(1, index).as_micros()).or_insert(0_u32) += 1;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [2_500, 10_000, 40_000]);
    assert!(counts[&2_500].abs_diff(70_000) < 1_500 && counts[&40_000].abs_diff(20_000) < 1_200, "{counts:?}");
}

#[test]
fn a_file_of_recorded_values_is_refused_with_its_line() {
    for (file, says) in [
        ("", "has 0 columns of durations"),
        ("took\n1\n", "has 0 columns of durations"),
        ("a_ms,b_ms\n1,2\n", "has 2 columns of durations"),
        ("took_ms\n", "has no value"),
        ("took_ms\n1\n-2\n", "has `-2`, which is no number of at least 0, on line 3"),
        ("took_ms\nNaN\n", "line 2"),
        ("took_ms\ninf\n", "line 2"),
        ("took_ms,weight\n1,x\n", "has `x`"),
        ("took_ms,weight\n1\n", "is no CSV"),
        ("took_s\n61\n", "too little within 0 to 1m"),
    ] {
        let mistake = recorded(file).unwrap_err();
        assert!(mistake.to_string().contains(says), "{file:?}: {mistake}");
    }
    let elsewhere = |_: &str| Err("No such file or directory".to_owned());
    let rules = Rules { read: Some(&elsewhere), ..RULES };
    let mistake = Distribution::parse("empirical(\"x.csv\")", &rules).unwrap_err();
    assert_eq!(mistake.to_string(), "x.csv can't be read: No such file or directory");
}

#[test]
fn the_same_index_draws_the_same_value_for_ever() {
    // Written down once: a change here changes what everybody's seeds mean.
    for (text, expected) in PINNED {
        let distribution = read(text);
        let drawn = [0, 1, u64::MAX].map(|index| distribution.draw(42, index).as_nanos());
        assert_eq!(drawn, expected, "{text}");
    }
}

const PINNED: [(&str, [u128; 3]); 6] = [
    ("uniform(10ms,30ms)", [16_865_838, 29_114_935, 23_954_727]),
    ("normal(20ms,5ms)", [17_982_806, 28_516_719, 22_589_642]),
    ("exponential(20ms)", [8_410_314, 62_356_518, 23_929_112]),
    ("lognormal(p50=20ms,p99=200ms)", [13_414_799, 107_949_361, 33_392_895]),
    ("pareto(10ms,1.5)", [13_235_838, 79_926_282, 22_202_810]),
    ("mixture(1:20ms,1:exponential(200ms))", [84_103_137, 623_565_185, 239_291_120]),
];

#[test]
fn it_prints_as_it_was_understood() {
    for (text, printed) in [
        ("1500us", "1.5ms"),
        ("fixed(1500us)", "1.5ms"),
        ("fixed(20ms,max=1s)", "fixed(20ms,max=1s)"),
        ("uniform( 10ms , 0.03s )", "uniform(10ms,30ms)"),
        ("lognormal(p99=200ms, p50=20ms, max=1s)", "lognormal(p50=20ms,p99=200ms,max=1s)"),
        ("pareto(10ms,1.50,max=1s,min=20ms)", "pareto(10ms,1.5,min=20ms,max=1s)"),
        (
            "mixture(9:20ms, 1.0:normal(200ms,20ms,min=0s),max=1s)",
            "mixture(9:20ms,1:normal(200ms,20ms,min=0),max=1s)",
        ),
    ] {
        let distribution = read(text);
        assert_eq!(distribution.to_string(), printed);
        assert_eq!(read(printed).to_string(), printed);
    }
}

/// What is wrong, the part that is, and a piece of the sentence.
#[rustfmt::skip] // A table.
const BAD: [(&str, &str, &str); 41] = [
    ("", "", "is not a duration"),
    ("5", "5", "needs a unit: 5s for seconds, 5ms for milliseconds"),
    ("61s", "61s", "is over the limit that --max-delay sets"),
    ("normal", "normal", "did you mean normal(…)?"),
    ("norml(1ms,1ms)", "norml(1ms,1ms)", "did you mean normal(…)?"),
    ("xyzzy(1)", "xyzzy(1)", "names no distribution"),
    ("(1ms)", "(1ms)", "names no distribution"),
    ("normal(1ms,1ms", "normal(1ms,1ms", "closing parenthesis"),
    ("normal(1ms,1ms)x", "normal(1ms,1ms)x", "closing parenthesis"),
    ("normal(1ms,(1ms)", "1ms,(1ms", "without its other one"),
    ("normal(1ms,1ms))", "1ms,1ms)", "without its other one"),
    ("normal()", "normal()", "does not have the values"),
    ("normal(1ms)", "normal(1ms)", "does not have the values"),
    ("normal(1ms,1ms,1ms)", "normal(1ms,1ms,1ms)", "does not have the values"),
    ("normal(1ms,0)", "normal(1ms,0)", "standard deviation above 0"),
    ("normal(-1ms,1ms)", "-1ms", "must not be negative"),
    ("normal(NaNms,1ms)", "NaNms", "is not a duration"),
    ("normal(infs,1ms)", "infs", "is not a duration"),
    ("normal(1,1ms)", "1", "needs a unit"),
    ("normal(1ms,1ms,p50=1ms)", "normal(1ms,1ms,p50=1ms)", "unknown name p50"),
    ("normal(1ms,1ms,max=1ms,max=2ms)", "normal(1ms,1ms,max=1ms,max=2ms)", "max more than once"),
    ("normal(1ms,1ms,min=2ms,max=1ms)", "normal(1ms,1ms,min=2ms,max=1ms)", "min above its max"),
    ("normal(1ms,1ms,max=61s)", "61s", "over the limit"),
    ("normal(1ms,1ms,min=10ms)", "normal(1ms,1ms,min=10ms)", "too little within 10ms to 1m: 0.000 %"),
    ("fixed(5ms,min=6ms)", "fixed(5ms,min=6ms)", "too little within 6ms to 1m"),
    ("uniform(2ms,1ms)", "uniform(2ms,1ms)", "must rise"),
    ("uniform(1ms,1ms)", "uniform(1ms,1ms)", "must rise"),
    ("uniform(1ms,2m)", "2m", "over the limit"),
    ("exponential(0)", "exponential(0)", "mean above 0"),
    ("lognormal(20ms,200ms)", "lognormal(20ms,200ms)", "does not have the values"),
    ("lognormal(p50=20ms)", "lognormal(p50=20ms)", "does not have the values"),
    ("lognormal(p50=2ms,p99=1ms)", "lognormal(p50=2ms,p99=1ms)", "0 < p50 < p99"),
    ("pareto(0,1)", "pareto(0,1)", "smallest value above 0"),
    ("pareto(1ms,0)", "0", "is no alpha"),
    ("pareto(1ms,-1)", "-1", "is no alpha"),
    ("pareto(1ms,NaN)", "NaN", "is no alpha"),
    ("mixture()", "mixture()", "does not have the values"),
    ("mixture(1ms)", "1ms", "has no weight"),
    ("mixture(0:1ms,1:2ms)", "0", "is no weight"),
    ("mixture(1:mixture(1:1ms))", "mixture(1:1ms)", "stands in another mixture"),
    ("empirical(\"a.csv\")", "empirical(\"a.csv\")", "which only a profile may"),
];

#[test]
fn what_is_wrong_is_named() {
    for (text, value, says) in BAD {
        let mistake = Distribution::parse(text, &RULES).expect_err(text);
        assert_eq!(mistake.value.as_deref(), Some(value), "{text}: {mistake}");
        assert!(mistake.to_string().contains(says), "{text}: {mistake}");
        assert!(!mistake.allowed.is_empty(), "{text}");
    }
}

proptest! {
    #[test]
    fn every_value_lies_within_the_bounds(
        which in 0..CONTINUOUS.len(), least in 0_u64..40, width in 0_u64..40, seed: u64, index: u64,
    ) {
        let (text, _) = CONTINUOUS[which];
        let (shape, _) = text.strip_suffix(')').unwrap().split_once(",m").unwrap_or((&text[..text.len() - 1], ""));
        let (least, most) = (Duration::from_millis(least), Duration::from_millis(least + width));
        let bounded = format!("{shape},min={},max={})", Spelled(least), Spelled(most));
        if let Ok(distribution) = Distribution::parse(&bounded, &RULES) {
            let drawn = distribution.draw(seed, index);
            prop_assert!((least..=most).contains(&drawn), "{bounded}: {drawn:?}");
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[a-z0-9().,:=\" ]{0,40}") {
        let _ = Distribution::parse(&text, &RULES);
    }
}
