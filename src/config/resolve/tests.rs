//! What the configuration promises, layer by layer and mistake by mistake.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{File, LogFormat, Processors};
use crate::limit::Limit;
use crate::maybe_known::MaybeKnown;
use crate::phase::Phases;
use crate::units::Bytes;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Four CPUs, and what is given.
fn layers(flags: &[(&str, &str)], environment: &[(&str, &str)], file: Option<&str>) -> Layers {
    let environment = pairs(environment).into_iter().map(|(name, value)| (name, Some(value)));
    Layers {
        flags: pairs(flags),
        environment: environment.collect(),
        file: file.map(|text| File { name: "q.toml".to_owned(), text: text.to_owned() }),
        profile: Vec::new(),
        passed: Vec::new(),
        processors: Processors { allowed: 4, quota: MaybeKnown::known(None) },
        container_host: None,
    }
}

impl Config {
    /// That of a run with these flags, for tests.
    pub(crate) fn of(flags: &[(&str, &str)]) -> Self {
        resolve(&layers(flags, &[], None)).unwrap()
    }
}

fn sentences(layers: &Layers) -> Vec<String> {
    resolve(layers).unwrap_err().iter().map(ToString::to_string).collect()
}

/// The one mistake of a flag.
fn mistake(name: &str, value: &str) -> String {
    let sentences = sentences(&layers(&[(name, value)], &[], None));
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    sentences[0].clone()
}

fn mistakes_of_file(text: &str) -> Vec<String> {
    sentences(&layers(&[], &[], Some(text)))
}

#[test]
fn nothing_given_is_the_defaults() {
    let config = Config::of(&[]);
    assert_eq!(config.listen, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:8081");
    assert_eq!((config.mode, config.workers, config.max_workers), (Mode::Single, 1, 64));
    assert_eq!((config.pool_threads, config.seed, config.backlog), (16, 1, 4096));
    assert_eq!((config.max_connections.most, config.max_inflight.most), (16_384, 16_384));
    assert_eq!(config.max_delay, Limit { most: Duration::from_mins(1), setting: "max-delay" });
    assert_eq!(config.max_cpu.most, Duration::from_secs(10));
    assert_eq!(config.max_body.most, Bytes(64 << 20));
    assert_eq!(config.keep_alive_timeout, Some(Duration::from_secs(75)));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(30));
    assert_eq!(config.drain_delay, Duration::ZERO);
    assert_eq!(config.sample_interval, Duration::from_secs(1));
    assert_eq!((config.no_csv, config.log_format, config.quiet), (false, LogFormat::Text, false));
    assert_eq!(config.log, "info");
    assert_eq!((config.run_dir, config.duration, config.phases), (None, None, Phases::default()));
    assert_eq!((config.while_command, config.admin_token), (None, None));
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = Some("seed = 2\nbacklog = 20\npool_threads = 200");
    let environment = [("QUINTAIN_SEED", "3"), ("QUINTAIN_BACKLOG", "30"), ("HOME", "/root")];
    let config = resolve(&layers(&[("seed", "4")], &environment, file)).unwrap();
    assert_eq!((config.seed, config.backlog, config.pool_threads, config.max_workers), (4, 30, 200, 64));
}

#[test]
fn only_the_winning_value_is_checked() {
    let environment = [("QUINTAIN_SEED", "x"), ("QUINTAIN_BACKLOG", "0")];
    let flags = [("seed", "4"), ("backlog", "1")];
    let file = Some("backlog = 0\nmax_body = \"x\"");
    let sentences = sentences(&layers(&flags, &environment, file));
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert!(sentences[0].starts_with("q.toml line 2: max_body = x: "), "{sentences:?}");
}

#[test]
fn every_mistake_is_reported_with_its_source() {
    let flags = [("workers", "100000"), ("mode", "threads"), ("max-delay", "-1s")];
    let environment = [("QUINTAIN_LOG_FORMAT", "xml"), ("QUINTAIN_WORKRES", "1")];
    let file = "# limits\n\nmax_cpu = 5\nmax_bdy = \"1MiB\"\nbacklog = \"many\"\n[limits]\nmax_inflight = 1";
    assert_eq!(
        sentences(&layers(&flags, &environment, Some(file))),
        [
            "q.toml line 4: max_bdy: there is no such setting; did you mean max_body?",
            "q.toml line 5: backlog = \"many\": must be an integer (1 to 65535), not a string",
            "q.toml line 6: limits: settings stand at the top level, not in tables",
            "QUINTAIN_WORKRES: there is no such setting; did you mean QUINTAIN_WORKERS?",
            "--workers 100000: must be 1 to 64 (--max-workers)",
            "--max-delay -1s: must not be negative; allowed is 0 to 1h",
            "q.toml line 3: max_cpu = 5: needs a unit: 5s for seconds, 5ms for milliseconds; allowed is 0 to 10m",
            "QUINTAIN_LOG_FORMAT=xml: must be text or json",
        ]
    );
}

#[test]
fn workers_depend_on_the_mode() {
    assert_eq!(Config::of(&[("mode", "cluster")]).workers, 4);
    assert_eq!(Config::of(&[("mode", "threads"), ("max-workers", "3")]).workers, 3);
    assert_eq!(Config::of(&[("mode", "cluster"), ("workers", "64")]).workers, 64);
    assert_eq!(Config::of(&[("workers", "1")]).workers, 1);
    let more = "choose --mode threads or --mode cluster for more";
    assert_eq!(mistake("workers", "2"), format!("--workers 2: must be 1 in mode single: {more}"));
    assert_eq!(
        mistake("workers", "0"),
        format!("--workers 0: must be 1 to 64 (--max-workers), and 1 in mode single: {more}")
    );
    let over = [("mode", "cluster"), ("workers", "5"), ("max-workers", "4")];
    assert_eq!(sentences(&layers(&over, &[], None)), ["--workers 5: must be 1 to 4 (--max-workers)"]);
    // One mistake doesn't bring forth another.
    let broken = [("mode", "clutser"), ("workers", "100"), ("max-workers", "x")];
    assert_eq!(
        sentences(&layers(&broken, &[], None)),
        ["--mode clutser: must be single, threads or cluster", "--max-workers x: must be 1 to 256",]
    );
}

#[test]
fn bounds_are_allowed_and_what_lies_beyond_is_not() {
    let cases = [
        ("max-workers", "1", "256", "257"),
        ("pool-threads", "1", "512", "513"),
        ("backlog", "1", "65535", "65536"),
        ("seed", "0", "18446744073709551615", "18446744073709551616"),
        ("max-connections", "1", "1000000", "1000001"),
        ("max-inflight", "1", "1000000", "1000001"),
        ("max-delay", "0", "1h", "3601s"),
        ("max-cpu", "0", "10m", "601s"),
        ("max-body", "0", "4GiB", "4294967297"),
        ("keep-alive-timeout", "1ns", "1h", "3601s"),
        ("shutdown-timeout", "100ms", "1h", "99ms"),
        ("drain-delay", "0", "10m", "601s"),
        ("sample-interval", "50ms", "1m", "49.9ms"),
        ("duration", "1ns", "10000h", "0"),
    ];
    for (name, least, most, beyond) in cases {
        Config::of(&[(name, least)]);
        Config::of(&[(name, most)]);
        assert!(mistake(name, beyond).contains(": must be "), "{name}");
    }
    assert_eq!(Config::of(&[("keep-alive-timeout", "0")]).keep_alive_timeout, None);
}

#[test]
fn nonsense_is_refused_in_every_setting() {
    for setting in SETTINGS {
        let sentence = mistake(setting.name, "");
        assert!(sentence.contains("must be"), "{sentence}");
    }
    assert!(mistake("log", "quintain=loud").starts_with("--log quintain=loud: must be LEVEL or MODULE=LEVEL"));
    Config::of(&[("log", "quintain::worker=debug,off")]);
    assert!(mistake("workers", "-1").contains("must be 1 to 64"));
    assert!(mistake("backlog", "1e3").contains("must be 1 to 65535"));
}

#[test]
fn two_listeners_need_two_places() {
    assert_eq!(
        mistake("admin", "127.0.0.1:8080"),
        "--admin 127.0.0.1:8080: must not be where the target listens, 127.0.0.1:8080 (--listen)"
    );
    assert_eq!(
        mistake("listen", "0.0.0.0:8081"),
        "--listen 0.0.0.0:8081: is where the admin routes listen, 127.0.0.1:8081: give --admin another address, or off"
    );
    assert_eq!(Config::of(&[("listen", "127.0.0.1:8081"), ("admin", "off")]).admin, None);
    Config::of(&[("listen", "127.0.0.1:0"), ("admin", "127.0.0.1:0")]);
}

#[test]
fn a_flag_is_given_once() {
    let twice = layers(&[("no-csv", "true"), ("no-csv", "true")], &[], None);
    assert_eq!(sentences(&twice), ["--no-csv: is given more than once"]);
}

#[test]
fn the_environment_may_hold_what_kubernetes_puts_there() {
    let environment = [
        ("QUINTAIN_PORT", "tcp://10.0.0.1:80"),
        ("QUINTAIN_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("QUINTAIN_SERVICE_HOST", "10.0.0.1"),
        ("QUINTAIN_SERVICE_PORT_HTTP", "80"),
    ];
    assert!(resolve(&layers(&[], &environment, None)).is_ok());
    let undecoded = Layers { environment: vec![("QUINTAIN_LOG".to_owned(), None)], ..layers(&[], &[], None) };
    assert_eq!(sentences(&undecoded), ["QUINTAIN_LOG: is not valid UTF-8"]);
}

#[test]
fn the_file_takes_the_types_that_fit() {
    let file = "seed = 0xFFFF_FFFF\nkeep_alive_timeout = 0\nmax_body = 1_000\nno_csv = true\nadmin = 'off'";
    let config = resolve(&layers(&[], &[], Some(file))).unwrap();
    assert_eq!((config.seed, config.max_body.most), (0xFFFF_FFFF, Bytes(1000)));
    assert_eq!((config.keep_alive_timeout, config.no_csv, config.admin), (None, true, None));
    assert_eq!(
        mistakes_of_file("no_csv = 'true'\nlog = 1\nmax_delay = 1.5\nworkers = [1]\n[mode]"),
        [
            "q.toml line 1: no_csv = 'true': must be a boolean (true or false), not a string",
            "q.toml line 2: log = 1: must be a string (LEVEL or MODULE=LEVEL, or several with commas; levels are off, error, warn, info, debug, trace), not an integer",
            "q.toml line 3: max_delay = 1.5: must be a string (0 to 1h), not a float",
            "q.toml line 4: workers = [1]: must be an integer (1 to 256), not an array",
            "q.toml line 5: mode: must be a string (single, threads or cluster), not a table",
        ]
    );
    assert_eq!(
        mistakes_of_file("config = 'other.toml'"),
        ["q.toml line 1: config: one configuration file can't name another"]
    );
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let sentences = mistakes_of_file("seed = 1\nlog = \"ä\" x\nseed = = 2\n");
    assert!(sentences.len() >= 2, "{sentences:?}");
    assert!(sentences[0].starts_with("q.toml line 2 column 11: not valid TOML: "), "{sentences:?}");
    assert!(sentences[1].starts_with("q.toml line 3 column "), "{sentences:?}");
    assert!(mistakes_of_file("seed = 1\nseed = 2")[0].starts_with("q.toml line 2 column 1: "));
}

#[test]
fn a_file_that_cannot_be_read_is_one_mistake_among_others() {
    let flags = [("config", "/nowhere/q.toml"), ("seed", "x")];
    let mut layers = layers(&flags, &[], None);
    let sentence = layers.read_file().unwrap_err().to_string();
    assert_eq!(sentences(&layers).len(), 1, "the seed's");
    assert!(sentence.starts_with("--config /nowhere/q.toml: can't be read: No such file"), "{sentence}");
}

#[test]
fn the_token_is_shown_nowhere() {
    let config = Config::of(&[("admin-token", "hunter2")]);
    assert_eq!(config.admin_token.as_ref().unwrap().reveal(), "hunter2");
    let shown = [config.to_toml(), config.to_json().to_string(), format!("{config:?}")];
    for text in shown {
        assert!(text.contains("[redacted]") && !text.contains("hunter2"), "{text}");
    }
    let misspelt = layers(&[("admin-tokn", "hunter2")], &[("QUINTAIN_TOKEN", "hunter2")], None);
    let all = [
        sentences(&misspelt),
        mistakes_of_file("admin_tokn = 'hunter2'"),
        mistakes_of_file("admin_token = ['hunter2']"),
        mistakes_of_file("admin_token = 'hunter2' 1"),
    ];
    assert!(!all.concat().concat().contains("hunter2"), "{all:?}");
}

#[test]
fn printed_toml_loads_back() {
    let flags = [
        ("listen", "[::1]:0"),
        ("admin", "unix:/run/a \"quoted\" path\\"),
        ("mode", "cluster"),
        ("workers", "7"),
        ("seed", "18446744073709551615"),
        ("keep-alive-timeout", "0"),
        ("max-delay", "1.5s"),
        ("max-body", "1000001"),
        ("run-dir", "runs/ä\tb"),
        ("no-csv", "true"),
        ("log", "quintain=debug,warn"),
        ("log-format", "json"),
        ("quiet", "true"),
        ("duration", "90s"),
        ("phases", "warm up:1.5s,measure:2m"),
        ("while", "wrk '{url}'\necho \"done\""),
        ("without-times", "true"),
    ];
    for flags in [&flags[..], &[("admin", "off")], &[]] {
        let config = Config::of(flags);
        let file = config.to_toml();
        assert_eq!(resolve(&layers(&[], &[], Some(&file))), Ok(config), "{file}");
    }
}

#[test]
fn json_has_every_setting() {
    let json = Config::of(&[("seed", "18446744073709551615")]).to_json();
    let shown = SETTINGS.iter().filter(|setting| !setting.is_hidden());
    let keys: Vec<String> = shown.map(crate::config::Setting::key).collect();
    assert!(json.as_object().unwrap().keys().eq(keys.iter()));
    assert_eq!(json["seed"], u64::MAX);
    assert_eq!(json["keep_alive_timeout"], "75s");
    assert_eq!(json["no_csv"], false);
    assert!(json["run_dir"].is_null() && json["admin_token"].is_null());
    assert_eq!(Config::of(&[("without-times", "true")]).to_json()["without_times"], true);
}

#[test]
fn choices_are_the_same_in_the_table_and_in_the_types() {
    for mode in Mode::ALL {
        assert_eq!(Config::of(&[("mode", &mode.to_string())]).mode, mode);
    }
    for format in LogFormat::ALL {
        assert_eq!(Config::of(&[("log-format", &format.to_string())]).log_format, format);
    }
    let words = |name| setting(name).kind.to_string();
    assert_eq!(words("mode"), "single, threads or cluster");
    assert_eq!(words("log-format"), "text or json");
}

proptest! {
    #[test]
    fn no_value_panics(index in 0..SETTINGS.len(), text in "\\PC{0,8}") {
        let _ = resolve(&layers(&[(SETTINGS[index].name, &text)], &[], None));
    }

    #[test]
    fn no_file_panics(text in "[a-z_=\\[\\]\"'0-9.\\n ä]{0,40}") {
        let _ = resolve(&layers(&[], &[], Some(&text)));
    }

    #[test]
    fn whatever_resolves_loads_back(
        seed: u64,
        delay in 0_u64..=3_600_000_000_000,
        body in 0_u64..=4 << 30,
        command in "\\PC{1,20}".prop_filter("a value in quotes is refused", |text| layers::in_quotes(text).is_none()),
    ) {
        let (seed, delay, body) = (seed.to_string(), format!("{delay}ns"), body.to_string());
        let flags = [("seed", &*seed), ("max-delay", &delay), ("max-body", &body), ("while", &command)];
        let config = Config::of(&flags);
        prop_assert_eq!(resolve(&layers(&[], &[], Some(&config.to_toml()))), Ok(config));
    }
}
