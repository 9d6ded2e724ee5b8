//! The run's own directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::columns::timestamp;
use crate::config::Config;
use crate::run_files;
use crate::sys::clock;

/// Where the run's files go, if any are written.
pub struct RunDirectory(Option<PathBuf>);

impl RunDirectory {
    /// Makes it: the one that was named, unless it holds a run, or a new one under `runs`.
    ///
    /// # Errors
    /// A sentence that names the directory and what to do.
    pub fn make(config: &Config) -> Result<Self, String> {
        if config.no_csv {
            return Ok(Self(None));
        }
        let made = match &config.run_dir {
            Some(named) => make_named(named).map(|()| named.clone()),
            None => make_new(config),
        };
        made.map(|path| Self(Some(path)))
    }

    /// Its path.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Its path, or `off`.
    pub fn name(&self) -> String {
        self.path().map_or_else(|| "off".to_owned(), |path| path.display().to_string())
    }

    /// Where the CSV is, or `off`.
    pub fn csv_name(&self) -> String {
        self.path().map_or_else(|| "off".to_owned(), |path| path.join(run_files::RESOURCES).display().to_string())
    }
}

fn make_named(path: &Path) -> Result<(), String> {
    let refuse = |error: io::Error| format!("--run-dir {}: it can't be made ({error})", path.display());
    fs::create_dir_all(path).map_err(refuse)?;
    let mut files = run_files::ALL.iter().chain(&run_files::DATABASE_FILES);
    // A link that leads nowhere would be written through.
    if let Some(file) = files.find(|file| path.join(file).symlink_metadata().is_ok()) {
        let sentence = "it holds a run or a database already; name an empty or a new directory";
        return Err(format!("--run-dir {}: {sentence} ({file} is there)", path.display()));
    }
    let probe = path.join(".writable");
    fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)).map_err(refuse)
}

/// What is run, within the name of a directory.
fn what(config: &Config) -> String {
    let mode = config.mode;
    config.instance().map_or_else(|| mode.to_string(), |instance| format!("{mode}-{instance}"))
}

/// `runs/<UTC>-<what>`, with a number behind it when somebody was faster within the same second. Of those that share an
/// instance's name, that is told.
fn make_new(config: &Config) -> Result<PathBuf, String> {
    let what = what(config);
    let time = timestamp(clock::realtime_ns());
    // To the second, and without colons, which some file systems refuse.
    let time = format!("{}Z", time.split('.').next().unwrap_or(&time).replace(':', "-"));
    let refuse = |error: io::Error| {
        format!("runs: no directory can be made here ({error}); name one with --run-dir, or use --no-csv")
    };
    fs::create_dir_all("runs").map_err(refuse)?;
    let mut attempt = 1;
    loop {
        let suffix = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let path = PathBuf::from(format!("runs/{time}-{what}{suffix}"));
        match fs::create_dir(&path) {
            Ok(()) => {
                if let Some(instance) = config.instance().filter(|_| attempt > 1) {
                    tracing::warn!(
                        "another target called {instance} began here in the same second, so this run is {}: give each an \
                         --instance of its own, or their figures can't be told apart",
                        path.display()
                    );
                }
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
            Err(error) => return Err(refuse(error)),
        }
    }
}
