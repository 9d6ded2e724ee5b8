//! What the program is started with beside its arguments: variables, terminals, processors, passed sockets.

use std::env;
use std::os::fd::RawFd;

use rustix::io::Errno;

use crate::commands::serve::Dress;
use crate::config::{Layers, Processors};
use crate::mistake::{Mistake, Source};
use crate::sys::process::allowed_processors;
use crate::sys::procfs::CgroupFiles;
use crate::sys::{container, passed};

/// Flags and environment; the rest is still to be read.
pub fn layers(flags: Vec<(String, String)>) -> Layers {
    let container_host = container::sign().and_then(|_| container::host_name());
    Layers { flags, environment: environment(), processors: processors(), container_host, ..Layers::default() }
}

/// The sockets that a service manager has passed, with their names (`sd_listen_fds(3)`). None, if they are meant for another
/// process.
pub fn passed_sockets() -> Result<Vec<(RawFd, String)>, Mistake> {
    sd_notify::listen_fds_with_names().map(Iterator::collect).map_err(|error| {
        let why = match Errno::from_io_error(&error).and_then(|_| passed::first_missing()) {
            Some(missing) => format!("descriptor {missing} is not open"),
            None => error.to_string(),
        };
        let wrong = format!(
            "must count open sockets from descriptor {} on, each with a name in LISTEN_FDNAMES, if that is set: {why}",
            passed::FIRST
        );
        Mistake::at(Source::Environment("LISTEN_FDS".to_owned()), env::var("LISTEN_FDS").ok(), wrong)
    })
}

/// All variables whose names are text; `config` picks its own.
pub fn environment() -> Vec<(String, Option<String>)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()))).collect()
}

/// What the environment says of terminals; one without a name is taken for the simplest.
pub fn dress() -> Dress {
    let is_set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    Dress {
        takes_controls: is_set("TERM").is_some_and(|name| name != "dumb"),
        colour: is_set("NO_COLOR").is_none(),
    }
}

/// What this process may use of the processors. Where the kernel refuses to show the affinity mask, all of them count.
fn processors() -> Processors {
    let allowed = match allowed_processors().len() {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        allowed => allowed,
    };
    Processors { allowed, quota: CgroupFiles::open().quota_cores() }
}
