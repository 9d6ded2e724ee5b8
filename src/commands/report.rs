//! `quintain report RUN_DIR…`: a run as a page, or several instances under one test as one.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::progress;
use crate::recording::{self, Recording, many};
use crate::report::{Report, html, markdown};
use crate::run_files;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The runs: of several instances under one test, unless each gets a page.
    pub directories: Vec<PathBuf>,
    /// Whether each gets a page.
    pub is_each: bool,
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

/// Writes the page of a run, of several together or of each: 0, or 2 when there is no such run, or 1 when a page can't be
/// written.
#[must_use]
pub fn run(asked: &Asked) -> ExitCode {
    let Asked { directories, is_each, output, format: _ } = asked;
    if output.is_some() && *is_each && directories.len() > 1 {
        let runs = directories.len();
        complain(&format!(
            "--output is one place for the pages of {runs} runs; without it, each page goes into its run's directory"
        ));
        return ExitCode::from(2);
    }
    let pages = if *is_each { directories.chunks(1) } else { directories.chunks(directories.len().max(1)) };
    let codes = pages.map(|directories| match one(directories, asked) {
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

impl Failure {
    fn wrong(sentence: String) -> Self {
        Self { code: 2, sentence }
    }
}

/// The page of a run, or of several as one service.
fn one(directories: &[PathBuf], asked: &Asked) -> Result<(), Failure> {
    let output = match &asked.output {
        Some(output) if output == Path::new("-") => None,
        Some(output) => Some(output.clone()),
        None => Some(place(directories).map_err(Failure::wrong)?.join(asked.format.file())),
    };
    for directory in directories {
        if let Some(name) = output.as_deref().and_then(|output| own_file(directory, output)) {
            return Err(Failure::wrong(format!(
                "--output would write the page over {name} of the run in {}: name another file",
                directory.display()
            )));
        }
    }
    let run = read(directories).map_err(Failure::wrong)?;
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

/// Where a page goes that nobody has named a place for: into the run's directory, or beside those of several.
fn place(directories: &[PathBuf]) -> Result<PathBuf, String> {
    let [first, others @ ..] = directories else { return Ok(PathBuf::from(".")) };
    if others.is_empty() {
        return Ok(first.clone());
    }
    // As it was named, so that what is printed is short; where it ends with `..`, only the file system knows its parent.
    let parent = |directory: &Path| directory.canonicalize().ok()?.parent().map(Path::to_owned);
    let of_first = parent(first);
    if of_first.is_none() || others.iter().any(|other| parent(other) != of_first) {
        return Err("these runs don't lie beside each other: name a place for their page with --output".to_owned());
    }
    let named = first.parent().filter(|parent| parent.canonicalize().ok() == of_first);
    Ok(named.map(Path::to_owned).or(of_first).unwrap_or_default())
}

/// Reads a run, or several as one, and says on stderr what is wrong with it.
///
/// # Errors
/// A sentence why there is none.
pub fn read(directories: &[PathBuf]) -> Result<Recording, String> {
    let (size, place) = match directories {
        [directory] => (recording::size(directory), directory.display().to_string() + ": "),
        several => (many::size(several), String::new()),
    };
    // Less is read before one could see it.
    let bar = progress::bar(size, size >= 32 << 20, "reading {wide_bar} {bytes} of {total_bytes}, {eta} left");
    let told = |read| bar.inc(read);
    let run = match directories {
        [directory] => recording::read(directory, &told),
        several => many::read(several, &told),
    };
    bar.finish_and_clear();
    let run = run?;
    for sentence in &run.damage {
        let _ = writeln!(io::stderr(), "{place}{sentence}");
    }
    Ok(run)
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
