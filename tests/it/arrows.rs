//! The arrows between the rooms point one way, and `unsafe` has one room.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up: a room uses rooms of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["maybe_known"],
    &["units", "spelling", "statistics", "sys", "histogram", "run_files", "page"],
    &["partition", "phase", "event", "generator", "rate_limit"],
    &["distribution"],
    &["shares"],
    &["delay"],
    &["scoreboard", "fault", "work", "config"],
    &["snapshot", "profile"],
    &["sample", "control", "wire"],
    &["http", "columns"],
    &["recording"],
    &["findings", "comparison"],
    &["verification"],
    &["report"],
    &["supervisor", "worker", "observer"],
    &["commands"],
    &["cli"],
    &["main", "lib"],
];

#[test]
fn rooms_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for (room, files) in rooms() {
        for file in files {
            for used in mentions(&file) {
                if used != room && floor(&used) >= floor(&room) {
                    wrong.push(format!("{} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_is_in_sys_alone_and_always_explained() {
    for (room, files) in rooms() {
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                let code = line.split("//").next().unwrap_or("");
                let is_unsafe = ["unsafe {", "unsafe impl", "unsafe fn"].iter().any(|form| code.contains(form));
                if !is_unsafe {
                    continue;
                }
                let place = format!("{}:{}", file.display(), number + 1);
                assert_eq!(room, "sys", "unsafe outside of sys: {place}");
                let before = lines[..number].iter().rev().take_while(|line| line.trim_start().starts_with("//"));
                assert!(before.clone().any(|line| line.contains("SAFETY:")), "no SAFETY comment: {place}");
            }
        }
    }
}

#[test]
fn every_room_has_a_floor() {
    for room in rooms().keys() {
        floor(room);
    }
}

fn floor(room: &str) -> usize {
    let found = FLOORS.iter().position(|floor| floor.contains(&room));
    found.unwrap_or_else(|| panic!("{room} has no floor: say in this test where it belongs"))
}

/// The rooms that a file names by `crate::`.
fn mentions(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for after in line.split("crate::").skip(1) {
            let name: String =
                after.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect();
            assert!(!after.starts_with('{'), "one room a line, so that this test can read it: {line}");
            if !name.is_empty() {
                found.push(name);
            }
        }
    }
    found
}

/// Every room with its files.
fn rooms() -> BTreeMap<String, Vec<PathBuf>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut rooms: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let within = path.strip_prefix(&source).unwrap();
                let first = within.iter().next().unwrap().to_string_lossy();
                rooms.entry(first.trim_end_matches(".rs").to_owned()).or_default().push(path);
            }
        }
    }
    rooms
}
