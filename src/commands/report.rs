//! `quintain report RUN_DIR…`: a run as a page.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::recording;
use crate::report::{Report, html, markdown};
use crate::run_files;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The runs.
    pub directories: Vec<PathBuf>,
    /// Where the page goes, unless it is the run's own directory; `-` is stdout.
    pub output: Option<PathBuf>,
    /// What it is written as.
    pub format: Format,
}

/// What a page is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One file that holds all it needs.
    #[default]
    Html,
    /// For a wiki, or a terminal.
    Markdown,
}

impl Format {
    /// What may be asked for; the first is the default.
    pub const NAMES: [&str; 2] = ["html", "md"];

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "html" => Some(Self::Html),
            "md" => Some(Self::Markdown),
            _ => None,
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Markdown => "report.md",
        }
    }
}

/// Writes a page for each run: 0, or 2 when a directory holds no run, or 1 when a page can't be written.
#[must_use]
pub fn run(asked: &Asked) -> ExitCode {
    if asked.output.is_some() && asked.directories.len() > 1 {
        let runs = asked.directories.len();
        complain(&format!(
            "--output is one place for the pages of {runs} runs; without it, each page goes into its run's directory"
        ));
        return ExitCode::from(2);
    }
    let codes = asked.directories.iter().map(|directory| match one(directory, asked) {
        Ok(()) => 0,
        Err(Failure { code, sentence }) => {
            complain(&sentence);
            code
        }
    });
    ExitCode::from(codes.max().unwrap_or(0))
}

fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "error: {sentence}");
}

struct Failure {
    code: u8,
    sentence: String,
}

fn one(directory: &Path, asked: &Asked) -> Result<(), Failure> {
    let output = match &asked.output {
        Some(output) if output == Path::new("-") => None,
        Some(output) => Some(output.clone()),
        None => Some(directory.join(asked.format.file())),
    };
    if let Some(name) = output.as_deref().and_then(|output| own_file(directory, output)) {
        let sentence = format!(
            "--output would write the page over {name} of the run in {}: name another file",
            directory.display()
        );
        return Err(Failure { code: 2, sentence });
    }
    let bar = progress_bar(recording::size(directory));
    let run = recording::read(directory, &|read| bar.inc(read));
    bar.finish_and_clear();
    let run = run.map_err(|sentence| Failure { code: 2, sentence })?;
    for sentence in &run.damage {
        let _ = writeln!(io::stderr(), "{}: {sentence}", directory.display());
    }
    let report = Report::of(&run);
    let page = match asked.format {
        Format::Html => html::write(&report),
        Format::Markdown => markdown::write(&report),
    };
    let (written, place) = match &output {
        Some(path) => (std::fs::write(path, page), path.display().to_string()),
        None => (to_stdout(&page), "stdout".to_owned()),
    };
    written.map_err(|error| Failure { code: 1, sentence: format!("{place} can't be written: {error}") })?;
    if output.is_some() {
        let _ = writeln!(io::stdout(), "{place}");
    }
    Ok(())
}

fn to_stdout(page: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(page.as_bytes()).and_then(|()| output.flush()) {
        // Whoever reads it has seen enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Which of a run's own files a page would be written over, by whatever name or link.
fn own_file(directory: &Path, output: &Path) -> Option<&'static str> {
    let same_file = |name: &&&str| {
        let (own, output) = (directory.join(name).metadata().ok(), output.metadata().ok());
        own.zip(output).is_some_and(|(own, output)| (own.dev(), own.ino()) == (output.dev(), output.ino()))
    };
    // One that is missing would look like the run's.
    let same_name = |name: &&&str| {
        let parent = output.parent().map(|parent| if parent == Path::new("") { Path::new(".") } else { parent });
        let parents = parent.and_then(|parent| parent.canonicalize().ok()).zip(directory.canonicalize().ok());
        output.file_name() == Some(OsStr::new(name)) && parents.is_some_and(|(one, other)| one == other)
    };
    run_files::ALL.iter().find(|name| same_file(name) || same_name(name)).copied()
}

/// Shows on a terminal how far the reading is, once it takes longer than a moment.
fn progress_bar(bytes: u64) -> ProgressBar {
    /// Less is read before one could see it.
    const WORTH: u64 = 32 << 20;
    let target = if bytes >= WORTH && io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    let style = ProgressStyle::with_template("reading {wide_bar} {bytes} of {total_bytes}, {eta} left");
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}
