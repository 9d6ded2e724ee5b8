//! What RFC 9110 and RFC 9112 ask of a server, row by row, and clients that keep to nothing of it.
//!
//! A row says what is sent, which statuses come back, whether the connection goes on, and whether the request
//! counts as rejected. Each is played as one segment and byte by byte. A connection that is to be closed gets a
//! further request right behind, which must never be answered.

mod bodies;
mod connections;
mod departures;
mod fields;
mod half_closed;
mod lengths;
mod pieces;
mod slow;
mod start_lines;
mod unread;

use std::io;

use crate::support::client::{Client, Response};
use crate::support::target::{Target, at_rest};
use crate::support::wait_for;

/// One case: built by [`row`], then told what must come of it.
struct Row {
    name: String,
    sent: Vec<u8>,
    statuses: Vec<u16>,
    goes_on: bool,
    rejected: u64,
    /// What the sentence of the last answer says.
    says: Option<&'static str>,
}

/// What is sent, under a name that says which section of which RFC is meant.
fn row(name: impl Into<String>, sent: impl AsRef<[u8]>) -> Row {
    let sent = sent.as_ref().to_vec();
    Row { name: name.into(), sent, statuses: Vec::new(), goes_on: false, rejected: 0, says: None }
}

impl Row {
    /// Answered so, and the connection goes on.
    fn answered(self, statuses: &[u16]) -> Self {
        Self { statuses: statuses.to_vec(), goes_on: true, ..self }
    }

    /// Answered so, and the connection is closed.
    fn closed_after(self, statuses: &[u16]) -> Self {
        Self { statuses: statuses.to_vec(), ..self }
    }

    /// Answered so, counted as rejected, and the connection is closed.
    fn refused(self, status: u16) -> Self {
        self.refused_after(&[], status)
    }

    /// The last of several requests is refused.
    fn refused_after(self, statuses: &[u16], status: u16) -> Self {
        Self { statuses: [statuses, &[status]].concat(), rejected: 1, ..self }
    }

    /// The refusal has a sentence that says this.
    fn saying(self, says: &'static str) -> Self {
        Self { says: Some(says), ..self }
    }
}

/// Has another answer than every row's.
const HIDDEN: &str = "GET /plaintext HTTP/1.1\r\nHost: target\r\n\r\n";

/// A head with these lines, each without its end, after the request line and a Host.
fn get(lines: &[&str]) -> String {
    let lines = [&["GET /json HTTP/1.1", "Host: target"], lines, &["\r\n"]].concat();
    lines.join("\r\n")
}

/// How the bytes of a row leave the client.
#[derive(Clone, Copy, Debug)]
enum Pace {
    AtOnce,
    ByteByByte,
}

/// Byte by byte only what is short.
const SHORT: usize = 1_000;

fn play(rows: Vec<Row>) {
    let target = Target::start(&["--mode", "single", "--max-body", "64kB"]);
    let mut rejected = 0;
    let mut failures = Vec::new();
    for row in rows {
        for pace in [Pace::AtOnce, Pace::ByteByByte] {
            if matches!(pace, Pace::ByteByByte) && row.sent.len() > SHORT {
                continue;
            }
            if let Err(what) = play_one(&target, &row, pace) {
                failures.push(format!("{} ({pace:?}): {what}", row.name));
                rejected = target.total("rejected");
                continue;
            }
            rejected += row.rejected;
            wait_for(&format!("{rejected} rejected after {}", row.name), || {
                (target.total("rejected") == rejected).then_some(())
            });
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let stats = at_rest(&target);
    let totals = &stats["totals"];
    assert_eq!((&totals["started"], &totals["lost"]), (&totals["finished"], &0.into()), "{stats}");
    assert_eq!(target.end().code, Some(0));
}

fn play_one(target: &Target, row: &Row, pace: Pace) -> Result<(), String> {
    let mut client = target.connect();
    let behind = if row.goes_on { "" } else { HIDDEN };
    let sent = [&row.sent, behind.as_bytes()].concat();
    let sent = match pace {
        Pace::AtOnce => client.send(&sent),
        Pace::ByteByByte => sent.iter().try_for_each(|byte| client.send([*byte])),
    };
    // The target may have closed while the rest was still being sent.
    let _ = sent;
    let head = row.sent.starts_with(b"HEAD");
    for (number, status) in row.statuses.iter().enumerate() {
        let response = final_response(&mut client, if head { "HEAD" } else { "GET" })
            .map_err(|error| format!("response {number}: {error}"))?;
        if response.status != *status {
            return Err(format!("response {number}: {} for {status}: {}", response.status, response.text()));
        }
        let says = row.says.filter(|_| number + 1 == row.statuses.len());
        if says.is_some_and(|says| !response.text().contains(says)) {
            return Err(format!("response {number} says {:?}", response.text()));
        }
        if *status == 405 && response.header("allow").is_none() {
            return Err("a 405 without Allow".to_owned());
        }
    }
    if row.goes_on {
        let next = client.get("/plaintext").map_err(|error| format!("the next request: {error}"))?;
        return if next.text() == "Hello, World!" { Ok(()) } else { Err(format!("next came {next:?}")) };
    }
    match client.read_to_end() {
        Ok(rest) if rest.is_empty() => Ok(()),
        Ok(rest) => Err(format!("more came: {}", String::from_utf8_lossy(&rest).escape_debug())),
        Err(error) => Err(format!("no orderly end: {error}")),
    }
}

/// Past what a client must be able to ignore.
fn final_response(client: &mut Client, method: &str) -> io::Result<Response> {
    loop {
        let response = client.receive_after(method)?;
        if response.status >= 200 {
            return Ok(response);
        }
    }
}
