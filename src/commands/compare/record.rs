//! The rounds that are done, and where they are kept.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::comparison::{Arm, Circumstances, Figures, Pair};

/// What a comparison is, in its directory.
const COMPARISON: &str = "comparison.json";

/// A line a round.
const ROUNDS: &str = "rounds.jsonl";

/// A round that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Round {
    /// The arm that ran first.
    pub first: Arm,
    /// Arm A, then arm B.
    pub arms: [Measured; 2],
    /// How long the round took.
    pub seconds: f64,
}

/// What one arm did in a round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// The target's own figures of the measured stretch.
    pub figures: Figures,
    /// The generator's figures, as far as its output could be read.
    pub client: Figures,
    /// What else happened.
    pub around: Circumstances,
    /// The target's run directory, within that of the comparison.
    pub run: String,
}

/// The rounds so far, in memory and in the comparison's directory.
pub struct Record {
    /// One after the other.
    pub rounds: Vec<Round>,
    lines: File,
}

#[derive(Serialize, Deserialize)]
struct Header {
    /// Everything that makes two comparisons the same one.
    identity: String,
    a: String,
    b: String,
    load: String,
    seed: u64,
}

impl Record {
    /// A new one, or the one that is resumed.
    ///
    /// # Errors
    /// A sentence that names the directory and what is wrong with it.
    pub fn open(plan: &Plan) -> Result<Self, String> {
        let directory = &plan.directory;
        let shown = directory.display();
        let [header_path, rounds_path] = [COMPARISON, ROUNDS].map(|name| directory.join(name));
        let rounds = if plan.resumes {
            let header = fs::read_to_string(&header_path)
                .map_err(|error| format!("--resume {shown}: it holds no comparison ({COMPARISON}: {error})"))?;
            let header: Header = serde_json::from_str(&header)
                .map_err(|error| format!("--resume {shown}: {COMPARISON} is damaged ({error})"))?;
            if header.identity != plan.identity {
                return Err(format!(
                    "--resume {shown}: it was begun with other flags ({}); resume it with the same",
                    header.identity
                ));
            }
            read_rounds(&rounds_path, &shown.to_string())?
        } else {
            if header_path.exists() {
                return Err(format!(
                    "--output {shown}: it holds a comparison already; --resume {shown} goes on with it"
                ));
            }
            let header = Header {
                identity: plan.identity.clone(),
                a: plan.arm_texts[0].clone(),
                b: plan.arm_texts[1].clone(),
                load: plan.load_text(),
                seed: plan.seed,
            };
            let text = serde_json::to_string_pretty(&header).unwrap_or_default() + "\n";
            fs::create_dir_all(directory)
                .and_then(|()| fs::write(&header_path, text))
                .map_err(|error| format!("--output {shown}: it can't be made ({error})"))?;
            Vec::new()
        };
        let lines = OpenOptions::new().create(true).append(true).open(&rounds_path);
        let lines = lines.map_err(|error| format!("{}: it can't be written ({error})", rounds_path.display()))?;
        Ok(Self { rounds, lines })
    }

    /// Keeps a round, on disk first.
    ///
    /// # Errors
    /// A sentence.
    pub fn add(&mut self, round: Round) -> Result<(), String> {
        let line = serde_json::to_string(&round).unwrap_or_default() + "\n";
        self.lines.write_all(line.as_bytes()).map_err(|error| format!("{ROUNDS} can't be written: {error}"))?;
        self.rounds.push(round);
        Ok(())
    }

    /// The rounds as pairs.
    pub fn pairs(&self) -> Vec<Pair> {
        self.rounds.iter().map(Round::pair).collect()
    }

    /// How long all rounds took.
    pub fn seconds(&self) -> f64 {
        self.rounds.iter().map(|round| round.seconds).sum()
    }
}

/// The rounds of a file. A last line without an end is a round that was not done.
fn read_rounds(path: &std::path::Path, shown: &str) -> Result<Vec<Round>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("--resume {shown}: {ROUNDS} can't be read ({error})")),
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(whole as u64));
        cut.map_err(|error| {
            format!("--resume {shown}: {ROUNDS} ends in half a line, which can't be cut off ({error})")
        })?;
    }
    let lines = text[..whole].lines().enumerate();
    lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| format!("--resume {shown}: line {} of {ROUNDS} is damaged ({error})", number + 1))
        })
        .collect()
}
