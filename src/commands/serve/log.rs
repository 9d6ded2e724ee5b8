//! Events on stderr: text in colour when that is a terminal, or JSON.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts the log.
pub fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_default();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        // A line that can't be written, to a file on a full disk, is left out. The default says so on stderr, and panics
        // when that fails.
        .log_internal_errors(false);
    // Fails only when there is a log already.
    let _ = match config.log_format {
        // The subscriber itself leaves colour out where NO_COLOR asks for that.
        LogFormat::Text if io::stderr().is_terminal() => log.try_init(),
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}
