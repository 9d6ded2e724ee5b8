//! Another binary of quintain, which says itself what it can do.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::setting::{Setting, words};
use crate::sys::process;

/// A program that takes longer to say its version is another one.
const WITHIN: Duration = Duration::from_secs(10);

/// What every quintain's `--version` begins with.
const VERSION: &str = "quintain ";

/// The whole path of a program.
///
/// # Errors
/// A clause that begins with the setting.
pub fn find(path: &Path) -> Result<PathBuf, String> {
    let wrong = |what: &str| Err(format!("binary={}: {what}", path.display()));
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => wrong("there is no such file"),
        Err(error) => wrong(&format!("it can't be read ({error})")),
        Ok(file) if file.is_dir() => wrong("it is a directory"),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => wrong("it may not be executed"),
        Ok(_) => std::path::absolute(path).or_else(|error| wrong(&error.to_string())),
    }
}

/// Whether the program is quintain, and would start with these settings.
///
/// # Errors
/// What it is, or what it says itself: a sentence for each mistake.
pub fn check(path: &Path, settings: &[Setting]) -> Result<(), Vec<String>> {
    let shown = path.display();
    let version = ask(path, &["--version".to_owned()]).map_err(|wrong| vec![format!("binary={shown}: {wrong}")])?;
    if !version.is_ok_and(|version| version.starts_with(VERSION)) {
        return Err(vec![format!("binary={shown}: it is not quintain; command='…',url=… runs any server")]);
    }
    let arguments = [vec!["check".to_owned()], words(settings)].concat();
    let checked = ask(path, &arguments).map_err(|wrong| vec![format!("binary={shown}: {wrong}")])?;
    checked.map(drop).map_err(|said| {
        let lines = said.lines().map(str::trim).take_while(|line| !line.is_empty());
        lines.map(|line| line.strip_prefix("error: ").unwrap_or(line).to_owned()).collect()
    })
}

/// Runs a program that soon ends: what it prints, or what it complains of when its exit code is not 0.
fn ask(path: &Path, arguments: &[String]) -> Result<Result<String, String>, String> {
    let mut child = Command::new(path)
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it can't be started ({error})"))?;
    let group = process::Child { pid: child.id() };
    let deadline = Instant::now() + WITHIN;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => {
                group.kill_group();
                let _ = child.wait();
                return Err(format!(
                    "it did not end within {} s when it was asked {arguments:?}",
                    WITHIN.as_secs()
                ));
            }
        }
    };
    // Whatever it has started would keep the pipes open.
    group.kill_group();
    let mut printed = [String::new(), String::new()];
    let [out, err] = &mut printed;
    // What is no text is no quintain's.
    let _ = child.stdout.take().map(|mut pipe| pipe.read_to_string(out));
    let _ = child.stderr.take().map(|mut pipe| pipe.read_to_string(err));
    let [out, err] = printed;
    Ok(if status.success() { Ok(out) } else { Err(err) })
}
