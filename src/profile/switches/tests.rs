//! Switches: where their values stand, and what they are refused for.

use http::StatusCode;

use crate::config::Layers;
use crate::mistake::{Mistake, Source};
use crate::profile::load::load_set;
use crate::profile::read::limits;
use crate::profile::{Profile, Rules, Step, read};
use crate::work::database::Query;

const SHOP: &str = "
[[switch]]
name = 'pool'
about = 'connections'
range = [1, 1000]
default = 5
[[switch]]
name = 'indexes'
about = 'how rows are found'
words = ['off', 'on']
default = 'off'
[[switch]]
name = 'limit'
about = 'requests a second'
words = ['off']
range = [1, 100]
default = 'off'
[rate_limit]
rate = { switch = 'limit' }
burst = 1
[limits]
db_pool = { switch = 'pool' }
[[route]]
path = '/a'
steps = [ { switch = 'indexes', off = { io = { ms = 1 } } }, { db = { rows = { switch = 'pool' }, indexed = { switch = 'indexes', on = 'yes', off = 'no' } } } ]
response = { switch = 'indexes', on = { status = 201 } }
";

fn given(sets: &[&str]) -> Vec<(Source, String)> {
    sets.iter().map(|set| (Source::Flag("--set".to_owned()), (*set).to_owned())).collect()
}

fn read_with(text: &str, sets: &[&str]) -> Result<Profile, Vec<Mistake>> {
    let switches = given(sets);
    read("p.toml", text, &Rules { switches: &switches, ..Rules::without_limits(&[], 8) })
}

/// With what stands there for other words.
fn load(text: &str) -> Result<Profile, Vec<Mistake>> {
    let load = |given: &[(Source, String)]| load_set(&Layers::default(), "p.toml", text, (&[], 8), given);
    let (_, profile) = load(&[])?;
    super::other_words(&profile.switches).iter().try_for_each(|given| load(given).map(drop))?;
    Ok(profile)
}

#[test]
fn their_values_stand_in_their_places() {
    let profile = read_with(SHOP, &[]).unwrap();
    let route = &profile.routes[0];
    assert!(
        matches!(route.steps[..], [Step::Io { .. }, Step::Db(Query { rows: 5, indexed: false, .. })]),
        "{route:?}"
    );
    assert_eq!(route.response.status, StatusCode::OK);
    let sets = ["limit=70", "indexes=on", "pool=1000"];
    let profile = read_with(SHOP, &sets).unwrap();
    let route = &profile.routes[0];
    assert!(
        matches!(route.steps[..], [Step::RateLimit { .. }, Step::Db(Query { rows: 1000, indexed: true, .. })]),
        "{route:?}"
    );
    assert_eq!(route.response.status, StatusCode::CREATED);
    assert_eq!(route.steps[0].to_string(), "lets 70 requests a second and 1 at once through, all routes together");
    assert_eq!(limits("p.toml", SHOP, &given(&sets)).len(), 1);
    let set: Vec<String> = profile.switches.iter().map(ToString::to_string).collect();
    assert_eq!(
        set,
        [
            "pool=1000 (1 to 1000): connections",
            "indexes=on (off or on): how rows are found",
            "limit=70 (off or 1 to 100): requests a second"
        ]
    );
}

#[test]
fn what_can_t_be_set_is_refused_with_what_can() {
    let all = "pool (1 to 1000), indexes (off or on), limit (off or 1 to 100)";
    for (sets, said) in [
        (
            &["poool=5"][..],
            &[&*format!("--set poool=5: there is no such switch; did you mean pool? The profile has {all}")][..],
        ),
        (&["zzz="], &[&format!("--set zzz=: there is no such switch; the profile has {all}")]),
        (
            &["pool=0", "indexes=yes"],
            &["--set pool=0: pool must be 1 to 1000", "--set indexes=yes: indexes must be off or on"],
        ),
        (&["limit=101"], &["--set limit=101: limit must be off or 1 to 100"]),
        (&["limit=-1"], &["--set limit=-1: limit must be off or 1 to 100"]),
        (&["pool=05"], &["--set pool=05: pool must be 1 to 1000"]),
        (&["limit=+1"], &["--set limit=+1: limit must be off or 1 to 100"]),
        (&["pool=5", "pool=6"], &["--set pool=6: pool is set twice; once is enough"]),
    ] {
        let mistakes = read_with(SHOP, sets).unwrap_err();
        assert_eq!(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>(), said);
    }
    let mistakes = read_with("[[route]]\npath = '/a'", &["pool=5"]).unwrap_err();
    assert_eq!(mistakes[0].to_string(), "--set pool=5: the profile has no switches");
}

#[test]
fn declarations_and_places_are_checked_for_every_word() {
    let route = "[[route]]\npath = '/a'\n";
    let switch = "[[switch]]\nname = 'x'\nabout = 'y'\nwords = ['on', 'off']\ndefault = 'on'\n";
    let limit = |switch: &str, place: &str| format!("{switch}[limits]\nmax_inflight = {{ {place} }}\n");
    for (text, place, says) in [
        ("switch = 1\n", "1 column 10: switch = 1", "must be a list"),
        (
            "[[switch]]\nname = 'X'\nabout = 'y'\nwords = ['on']\ndefault = 'on'\n",
            "2 column 8: switch.name = X",
            "small letters",
        ),
        ("[[switch]]\nname = 'x'\nwords = ['on']\ndefault = 'on'\n", "1 column 1: switch.about", "is missing"),
        ("[[switch]]\nname = 'x'\nabout = 'y'\ndefault = 'on'\n", "1 column 1: switch.words", "or both"),
        ("[[switch]]\nname = 'x'\nabout = 'y'\nwords = ['on']\n", "1 column 1: switch.default", "is missing"),
        (
            "[[switch]]\nname = 'x'\nabout = 'y'\nrange = [3, 1]\ndefault = 1\n",
            "4 column 9: switch.range",
            "least and the most",
        ),
        (
            "[[switch]]\nname = 'x'\nabout = 'y'\nrange = [1, 3]\ndefault = 4\n",
            "5 column 11: switch.default = 4",
            "must be 1 to 3",
        ),
        (&*[switch, switch].concat(), "6 column 1: switch", "x is declared twice"),
        (
            &*limit(switch, "switch = 'z'"),
            "7 column 27: limits.max_inflight.switch = z",
            "the profile has x (on or off)",
        ),
        (
            &*limit(switch, "switch = 'x', maybe = 1"),
            "7 column 32: limits.max_inflight.maybe",
            "no word of x: it is on or off",
        ),
        // Of the word that it isn't set to.
        (&*limit(switch, "switch = 'x', on = 1, off = 0"), "7 column 1: limits.max_inflight = 0", "must be 1 to"),
        (
            &*format!("{switch}[rate_limit]\nburst = 1\nrate = {{ switch = 'x', on = 5, off = -1 }}\n"),
            "8 column 38: rate_limit.rate = -1",
            "is not a plain decimal",
        ),
        (
            &*limit(&switch.replace("default", "range = [1, 2]\ndefault"), "switch = 'x', on = 1"),
            "8 column 16: limits.max_inflight",
            "may be a number",
        ),
    ] {
        let mistakes = load(&format!("{text}{route}")).unwrap_err();
        let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        assert!(said[0].contains(&format!("line {place}")) && said[0].contains(says), "{text}{said:#?}");
    }
}
