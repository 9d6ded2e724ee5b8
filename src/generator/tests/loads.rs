//! What a load becomes for each generator: a command and its files, or a sentence.

use super::super::*;

/// From 10 connections, of one path.
fn load(amount: Amount) -> Load {
    Load {
        amount,
        time_flag: "duration",
        concurrency: 10,
        rate: None,
        spawn_rate: None,
        path: "/x".to_owned(),
        mix: None,
        body: None,
    }
}

#[test]
fn a_load_that_a_generator_can_t_make_is_a_sentence() {
    for name in ["loadtest", "autocannon", "ab", "hey", "h2load"] {
        let generator = named(name).unwrap();
        let command = generator.invocation(&load(Amount::Requests(200)), "http://t").unwrap().command;
        assert_eq!((command[0].as_str(), command.last().unwrap().as_str()), (name, "http://t/x"));
        let paced = Load { rate: Some(5.0), ..load(Amount::Requests(200)) };
        assert!(generator.invocation(&paced, "http://t").unwrap_err().starts_with(&format!("--rate: {name} ")));
        let halves = load(Amount::Duration(std::time::Duration::from_millis(1_500)));
        assert_eq!(
            generator.invocation(&halves, "http://t").is_err(),
            !["hey", "h2load"].contains(&name),
            "{name}"
        );
    }
    for name in ["ab", "hey", "h2load"] {
        assert!(named(name).unwrap().invocation(&load(Amount::Requests(9)), "http://t").is_err(), "{name}");
    }
    let sentence = named("hey").unwrap().invocation(&load(Amount::Requests(15)), "http://t").unwrap_err();
    assert!(sentence.contains("give a multiple of 10"), "{sentence}");
}

#[test]
fn a_file_is_posted_by_those_that_can() {
    let body = Some("/a b.jpg".to_owned());
    let load = Load { body, ..load(Amount::Duration(std::time::Duration::from_secs(2))) };
    for (name, words) in [
        ("oha", "-m POST -D /a b.jpg http://t/x"),
        ("wrk", "-s post.lua --latency http://t/x"),
        ("autocannon", "-m POST -i /a b.jpg http://t/x"),
        ("ab", "-T application/octet-stream -p /a b.jpg http://t/x"),
        ("hey", "-m POST -D /a b.jpg http://t/x"),
        ("h2load", "-d /a b.jpg http://t/x"),
    ] {
        let Invocation { command, files } = named(name).unwrap().invocation(&load, "http://t").unwrap();
        assert!(command.join(" ").ends_with(words), "{command:?}");
        assert_eq!(files.len(), usize::from(name == "wrk"));
        assert!(files.iter().all(|(_, lines)| lines.contains("io.open([=[/a b.jpg]=], \"rb\")")), "{files:?}");
    }
    // A file may have any name.
    for (file, quoted) in [
        ("/a]=]b", "[==[/a]=]b]==]"),
        ("/a]=", "[==[/a]=]==]"),
        ("/a]==]=]", "[===[/a]==]=]]===]"),
        ("/a]", "[=[/a]]=]"),
    ] {
        let load = Load { body: Some(file.to_owned()), ..load.clone() };
        let script = named("wrk").unwrap().invocation(&load, "http://t").unwrap().files[0].1.clone();
        assert!(script.contains(&format!("io.open({quoted}, ")), "{script}");
    }
    for name in ["loadtest", "locust"] {
        let sentence = named(name).unwrap().invocation(&load, "http://t").unwrap_err();
        assert_eq!(
            sentence,
            format!("--body: {name} posts no file here; oha, wrk, autocannon, ab, hey and h2load do")
        );
    }
}

#[test]
fn locust_s_file_has_the_weights_and_the_stages() {
    let route = |method: &str, path: &str, weight| Weighted {
        request: Request { method: method.to_owned(), path: path.to_owned(), body: Body::Bytes(100) },
        weight,
    };
    let mix = Mix {
        routes: vec![route("GET", "/users/{id}", 3.0), route("POST", "/a\"b", 0.5)],
        stages: vec![Crowd { users: 10, spawn_rate: 2.0, seconds: Some(180.0) }],
        ..Mix::default()
    };
    let text = mix.locustfile();
    for words in
        ["(\"POST\", \"/a\\\"b\", body(100))", "WEIGHTS = [3, 0.5]", "STAGES = [(10, 2, 180)]", "REQUESTS = None"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let three_minutes = load(Amount::Duration(std::time::Duration::from_mins(3)));
    let load = Load { spawn_rate: Some(2.0), path: "/".to_owned(), mix: Some(mix), ..three_minutes };
    let locust = named("locust").unwrap();
    let whole = locust.invocation(&load, "http://t").unwrap();
    assert!(!whole.command.iter().any(|word| word.starts_with("--users")), "the stages say it: {whole:?}");
    let warmup = locust.invocation(&load.for_warmup(std::time::Duration::from_secs(1)), "http://t").unwrap();
    for word in ["--run-time=1s", "--exit-code-on-error=0"] {
        assert!(warmup.command.contains(&word.to_owned()), "{warmup:?}");
    }
    assert!(warmup.files[0].1.contains("WEIGHTS = [3, 0.5]") && warmup.files[0].1.contains("STAGES = []"));
    let counted = Load { amount: Amount::Requests(500), mix: None, ..load.clone() };
    let counted = locust.invocation(&counted, "http://t").unwrap();
    assert!(!counted.command.iter().any(|word| word.starts_with("--users")), "its file has them: {counted:?}");
    for words in ["REQUESTS = 500", "STAGES = [(10, 2, float(\"inf\"))]"] {
        assert!(counted.files[0].1.contains(words), "{words}: {counted:?}");
    }
    for other in ["oha", "wrk", "loadtest", "autocannon", "ab", "hey", "h2load"] {
        let sentence = named(other).unwrap().invocation(&load, "http://t").unwrap_err();
        assert!(sentence.contains("--with locust follows the weights"), "{other}: {sentence}");
    }
}
