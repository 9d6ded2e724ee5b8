//! `quintain verify RUN_DIR OUTPUT`: a load generator's account against the target's; `quintain verify --published NAME`:
//! published figures against each other.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::report;
use crate::generator;
use crate::named_file;
use crate::profile;
use crate::verification::{self, Check, Heading, Part, Target, Verdict};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// What is compared.
    pub what: What,
    /// How it is written.
    pub format: Format,
    /// Whether a terminal gets colours.
    pub has_colour: bool,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A generator's output with a run.
    Run {
        /// Its directory, or those of several instances under one test.
        runs: Vec<PathBuf>,
        /// What the generator wrote.
        output: PathBuf,
        /// Which stretch of the run.
        part: Part,
        /// The rate that the generator was told.
        rate: Option<f64>,
    },
    /// Published figures with each other: of a built-in system, or in a file.
    Published(String),
}

impl Default for What {
    fn default() -> Self {
        Self::Published(String::new())
    }
}

/// What the checks are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A line each.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For a pull request.
    Markdown,
}

impl Format {
    /// What may be asked for; the first is the default.
    pub const NAMES: [&str; 3] = ["text", "json", "md"];

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "md" => Some(Self::Markdown),
            _ => None,
        }
    }
}

/// An output is no longer than that; a longer file is none.
const LONGEST: u64 = 64 << 20;

/// Prints every check: 0 when the accounts agree, 1 when they differ, 2 when there is nothing to compare.
#[must_use]
pub fn run(asked: &Asked) -> ExitCode {
    let compared = match &asked.what {
        What::Run { runs, output, part, rate } => compared(runs, output, part, *rate),
        What::Published(name) => published(name),
    };
    match compared {
        Ok((heading, checks)) => print(&heading, &checks, asked.format, asked.has_colour),
        Err(sentence) => {
            let _ = writeln!(io::stderr(), "error: {sentence}");
            ExitCode::from(2)
        }
    }
}

fn published(name: &str) -> Result<(Heading, Vec<Check>), String> {
    let sets = profile::published_named(name).map_err(|mistakes| mistakes.join("\n  "))?;
    let heading = Heading { theirs: format!("the published figures of {name}"), ours: "each other".to_owned() };
    Ok((heading, verification::of_published(&sets)))
}

fn compared(
    directories: &[PathBuf],
    output: &Path,
    part: &Part,
    rate: Option<f64>,
) -> Result<(Heading, Vec<Check>), String> {
    let shown = output.display();
    let content = text(output).map_err(|why| format!("{shown} {why}"))?;
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = |name: &str| text(&output.with_file_name(name)).ok();
    let account = generator::read(&content, &name, beside).map_err(|why| format!("{shown} {why}"))?;
    let recording = report::read(directories)?;
    let run = match directories {
        [directory] => directory.display().to_string(),
        _ => recording.called(),
    };
    let target = Target::of(&recording, part).map_err(|why| format!("{run}: {why}"))?;
    let heading = Heading {
        theirs: format!("{} in {shown}", account.generator),
        ours: format!("{} of {run}", target.stretch),
    };
    Ok((heading, verification::verify(&account, &target, rate)))
}

/// A whole file of text, without the mark of its byte order.
fn text(path: &Path) -> Result<String, String> {
    let bytes = named_file::bytes(path, LONGEST).map_err(|why| format!("can't be read: {why}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "is no text".to_owned())?;
    Ok(text.strip_prefix(named_file::BYTE_ORDER_MARK).map(ToOwned::to_owned).unwrap_or(text))
}

fn print(heading: &Heading, checks: &[Check], format: Format, has_colour: bool) -> ExitCode {
    let mut output = io::stdout().lock();
    let text = match format {
        Format::Text => verification::text(heading, checks, has_colour && output.is_terminal()),
        Format::Json => verification::json(heading, checks),
        Format::Markdown => verification::markdown(heading, checks),
    };
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        // Whoever reads it has seen enough, as `head` has.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: stdout can't be written: {error}");
            return ExitCode::from(2);
        }
        _ => {}
    }
    match verification::verdict(checks) {
        Verdict::Agrees => ExitCode::SUCCESS,
        Verdict::Differs => ExitCode::from(1),
        Verdict::Unknown => {
            let _ = writeln!(io::stderr(), "error: nothing in the two accounts can be compared");
            ExitCode::from(2)
        }
    }
}
