//! Hands the git commit to the program as `BUILT_FROM_COMMIT`, for `--version` and `run.json`.
//!
//! Not under a name that begins with `QUINTAIN_`: cargo sets it for the program that `cargo run` starts, too, and the
//! program would take it for a misspelt setting.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BUILT_FROM_COMMIT");
    // An image is built from the sources without their repository: whoever builds it says the commit.
    let told = std::env::var("BUILT_FROM_COMMIT").ok().filter(|commit| !commit.is_empty());
    // Only a checkout of this very crate counts: unpacked from a registry inside somebody else's repository, git
    // would name that repository's commit.
    let commit = if told.is_some() {
        told
    } else if Path::new(".git").exists() {
        watch_head();
        git(&["rev-parse", "--short=12", "HEAD"])
    } else {
        None
    };
    let commit = commit.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=BUILT_FROM_COMMIT={commit}");
}

/// A commit changes the file of the branch that HEAD names, a checkout changes HEAD itself.
fn watch_head() {
    watch("HEAD");
    if let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"]) {
        watch(&branch);
    }
}

fn watch(name: &str) {
    let Some(path) = git(&["rev-parse", "--git-path", name]) else {
        return;
    };
    // A fresh clone packs its branches: until the first commit the branch has no file, but a directory to appear in.
    // A path that doesn't exist would make every build a rebuild.
    if let Some(existing) = Path::new(&path).ancestors().find(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", existing.display());
    }
}

/// What git says, or nothing where there is no git, or it refuses.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
