//! What is no output of one run of one generator is refused, in a sentence.

use super::*;

#[test]
fn content_decides_and_not_the_name() {
    for (name, generator) in WHOLE {
        let content = recorded(name);
        let by: Vec<_> = ALL.iter().filter(|one| one.recognise(&content)).map(|one| one.name()).collect();
        assert_eq!(by, [generator], "{name}");
    }
}

#[test]
fn an_output_that_is_cut_anywhere_is_refused_or_whole() {
    for (name, _) in WHOLE {
        let content = recorded(name);
        let last = content.trim_end().len();
        for length in (0..last).filter(|length| content.is_char_boundary(*length)) {
            let cut = read(&content[..length], "output", |_| None);
            // The last figure of a text may be shorter without anybody's being able to see it.
            assert!(cut.is_err() || last - length < 6, "{name} {length}: {cut:?}");
        }
    }
    assert!(wrong(&recorded("oha-counted/oha.json")[..900]).starts_with("is cut off in line "));
    assert_eq!(wrong(&recorded("wrk/wrk.txt")[..200]), "is cut off: wrk's output has no `Transfer/sec`");
}

#[test]
fn runs_of_two_generators_are_no_account() {
    let texts = ["wrk/wrk.txt", "hey/hey.txt", "ab/ab.txt", "h2load/h2load.txt", "oha-counted/oha.json"];
    for (one, other) in texts.iter().flat_map(|one| texts.map(|other| (*one, other))) {
        let said = wrong(&(recorded(one) + &recorded(other)));
        assert!(said.ends_with("give one of them"), "{one} {other}: {said}");
    }
}

#[test]
fn what_is_no_output_is_refused_with_what_to_do() {
    for (content, sentence) in [
        ("", "is empty"),
        (" \n", "is empty"),
        (
            "{}",
            "is no output of a generator that is known here (oha, wrk, locust, loadtest, autocannon, ab, hey, h2load, k6, vegeta, haproxy)",
        ),
        (
            "\u{0}\u{1}",
            "is no output of a generator that is known here (oha, wrk, locust, loadtest, autocannon, ab, hey, h2load, k6, vegeta, haproxy)",
        ),
        (
            "unable to connect to 127.0.0.1:9 Connection refused\n",
            "says that wrk could not connect, and nothing else: it made no load",
        ),
        (
            &recorded("oha-text/oha.txt"),
            "is oha's text for people, with rounded figures; ask oha for --output-format json",
        ),
        (
            "response-time,DNS+dialup,DNS\n",
            "is hey's CSV, which has no failures; give what hey prints without -o csv",
        ),
        (&recorded("locust-csv/locust.txt"), "is Locust's table for people; ask Locust for --json or --csv PREFIX"),
    ] {
        assert_eq!(wrong(content), sentence);
    }
    assert!(wrong(&recorded("locust-csv/locust_failures.csv")).contains("_stats.csv"));
    assert!(wrong(&recorded("locust-csv/locust_stats_history.csv")).contains("_stats.csv"));
}

#[test]
fn two_runs_in_one_file_are_refused() {
    for (name, _) in WHOLE {
        let twice = recorded(name).repeat(2);
        let sentence = wrong(&twice);
        assert!(sentence.contains("run") && sentence.ends_with("give one of them"), "{name}: {sentence}");
    }
}

#[test]
fn another_locale_s_decimals_are_refused() {
    for name in ["loadtest/loadtest.txt", "ab/ab.txt", "hey/hey.txt", "h2load/h2load.txt"] {
        // A point between digits.
        let content = recorded(name);
        let letters: Vec<char> = content.chars().collect();
        let is_decimal = |at: usize| {
            let digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
            letters[at] == '.' && at > 0 && digit(at - 1) && digit(at + 1)
        };
        let commas: String = (0..letters.len()).map(|at| if is_decimal(at) { ',' } else { letters[at] }).collect();
        let sentence = wrong(&commas);
        assert!(sentence.contains("as") && sentence.contains("writes it"), "{name}: {sentence}");
    }
    let content = recorded("locust-csv/locust_stats.csv");
    let (header, rows) = content.split_once('\n').unwrap();
    let commas = format!("{header}\n{}", rows.replace('.', ","));
    assert!(wrong(&commas).contains("decimal commas"), "{}", wrong(&commas));
    let quoted: Vec<String> = rows
        .trim()
        .lines()
        .map(|row| {
            row.split(',').map(|cell| format!("\"{}\"", cell.replace('.', ","))).collect::<Vec<_>>().join(",")
        })
        .collect();
    let quoted = wrong(&format!("{header}\n{}", quoted.join("\n")));
    assert!(quoted.contains("decimal point"), "{quoted}");
    let semicolons = content.replace(',', ";").replace('.', ",");
    assert!(wrong(&semicolons).contains("another locale"));
}

/// Each figure of an output by itself: one that can't be is refused, and none is left out in silence.
#[test]
fn figures_that_nobody_can_have_measured_are_refused() {
    for (name, figure) in [
        ("wrk/wrk.txt", "Requests/sec:"),
        ("wrk/wrk.txt", "Latency  "),
        ("wrk/wrk.txt", "50%"),
        ("wrk/wrk.txt", "threads and"),
        ("wrk/wrk.txt", "Non-2xx or 3xx responses:"),
        ("hey/hey.txt", "Total:"),
        ("hey/hey.txt", "Requests/sec:"),
        ("hey/hey.txt", "Slowest:"),
        ("hey/hey.txt", "Fastest:"),
        ("hey/hey.txt", "Average:"),
        ("hey/hey.txt", "Total data:"),
        ("hey/hey.txt", "50% in"),
        ("ab/ab.txt", "Time taken for tests:"),
        ("ab/ab.txt", "Requests per second:"),
        ("ab/ab.txt", "Total:"),
        ("ab/ab.txt", "50%"),
        ("loadtest/loadtest.txt", "Mean latency:"),
        ("loadtest/loadtest.txt", "50%"),
    ] {
        let content = recorded(name);
        let at = content.find(figure).unwrap_or_else(|| panic!("{name} has no {figure}")) + figure.len();
        let is_of_one = |letter: char| letter.is_ascii_digit() || letter == '.';
        let from = at + content[at..].find(is_of_one).unwrap();
        let to = from + content[from..].find(|letter| !is_of_one(letter)).unwrap();
        for other in ["NaN", "inf", "-1", "1x", "1,5"] {
            let changed = format!("{}{other}{}", &content[..from], &content[to..]);
            let read = read(&changed, "output", |_| None);
            assert!(read.is_err(), "{name}: {other} for {} after {figure}: {read:?}", &content[from..to]);
        }
    }
    let median = |at: &str| recorded("hey/hey.txt").replace("50% in", &format!("{at} in"));
    assert!(wrong(&median("150%")).contains("is damaged: it has a percentile 150"));
    assert_eq!(account_of(&median("50%%")).latency, account("hey/hey.txt").unwrap().latency);
    let errors = recorded("wrk/wrk.txt")
        .replace("Requests/sec:", "Socket errors: connect 0, read x, write 0, timeout 0\nRequests/sec:");
    assert!(wrong(&errors).contains("read x"), "{}", wrong(&errors));
    // Shorter than the last digit.
    let ab = recorded("ab/ab.txt");
    let line = ab.lines().find(|line| line.starts_with("Time taken for tests:")).unwrap();
    assert_eq!(account_of(&ab.replace(line, "Time taken for tests:   0.000 seconds")).duration_s, None);
}
