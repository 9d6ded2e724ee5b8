//! Events on stderr: text in colour when that is a terminal, or JSON.

use std::panic;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::screen::Screen;
use crate::config::{Config, LogFormat};
use crate::sys::terminal;

/// Starts the log. Whoever writes a line, in whichever process, makes room for it first.
pub fn start(config: &Config, screen: Screen) {
    let filtered = tracing_subscriber::registry().with(config.log.parse::<Targets>().unwrap_or_default());
    let log = tracing_subscriber::fmt::layer()
        .with_writer(move || screen.log())
        .with_target(false)
        // A line that can't be written, to a file on a full disk, is left out. The default says so on stderr, and panics
        // when that fails.
        .log_internal_errors(false);
    // Fails only when there is a log already.
    let _ = match config.log_format {
        // The subscriber itself leaves colour out where NO_COLOR asks for that.
        LogFormat::Text if terminal::is_terminal() => filtered.with(log).try_init(),
        LogFormat::Text => filtered.with(log.with_ansi(false)).try_init(),
        LogFormat::Json => filtered.with(log.json()).try_init(),
    };
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        screen.end_status();
        usual(panic);
    }));
}
