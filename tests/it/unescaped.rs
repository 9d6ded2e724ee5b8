//! Nothing that a client sends reaches a log, a file of the run or an answer unescaped: no line of its own, no control
//! character, no cell.

use crate::support::client::{Client, Response};
use crate::support::target::{Left, Target};

/// In everything that is sent, so that it is found wherever it turns up.
const MARK: &str = "forged";

/// What would be something else where it is written down as it is; percent-encoded.
#[rustfmt::skip] // A table.
const EVIL: [(&str, &str); 16] = [
    ("a line of the log", "%0A2026-01-01T00:00:00Z%20ERROR%20"),
    ("a row of a CSV file", "%0D%0A2026-01-01T00:00:00Z,1,2,3%0D%0A"),
    ("a header", "%0D%0Ax-quintain-worker:%209.9%0D%0A"),
    ("an escape sequence", "%1B[31;1m%1B]0;title%07"),
    ("an escape of one character, in UTF-8", "%C2%9B31m"),
    ("a NUL", "%00"),
    ("backspaces and a DEL", "%08%08%08%7F"),
    ("quotes and commas", "%22,%22%22,'"),
    ("the end of a JSON text", "%22}%5C%22%5Cn{%22error%22:%22"),
    ("a formula", "%3D1+1%7Ccmd"),
    ("a line separator of Unicode", "%E2%80%A8%C2%85"),
    ("text from right to left", "%E2%80%AE%E2%81%A6"),
    ("overlong UTF-8", "%C0%AF%C0%8A"),
    ("half of a character", "%E2%80"),
    ("a surrogate", "%ED%A0%80"),
    ("no UTF-8", "%FF%FE"),
];

/// The same, as bytes.
fn decoded(text: &str) -> Vec<u8> {
    percent_decoded(text.as_bytes())
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    match text {
        [b'%', high, low, rest @ ..] => {
            let digits = [*high, *low];
            let byte = u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap();
            [vec![byte], percent_decoded(rest)].concat()
        }
        [byte, rest @ ..] => [vec![*byte], percent_decoded(rest)].concat(),
        [] => Vec::new(),
    }
}

fn requests(evil: &str) -> Vec<Vec<u8>> {
    let raw = [&decoded(evil), MARK.as_bytes()].concat();
    let encoded = format!("{evil}{MARK}");
    let targets = [
        format!("/{encoded}"),
        format!("/health/{encoded}"),
        format!("/io?ms={encoded}"),
        format!("/io?{encoded}=1"),
        format!("/cpu?on={encoded}&ms=1"),
        format!("/stats?since={encoded}"),
        format!("http://{encoded}/health"),
    ];
    let head = |line: &[u8], host: &[u8], more: &[u8]| {
        [line, b" HTTP/1.1\r\nHost: ", host, b"\r\nContent-Length: 0\r\n", more, b"\r\n"].concat()
    };
    let field =
        |name: &[u8], value: &[u8]| head(b"GET /io?ms=0", b"localhost", &[name, b": ", value, b"\r\n"].concat());
    let mut requests: Vec<_> =
        targets.iter().map(|target| head(format!("GET {target}").as_bytes(), b"localhost", b"")).collect();
    requests.extend([
        head(&[b"GET /", &raw[..]].concat(), b"localhost", b""),
        head(&[&raw[..], b" /io"].concat(), b"localhost", b""),
        head(b"FORGED!#$%&'*+-.^_`|~ /io", b"localhost", b""),
        head(b"GET /io?ms=0", &raw, b""),
        head(b"GET /io?ms=0", encoded.as_bytes(), b""),
        field(b"X-Forged", &raw),
        field(&raw, b"1"),
        field(b"User-Agent", &raw),
        field(b"Authorization", &raw),
        field(b"Origin", &raw),
        field(b"Transfer-Encoding", &raw),
        field(b"Expect", &raw),
        [
            format!("POST /ready HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", raw.len()).as_bytes(),
            &raw,
        ]
        .concat(),
    ]);
    requests
}

/// A text that says one thing to a person, a terminal and a program: no control character but the ends of its lines.
fn is_plain(text: &str) -> bool {
    let hidden = |letter: char| matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.lines().any(|line| line.contains(|letter: char| letter.is_control() || hidden(letter)))
}

fn is_told_in_one_line_of_json(what: &str, response: &Response) {
    let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.iter().any(|name| name.contains(MARK)), "{what}: {names:?}");
    for (name, value) in &response.headers {
        assert!(value.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{what}: {name}: {value:?}");
        assert!(!value.contains(MARK), "{what}: {name}: {value:?}");
    }
    if response.status >= 400 && !response.body.is_empty() {
        assert_eq!(response.header("content-type"), Some("application/json"), "{what}");
        let text = std::str::from_utf8(&response.body).unwrap();
        let line = text.strip_suffix('\n').unwrap_or(text);
        assert!(line.bytes().all(|byte| byte >= b' '), "{what}: {line:?}");
        assert!(response.json()["error"].is_string(), "{what}: {line}");
    }
}

/// Sends it all; how often it was answered.
fn send_everything(address: &str) -> usize {
    let mut answered = 0;
    for (what, evil) in EVIL {
        for request in requests(evil) {
            let mut client = Client::connect(address).unwrap();
            client.send(&request).unwrap();
            client.end_sending();
            // Some are not answered at all.
            while let Ok(response) = client.receive() {
                let sent = String::from_utf8_lossy(&request);
                is_told_in_one_line_of_json(&format!("{what}: {sent:?}"), &response);
                answered += 1;
            }
        }
    }
    answered
}

fn files_hold_nothing_of_it(left: &Left) {
    for file in ["resources.csv", "workers.csv", "routes.csv", "latency.hlog", "events.csv", "run.json"] {
        let text = std::fs::read_to_string(left.file(file)).unwrap();
        assert!(!text.to_lowercase().contains(MARK), "{file}: {text}");
        assert!(is_plain(&text), "{file}: {text:?}");
    }
    let rows = [left.csv("resources.csv"), left.csv("workers.csv"), left.csv("events.csv")].concat();
    assert!(rows.iter().all(|row| row["epoch_ms"].parse::<u64>().is_ok()), "{rows:?}");
}

/// Sent to a target that tells everything, and to its admin listener.
fn attacked(format: &str) -> Left {
    let target = Target::start(&["--mode", "cluster", "--workers", "1", "--log", "trace", "--log-format", format]);
    let sent: usize = EVIL.iter().map(|(_, evil)| requests(evil).len()).sum();
    for address in [target.address(), &target.ready["admin"]] {
        let answered = send_everything(address);
        assert!(answered > sent / 2, "{answered} of {sent}");
    }
    assert_eq!(target.get("/health").status, 200);
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    left
}

#[test]
fn a_log_for_people_has_no_line_and_no_colour_of_a_client() {
    let left = attacked("text");
    files_hold_nothing_of_it(&left);
    assert!(is_plain(&left.errors), "{:?}", left.errors);
    for line in left.errors.lines() {
        let (time, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let level = rest.split_whitespace().next();
        assert!(
            time.ends_with('Z') && level.is_some_and(|level| level.chars().all(char::is_uppercase)),
            "{line:?}"
        );
        assert!(!time.contains("T00:00:00Z"), "{line:?}");
    }
}

#[test]
fn a_log_of_json_has_no_object_of_a_client() {
    let left = attacked("json");
    files_hold_nothing_of_it(&left);
    for line in left.errors.lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
        assert!(line.bytes().all(|byte| byte >= b' '), "{line:?}");
    }
}

/// What is refused is quoted as it was meant, so that whoever reads the JSON gets the very value.
#[test]
fn a_refusal_quotes_the_value_as_it_was() {
    let target = Target::start(&["--mode", "single"]);
    for (what, evil) in EVIL {
        let wanted = decoded(&evil.replace('+', "%20"));
        let wanted = String::from_utf8_lossy(&wanted).into_owned();
        let refusal = target.get(&format!("/io?ms={evil}")).json();
        assert_eq!(refusal["value"], wanted, "{what}");
    }
}
