//! Whether this process runs in a container, and what its host is called there.

use std::env;
use std::path::Path;

/// Files that an engine puts into its containers: Docker, Podman, systemd-nspawn.
const FILES: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];

/// Variables that an engine sets: Podman, LXC and systemd-nspawn; Kubernetes, in each pod.
const VARIABLES: [&str; 2] = ["container", "KUBERNETES_SERVICE_HOST"];

/// What says that this is a container: a file or a variable that an engine puts there. The kernel knows no containers, so
/// that without such a sign nobody can tell.
#[must_use]
pub fn sign() -> Option<&'static str> {
    let file = FILES.into_iter().find(|file| Path::new(file).exists());
    file.or_else(|| VARIABLES.into_iter().find(|name| env::var_os(name).is_some_and(|value| !value.is_empty())))
}

/// The host's name, where it is text (`uname(2)`).
#[must_use]
pub fn host_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}
