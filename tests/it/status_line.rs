//! The status line: one line of figures on a terminal, that is in nobody's way: not in that of the lines which share the
//! terminal, of a pipe, or of the target itself when the terminal is stopped or gone.

use std::time::Instant;

use rustix::process::Signal;

use crate::support::load::Load;
use crate::support::target::{MODES, Target, observer, rows, send};
use crate::support::terminal::{ERASE, OnTerminal};
use crate::support::wait_for;

const WIDE: u16 = 200;

/// The figure before or behind a word.
fn figure(line: &str, word: &str) -> f64 {
    let number = |text: &str| text.trim_end_matches(char::is_alphabetic).replace(',', "").parse().ok();
    let (before, behind) = line.split_once(word).unwrap_or_else(|| panic!("no {word} in {line:?}"));
    let before = before.rsplit(' ').find(|text| !text.is_empty()).and_then(number);
    let behind = || behind.split(' ').find(|text| !text.is_empty()).and_then(number);
    let found = if word.ends_with("/s") { before } else { behind() };
    found.unwrap_or_else(|| panic!("no figure of {word} in {line:?}"))
}

/// At the same time: most of it is waiting for seconds to pass.
fn in_every_mode(test: impl Fn(&[&str]) + Sync) {
    let test = &test;
    std::thread::scope(|scope| {
        for mode in MODES {
            scope.spawn(move || test(mode));
        }
    });
}

fn has_rows(terminal: &OnTerminal) -> usize {
    rows(&terminal.file("resources.csv")).len()
}

fn written(terminal: &OnTerminal, rows: usize) {
    wait_for("rows", || (has_rows(terminal) >= rows).then_some(()));
}

#[test]
fn its_figures_move_under_load() {
    in_every_mode(|mode| {
        let mut terminal = OnTerminal::start(mode, WIDE, |_| {});
        let load = Load::start(&terminal.ready("addr"), "/io?ms=5", 2);
        let busy = || {
            let drawn = terminal.drawn().into_iter().filter(|line| figure(line, "req/s") > 0.0).collect::<Vec<_>>();
            (drawn.len() >= 3).then_some(drawn)
        };
        let drawn = wait_for("three busy seconds", busy);
        assert_ne!(drawn[1], drawn[2], "{mode:?}");
        for line in &drawn[1..] {
            // Four clients one after the other, each request at least 5 ms.
            let rate = figure(line, "req/s");
            assert!(rate > 1.0 && rate <= 900.0, "{mode:?} {line}");
            assert!(figure(line, "p99") >= 4.9 && line.contains("ms"), "{mode:?} {line}");
            // Each of two workers may be interrupted after it has written an answer and before it has recorded it: its client may
            // already have the next request in flight with the other worker.
            assert!(figure(line, "in flight") <= 4.0 + 2.0 && figure(line, "cpu") >= 0.0, "{mode:?} {line}");
            assert!(figure(line, "rss") > 1.0 && line.contains("MiB"), "{mode:?} {line}");
            assert!(!line.contains("errors") && !line.contains("phase"), "{mode:?} {line}");
        }
        // It stands below everything else.
        assert!(terminal.shown().last().unwrap().contains("req/s"), "{mode:?} {:?}", terminal.shown());
        load.stop();
        assert_eq!(terminal.end(), Some(0), "{mode:?}");
        assert!(!terminal.shown().concat().contains("req/s"), "{mode:?} {:?}", terminal.shown());
    });
}

/// Also those of a row that is not drawn, as only every tenth is.
#[test]
fn errors_and_the_phase_show() {
    for (no_colour, is_red) in [("", true), ("1", false)] {
        let arguments = ["--phases", "warm up:1h", "--sample-interval", "100ms"];
        let mut terminal = OnTerminal::start(&arguments, WIDE, |command| {
            command.env("NO_COLOR", no_colour);
        });
        let begun = Instant::now();
        let load = Load::start(&terminal.ready("addr"), "/status/500", 1);
        load.answers(3);
        load.stop();
        let failed = wait_for("errors", || terminal.drawn().into_iter().find(|line| line.contains("errors/s")));
        assert_eq!(failed.contains("\x1b[31m"), is_red, "{failed:?}");
        assert!(failed.ends_with("  phase warm up"), "{failed:?}");
        // All of that second's, though no row is as long.
        let plain = failed.replace("\x1b[31m", "").replace("\x1b[0m", "");
        assert!((figure(&plain, "req/s") - figure(&plain, "errors/s")).abs() < 1e-9, "{failed:?}");
        assert!(!failed.contains("p99 –"), "{failed:?}");
        wait_for("the end of errors", || (!terminal.drawn().last()?.contains("errors/s")).then_some(()));
        let (drawn, seconds) = (terminal.drawn().len(), begun.elapsed().as_secs());
        assert!(drawn as u64 <= seconds + 1, "once a second, {drawn} in {seconds} s");
        assert_eq!(terminal.end(), Some(0));
        let said = terminal.said();
        assert_eq!(said.replace(ERASE, "").contains('\x1b'), is_red, "{said:?}");
    }
}

#[test]
fn nobody_who_did_not_ask_gets_one() {
    let dumb: fn(&mut std::process::Command) = |command| {
        command.env("TERM", "dumb");
    };
    let no_name: fn(&mut std::process::Command) = |command| {
        command.env_remove("TERM");
    };
    let usual: fn(&mut std::process::Command) = |_| {};
    let cases = [
        (&["--quiet"][..], usual),
        (&["--quiet", "--mode", "cluster", "--workers", "1"], usual),
        (&[], dumb),
        (&[], no_name),
        (&["--while", "exec sleep 300"], usual),
    ];
    let terminals = cases.map(|(arguments, change)| OnTerminal::start(arguments, WIDE, change));
    let targets = MODES.map(|mode| Target::start(&[mode, &["--sample-interval", "1s"]].concat()));
    for mut terminal in terminals {
        terminal.ready("addr");
        written(&terminal, 4);
        terminal.end();
        let said = terminal.said();
        assert!(
            said.contains("done requests=0") && !said.contains("req/s") && !said.contains("\x1b[K"),
            "{said:?}"
        );
    }
    for target in targets {
        let resources = target.run_directory().join("resources.csv");
        wait_for("rows", || (rows(&resources).len() >= 4).then_some(()));
        target.signal(Signal::HUP);
        target.reaches(2);
        let left = target.end();
        assert!(left.errors.contains("HUP") && !left.errors.contains("req/s"), "{}", left.errors);
        assert!(!left.errors.contains(['\r', '\x1b']), "{:?}", left.errors);
    }
}

/// Who writes: the supervisor its events, the observer its line, and the program its first and last word.
#[test]
fn other_lines_stay_whole() {
    in_every_mode(|mode| {
        let mut terminal = OnTerminal::start(mode, WIDE, |_| {});
        let load = Load::start(&terminal.ready("addr"), "/io?ms=1", 1);
        let admin = terminal.ready("admin");
        for round in 1..=3 {
            let drawn = terminal.drawn().len();
            wait_for("the line", || (terminal.drawn().len() > drawn).then_some(()));
            send(terminal.pid(), Signal::HUP);
            wait_for("its event", || {
                let events = terminal.shown().into_iter().filter(|line| line.contains("signal=\"HUP\""));
                (events.count() == round).then_some(())
            });
        }
        if mode.contains(&"cluster") {
            send(observer(terminal.pid()), Signal::KILL);
            let drawn = terminal.drawn().len();
            wait_for("the next observer's line", || (terminal.drawn().len() > drawn).then_some(()));
        }
        load.stop();
        assert_eq!(terminal.end(), Some(0), "{mode:?}");
        let mut shown = terminal.shown();
        assert_eq!(shown.pop().as_deref(), Some(""), "{mode:?} the cursor is on a line of its own: {shown:#?}");
        assert!(shown.remove(0).starts_with("ready addr="), "{mode:?} {shown:#?}");
        // Where to look next, for a person at a terminal.
        assert_eq!(shown.remove(0), format!("live http://{admin}/"), "{mode:?} {shown:#?}");
        let report = shown.pop().unwrap();
        assert!(report.starts_with("report: quintain report "), "{mode:?} {report}");
        let done = shown.pop().unwrap();
        assert!(done.starts_with("done requests=") && done.ends_with("resources.csv"), "{mode:?} {done}");
        assert!(shown.len() >= 5, "{mode:?} {shown:#?}");
        for line in shown {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(words[0].ends_with('Z') && ["INFO", "WARN"].contains(&words[1]), "{mode:?} {line:?}");
            assert!(!line.contains("req/s"), "{mode:?} {line:?}");
        }
    });
}

#[test]
fn it_keeps_to_one_line_of_any_terminal() {
    let long = ["--phases", "a-name-that-is-long:1h"];
    let terminals = [1, 20, 40].map(|width| (width, OnTerminal::start(&long, width, |_| {})));
    for (width, mut terminal) in terminals {
        terminal.ready("addr");
        // Below the ready line and where the live page is.
        let lines = wait_for("two lines", || {
            let said = terminal.said();
            let (_, lines) = said.split_once("live http://")?.1.split_once('\n')?;
            (lines.matches(ERASE).count() >= 3).then(|| lines.to_owned())
        });
        assert!(!lines.contains('\n'), "{width}: {lines:?}");
        assert!(lines.split(ERASE).all(|line| line.chars().count() < usize::from(width)), "{width}: {lines:?}");
        assert_eq!(width > 15, lines.contains("0 req/s"), "{width}: {lines:?}");
        assert_eq!(terminal.end(), Some(0), "{width}");
    }
}

/// Control and S.
#[test]
fn a_stopped_terminal_holds_nothing_up() {
    in_every_mode(|mode| {
        let mut terminal = OnTerminal::start(mode, WIDE, |_| {});
        terminal.ready("addr");
        wait_for("the line", || (!terminal.drawn().is_empty()).then_some(()));
        terminal.press(b"\x13");
        let drawn = terminal.drawn().len();
        written(&terminal, has_rows(&terminal) + 3);
        assert!(terminal.drawn().len() <= drawn + 1, "{mode:?} it was stopped");
        terminal.press(b"\x11");
        wait_for("it goes on", || (terminal.drawn().len() >= drawn + 2).then_some(()));
        assert_eq!(terminal.end(), Some(0), "{mode:?}");
        assert!(terminal.shown().concat().contains("done requests="), "{mode:?} {:?}", terminal.shown());
    });
}

#[test]
fn a_terminal_that_is_gone_ends_nothing() {
    in_every_mode(|mode| {
        let mut terminal = OnTerminal::start(mode, WIDE, |_| {});
        let address = terminal.ready("addr");
        wait_for("the line", || (!terminal.drawn().is_empty()).then_some(()));
        terminal.hang_up();
        let load = Load::start(&address, "/health", 1);
        written(&terminal, has_rows(&terminal) + 3);
        load.answers(10);
        let tally = load.stop();
        assert_eq!((tally.failed, tally.not_ok), (0, 0), "{mode:?}");
        assert_eq!(terminal.end(), Some(0), "{mode:?}");
    });
}
