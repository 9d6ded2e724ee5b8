//! How far a longer piece of work is, on a terminal.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of so many steps on stderr, where that is a terminal and the work is worth a bar. The template is indicatif's.
pub fn bar(steps: u64, is_worth_it: bool, template: &str) -> ProgressBar {
    let is_shown = is_worth_it && io::stderr().is_terminal();
    let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(steps), target);
    let style = ProgressStyle::with_template(template);
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}
