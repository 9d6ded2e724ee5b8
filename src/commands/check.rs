//! `quintain check`: the configuration as it was resolved, and what its limits come to.

use std::io::{self, Write};
use std::process::ExitCode;

use super::serve::model::RunModel;
use crate::config::Config;
use crate::profile::Profile;
use crate::units::Bytes;

/// Prints the configuration as TOML on stdout, to be kept or given to `--config`; and why it has so many workers, where
/// that is worth a word. What the program's own model can't do for the profile is refused; another model is only tried by a run.
#[must_use]
pub fn run(config: &Config, profile: &Profile, why_workers: Option<&str>) -> ExitCode {
    if config.model.is_none()
        && let Err(sentence) = RunModel::default().fits(profile)
    {
        eprintln!("error: {sentence}");
        return ExitCode::from(2);
    }
    match print(config, profile, why_workers, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: can't write the configuration to stdout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(config: &Config, profile: &Profile, why_workers: Option<&str>, output: &mut impl Write) -> io::Result<()> {
    let Config { workers, max_connections, max_inflight, max_mem, .. } = config;
    output.write_all(config.to_toml().as_bytes())?;
    if let Some(why) = why_workers {
        writeln!(output, "# {why}")?;
    }
    writeln!(output, "# max_connections × workers = {}", max_connections.most * workers)?;
    writeln!(output, "# max_inflight × workers = {}", max_inflight.most * workers)?;
    writeln!(output, "# max_mem × workers = {}", Bytes(max_mem.most.0.saturating_mul(*workers as u64)))?;
    let Profile { name, switches, routes, faults, .. } = profile;
    writeln!(output, "# profile {}: routes {}, fault plans {}", name.escape_debug(), routes.len(), faults.len())?;
    for switch in switches {
        writeln!(output, "#   --set {switch}")?;
    }
    for route in routes {
        let methods: Vec<&str> = route.methods.iter().map(AsRef::as_ref).collect();
        writeln!(output, "#   {} {}: {route}", methods.join(", "), route.path)?;
    }
    output.flush()
}
