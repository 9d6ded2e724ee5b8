use super::*;
use crate::limit::Limit;
use crate::units::Bytes;

fn rules() -> Rules {
    let routes =
        [("", "(none)"), ("GET", "/"), ("GET", "/health"), ("GET", "/io"), ("POST", "/io"), ("ANY", "/echo")];
    Rules {
        routes: routes.map(|(method, path)| (method.to_owned(), path.to_owned())).to_vec(),
        seed: 5,
        no_crash: Some("mode cluster"),
        no_refuse: None,
        max_delay: Limit { most: Duration::from_mins(1), setting: "max-delay" },
        max_leak: Limit { most: Bytes(1 << 30), setting: "max-leak" },
    }
}

fn plan(toml: &str) -> Plan {
    read(toml).unwrap_or_else(|sentences| panic!("{toml}: {sentences:?}"))
}

fn read(text: &str) -> Result<Plan, Vec<String>> {
    let written: Written = toml::from_str(text).map_err(|error| vec![error.message().to_owned()])?;
    let (plan, understood) = understand(&written, "faults[0]", 1, &rules())
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    // What is understood is written, and understood as the same again.
    let json = serde_json::to_string(&understood).unwrap();
    let again: Written = serde_json::from_str(&json).unwrap();
    assert_eq!(again, understood);
    let of_worker = Rules { max_delay: rules().max_delay, ..Rules::none() };
    assert_eq!(understand(&again, "faults[0]", 1, &of_worker).unwrap().0, plan);
    Ok(plan)
}

#[test]
fn what_is_left_out_has_a_default() {
    let plan = plan("kinds = [{ kind = 'status', code = 500, rate = 0.003 }, { kind = 'reset', rate = 0.002 }]");
    assert_eq!((plan.name.as_str(), &plan.route, &plan.method), ("fault 1", &None, &None));
    assert_eq!((plan.window, plan.kinds.len()), (Window::Always, 2));
    let hits = (0..10_000).filter_map(|draw| plan.kind_of(draw)).fold([0, 0], |mut hits, kind| {
        hits[kind] += 1;
        hits
    });
    assert_eq!(hits, [30, 20]);
    let labels: Vec<String> = plan.kinds.iter().map(ToString::to_string).collect();
    assert_eq!(labels, ["status 500", "reset"]);
}

/// With the same seed, the rarer one would only ever hit what the other has hit already.
#[test]
fn plans_without_a_seed_hit_independently_of_each_other() {
    let of =
        |name: &str, rate: &str| plan(&format!("name = '{name}'\nkinds = [{{ kind = 'reset', rate = {rate} }}]"));
    let (often, seldom) = (of("often", "0.2"), of("seldom", "0.1"));
    let both =
        (0..100_000).filter(|draw| often.kind_of(*draw).is_some() && seldom.kind_of(*draw).is_some()).count();
    // 2,000 are to be expected, and 45 the usual distance from it.
    assert!((1_800..2_200).contains(&both), "{both}");
    assert_eq!(of("often", "0.2"), often, "the same name and seed, the same victims");
}

#[test]
fn a_plan_concerns_its_routes() {
    let all = plan("kinds = [{ kind = 'empty', rate = 1 }]");
    assert!(all.concerns("GET", "/io") && all.concerns("ANY", "/echo"));
    assert!(!all.concerns("GET", "/health") && !all.concerns("", "(none)"));
    let posts = plan("method = 'post'\nkinds = [{ kind = 'empty', rate = 1 }]");
    assert!(posts.concerns("POST", "/io") && !posts.concerns("GET", "/io") && posts.concerns("ANY", "/echo"));
    let io = plan("route = '/io'\nmethod = 'HEAD'\nkinds = [{ kind = 'empty', rate = 1 }]");
    assert!(io.concerns("GET", "/io") && !io.concerns("POST", "/io") && !io.concerns("GET", "/"));
}

#[test]
fn a_window_in_requests_shifts_the_index() {
    let plan = plan("window = { after = 3, count = 2 }\nkinds = [{ kind = 'leak', bytes = '1KiB', rate = 1 }]");
    let hit: Vec<u64> = (0..10).filter(|&draw| plan.kind_of(draw).is_some()).collect();
    assert_eq!(hit, [3, 4]);
}

#[test]
fn a_stall_hits_everything_while_its_window_is_open() {
    let plan = plan("window = { every = '10s', for = '500ms' }\nkinds = [{ kind = 'stall' }]");
    assert!(plan.draws(Duration::from_millis(10_499)) && !plan.draws(Duration::from_millis(10_500)));
    assert!((0..100).all(|draw| plan.kind_of(draw) == Some(0)));
}

fn hold(cases: &[(&str, &str)]) {
    for (text, sentence) in cases {
        let sentences = read(text).expect_err(text);
        let says = sentences.len() == 1 && sentences[0].contains(sentence);
        assert!(says, "{text}\nsays   {sentences:#?}\nwanted {sentence}");
    }
}

#[test]
fn each_mistake_in_kinds_is_a_sentence() {
    hold(&[
        ("", "missing field `kinds`"),
        ("kinds = []", "faults[0].kinds: has 0 kinds; allowed: 1 to 16"),
        ("kinds = [{ kind = 'reset' }]", "faults[0].kinds[0].rate: is missing; allowed: 0 to 1, such as 0.003"),
        ("kinds = [{ kind = 'reset', rate = 1.5 }]", "1.5 is too large"),
        ("kinds = [{ kind = 'reset', rate = -1 }]", "-1 is not a number from 0"),
        ("kinds = [{ kind = 'reset', rate = true }]", "invalid type: boolean `true`, expected a rate from 0 to 1"),
        ("kinds = [{ kind = 'reset', rate = nan }]", "NaN is not a plain decimal number"),
        (
            "kinds = [{ kind = 'reset', rate = 0.6 }, { kind = 'empty', rate = 0.5 }]",
            "faults[0].kinds: the rates sum to 1.1; allowed: at most 1",
        ),
        (
            "kinds = [{ kind = 'rest', rate = 0.5 }]",
            "kinds[0].kind: \"rest\" is no kind of fault (did you mean reset?); allowed: delay,",
        ),
        (
            "kinds = [{ kind = 'status', rate = 0.5 }]",
            "kinds[0].code: is missing: status needs it; allowed: 200 to 599",
        ),
        (
            "kinds = [{ kind = 'status', code = 99, rate = 0.5 }]",
            "kinds[0].code: 99 is no status to answer with; allowed",
        ),
        (
            "kinds = [{ kind = 'reset', code = 500, rate = 0.5 }]",
            "code: has no meaning for reset; allowed: only for status",
        ),
        (
            "kinds = [{ kind = 'delay', delay = '5', rate = 0.5 }]",
            "kinds[0].delay: \"5\" is not a duration such as 500us",
        ),
        (
            "kinds = [{ kind = 'delay', delay = '61s', rate = 0.5 }]",
            "delay: \"61s\" is over the limit that --max-delay sets; allowed: 0 to 1m",
        ),
        (
            "kinds = [{ kind = 'leak', bytes = '2GiB', rate = 0.5 }]",
            "bytes: 2GiB is over --max-leak; allowed: 1 to 1GiB",
        ),
        ("kinds = [{ kind = 'leak', bytes = '2GoB', rate = 0.5 }]", "\"2GoB\" has the unknown unit"),
        (
            "kinds = [{ kind = 'crash', rate = 0.5 }]",
            "kinds[0].kind: \"crash\" is not possible here; allowed: mode cluster",
        ),
        (
            "kinds = [{ kind = 'stall' }]",
            "faults[0].window: is missing: stall holds while it is open; allowed: in time",
        ),
        ("window = { after = 3 }\nkinds = [{ kind = 'stall' }]", "window: has no end in time: stall holds"),
        ("window = { from = '1s' }\nkinds = [{ kind = 'freeze' }]", "window: has no end in time: freeze holds"),
        (
            "window = { to = '2m' }\nkinds = [{ kind = 'stall' }]",
            "window: 2m is a longer wait than --max-delay; allowed: up to 1m",
        ),
        (
            "window = { to = '1s' }\nkinds = [{ kind = 'stall', rate = 1 }]",
            "rate: 1 has no meaning for stall, which",
        ),
        (
            "window = { to = '1s' }\nkinds = [{ kind = 'stall' }, { kind = 'reset', rate = 0.1 }]",
            "faults[0].kinds: has stall beside others; allowed: stall alone in its plan",
        ),
        (
            "route = '/io'\nwindow = { to = '1s' }\nkinds = [{ kind = 'refuse' }]",
            "route: \"/io\" has no meaning for refuse",
        ),
        (
            "method = 'GET'\nwindow = { to = '1s' }\nkinds = [{ kind = 'freeze' }]",
            "method: \"GET\" has no meaning for freeze",
        ),
    ]);
}

#[test]
fn each_mistake_beside_them_is_a_sentence() {
    const ONE: &str = "kinds = [{ kind = 'reset', rate = 0.5 }]\n";
    hold(&[
        ("route = '/oi'", "missing field `kinds`"),
        (
            &format!("route = '/ios'\n{ONE}"),
            "faults[0].route: \"/ios\" is no route of this target (did you mean /io?); allowed: \"*\" for",
        ),
        (
            &format!("route = '/health'\n{ONE}"),
            "route: \"/health\" is exempt from faults; allowed: \"*\" for every",
        ),
        (
            &format!("route = '/io'\nmethod = 'PUT'\n{ONE}"),
            "method: \"PUT\" is not taken by /io; allowed: GET, POST",
        ),
        (&format!("spacing = 'odd'\n{ONE}"), "spacing: \"odd\" is no spacing; allowed: shuffled, even or random"),
        (&format!("seed = -1\n{ONE}"), "a whole number from 0, or a text that holds one"),
        (&format!("seed = 'x'\n{ONE}"), "\"x\" is no whole number from 0 to"),
        (&format!("name = ''\n{ONE}"), "name: \"\" is no name; allowed: 1 to 64"),
        (&format!("nmae = ''\n{ONE}"), "unknown field `nmae`, expected one of `name`"),
        (&format!("{ONE}window = {{}}"), "window: says nothing; allowed: either from and to"),
        (
            &format!("{ONE}window = {{ to = '1s', count = 3 }}"),
            "window: mixes what can't go together; allowed: either",
        ),
        (
            &format!("{ONE}window = {{ from = '2s', to = '2s' }}"),
            "window.to: 2s is not after its from; allowed: more than 2s",
        ),
        (&format!("{ONE}window = {{ every = '2s' }}"), "window: has only one of every and for; allowed: both"),
        (
            &format!("{ONE}window = {{ every = '2s', for = '3s' }}"),
            "window.for: 3s does not fit; allowed: more than 0, and at most every (2s)",
        ),
        (&format!("{ONE}window = {{ every = '2s', for = '0' }}"), "window.for: 0 does not fit"),
        (&format!("{ONE}window = {{ to = 'soon' }}"), "window.to: \"soon\" must be a number and a unit"),
        (&format!("{ONE}window = {{ count = 0 }}"), "window.count: 0 is no request; allowed: 1 or more"),
        (&format!("{ONE}window = {{ until = '3s' }}"), "unknown field `until`"),
    ]);
}

#[test]
fn all_mistakes_of_a_plan_come_at_once() {
    let text = "route = '/nowhere'\nspacing = 'odd'\nkinds = [{ kind = 'reset' }, { kind = 'status', code = 1, rate = 0.1 }]";
    let sentences = read(text).unwrap_err();
    assert_eq!(sentences.len(), 4, "{sentences:#?}");
}

/// For a stall of S in every P, requests that arrive at a constant rate wait S − (1 − q)·P at quantile q, nothing below
/// q = 1 − S/P, and S²/2P on average.
#[test]
fn the_arithmetic_of_a_stall() {
    const PERIOD_US: u64 = 10_000_000;
    const STALL_US: u64 = 500_000;
    const EVERY_US: u64 = 100;
    let plan = plan("window = { every = '10s', for = '500ms' }\nkinds = [{ kind = 'stall' }]");
    let arrivals = (0..3 * PERIOD_US / EVERY_US).map(|number| Duration::from_micros(number * EVERY_US));
    let wait = |at| plan.window.closes_in(at).map_or(0, |wait| u64::try_from(wait.as_micros()).unwrap());
    let mut waits: Vec<u64> = arrivals.map(wait).collect();
    waits.sort_unstable();
    let per_mille = |q: u64| waits[usize::try_from(waits.len() as u64 * q / 1000).unwrap() - 1];
    for q in [500, 900, 950, 960, 990, 999, 1000] {
        let formula = STALL_US.saturating_sub((1000 - q) * PERIOD_US / 1000);
        assert!(per_mille(q).abs_diff(formula) <= EVERY_US, "q {q}: {} against {formula}", per_mille(q));
    }
    let mean = waits.iter().sum::<u64>() / waits.len() as u64;
    assert!(mean.abs_diff(STALL_US * STALL_US / 2 / PERIOD_US) <= EVERY_US, "{mean}");
}

/// The seed that has chosen an index must not choose its delay as well: all the delays would be from one end.
#[test]
fn the_delays_of_the_chosen_are_drawn_from_all_of_the_distribution() {
    for spacing in ["even", "shuffled", "random"] {
        let text = "[{ kind = 'delay', delay = 'uniform(0ms,100ms)', rate = 0.1 }]";
        let plan = plan(&format!("spacing = '{spacing}'\nkinds = {text}"));
        let Kind::Delay(delay) = &plan.kinds[0] else { panic!("{plan:?}") };
        let delays: Vec<Duration> =
            (0..10_000).filter(|draw| plan.kind_of(*draw).is_some()).map(|draw| delay.at(draw)).collect();
        let mean = delays.iter().sum::<Duration>() / u32::try_from(delays.len()).unwrap();
        assert!((Duration::from_millis(45)..Duration::from_millis(55)).contains(&mean), "{spacing}: {mean:?}");
    }
}
