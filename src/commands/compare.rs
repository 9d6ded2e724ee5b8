//! `quintain compare`: two arrangements of the target under the same load, in turns, until it can be told which is better.
//!
//! What is decided is decided in [`comparison`](crate::comparison); here processes are started, loaded, measured and
//! ended. A round runs both arms, each with a fresh target: ready, warm-up, measured stretch, drain. What a round has
//! measured is a line of `rounds.jsonl` at once, so that an interrupted comparison loses nothing and can be resumed.

mod agent;
mod arrangement;
mod beside;
mod binary;
mod bounds;
mod ended;
mod first_request;
mod flags;
mod load;
mod outside;
mod plan;
mod process;
mod published;
mod record;
mod results;
mod round;
mod running;
mod server;
mod setting;
mod target;

use std::io::{self, Write};
use std::process::ExitCode;

use super::progress;
use crate::comparison::{Looks, Pair};
use bounds::State;
use ended::Ended;
pub use flags::{FLAGS, Flag};
pub use plan::Asked;
use plan::Plan;
use process::Stop;
use record::{Record, Round};
use results::Results;
pub use setting::Check;

/// Exit codes beside 0 (compared) and 2 (wrong usage). There is no answer when a round fails, and to a bound of `--fail-if` when an
/// objection bears on its row.
const A_BOUND_IS_BROKEN: u8 = 1;
const NO_ANSWER: u8 = 3;

/// Compares. `check` says what is wrong with the settings of an arm.
#[must_use]
pub fn run(asked: &Asked, check: &Check) -> ExitCode {
    let plan = match Plan::of(asked, check) {
        Ok(plan) => plan,
        Err(sentences) => return complain(&sentences, 2),
    };
    let mut record = match Record::open(&plan) {
        Ok(record) => record,
        Err(sentence) => return complain(&[sentence], 2),
    };
    for note in &plan.notes {
        let _ = writeln!(io::stderr(), "{note}");
    }
    let ended = match all_rounds(&plan, &mut record) {
        Ok(ended) => ended,
        Err(sentence) => {
            let done = record.rounds.len();
            let _ = conclude(&plan, &record, Ended::ByAFailure);
            let kept = format!("{done} of the rounds are kept; --resume {} goes on", plan.directory.display());
            return complain(&[sentence, kept], NO_ANSWER);
        }
    };
    match conclude(&plan, &record, ended) {
        Ok(results) if results.has_bound(State::Broken) => ExitCode::from(A_BOUND_IS_BROKEN),
        Ok(results) if results.has_bound(State::Refused) => ExitCode::from(NO_ANSWER),
        Ok(_) => ExitCode::SUCCESS,
        Err(sentence) => complain(&[sentence], NO_ANSWER),
    }
}

/// Runs rounds until a look decides, the last look is reached, or time or the user ends it.
fn all_rounds(plan: &Plan, record: &mut Record) -> Result<Ended, String> {
    let stop = Stop::watch().map_err(|error| format!("signals can't be waited for: {error}"))?;
    let bar = progress::bar(plan.looks.most() as u64, true, "{wide_bar} {pos} of at most {len} rounds, {msg}");
    loop {
        let done = record.rounds.len();
        bar.set_position(done as u64);
        if let Some(ended) = ended::after(plan, &record.pairs(), record.seconds()) {
            bar.finish_and_clear();
            return Ok(ended);
        }
        match round::run(plan, done, &bar, &stop) {
            Ok(Some(round)) => record.add(round)?,
            Ok(None) => {
                bar.finish_and_clear();
                return Ok(Ended::ByTheUser);
            }
            Err(sentence) => {
                bar.finish_and_clear();
                return Err(format!("round {}: {sentence}", done + 1));
            }
        }
    }
}

fn conclude<'a>(plan: &'a Plan, record: &'a Record, ended: Ended) -> Result<Results<'a>, String> {
    let results = Results::of(plan, record, ended);
    results.write()?;
    let mut output = io::stdout().lock();
    // Nobody is left to be told that stdout is closed.
    let _ = output.write_all(results.table().as_bytes()).and_then(|()| output.flush());
    Ok(results)
}

fn complain(sentences: &[String], code: u8) -> ExitCode {
    for sentence in sentences {
        let _ = writeln!(io::stderr(), "error: {sentence}");
    }
    ExitCode::from(code)
}

/// The rounds that count: those up to the last look that they reach, so that a comparison that was interrupted says what
/// its last look said. Before the first look there is none.
fn looked_at<'a>(looks: &Looks, pairs: &'a [Pair]) -> &'a [Pair] {
    &pairs[..looks.reached(pairs.len()).unwrap_or_default()]
}

/// What a round is called: a folder's name.
fn folder(number: usize) -> String {
    format!("{:03}", number + 1)
}

impl Round {
    /// As a pair of figures.
    fn pair(&self) -> Pair {
        Pair { first: self.first, a: self.arms[0].figures, b: self.arms[1].figures }
    }
}
