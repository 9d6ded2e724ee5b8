//! The arrows between the rooms point one way, those between the files of a room too, and `unsafe` has one room.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up: a room uses rooms of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["maybe_known", "limit"],
    &["units", "spelling", "statistics", "sys", "histogram", "page"],
    &["mistake", "named_file", "partition", "phase", "event", "generator", "rate_limit"],
    &["distribution", "run_files"],
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

/// A file and the files in the folder of its name are a family: they may use each other. So a circle is one only if
/// it stays when the file that heads a family is left out.
#[test]
fn files_of_a_room_use_each_other_one_way() {
    let used = Files::read().used();
    let circles = circles(&used.keys().cloned().collect(), &used);
    let shown: Vec<String> = circles
        .iter()
        .flat_map(|circle| circle.iter().map(move |file| (file, circle)))
        .flat_map(|(file, circle)| {
            used[file].intersection(circle).map(move |other| format!("{} uses {}", file.join("/"), other.join("/")))
        })
        .collect();
    assert!(shown.is_empty(), "{} circles: {shown:#?}", circles.len());
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
fn what_is_compiled_into_the_program_lies_in_src_from_which_images_are_built() {
    for file in rooms().into_values().flatten() {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for named in ["include_bytes!(\"", "include_str!(\""].iter().flat_map(|form| code.split(form).skip(1)) {
            let included = file.parent().unwrap().join(named.split('"').next().unwrap());
            let included =
                included.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", included.display()));
            assert!(included.starts_with(source()), "{} includes {}", file.display(), included.display());
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

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every room with its files.
fn rooms() -> BTreeMap<String, Vec<PathBuf>> {
    let source = source();
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

/// The path of a module, such as `["http", "query", "values"]`, or of an item in one.
type Named = Vec<String>;

/// The code of every module that is no test, and what its `use` lines and paths name.
struct Files {
    code: BTreeMap<Named, String>,
    /// Where a module has what it passes on by `pub use`.
    passed_on: BTreeMap<Named, Named>,
}

impl Files {
    fn read() -> Self {
        let source = source();
        let mut code = BTreeMap::new();
        for path in rooms().into_values().flatten() {
            let within = path.strip_prefix(&source).unwrap().with_extension("");
            let module: Named = within.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if !module.iter().any(|part| part == "tests") {
                let text = fs::read_to_string(path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let lines = text.lines().map(|line| line.split("//").next().unwrap());
                code.insert(module, lines.collect::<Vec<_>>().join("\n"));
            }
        }
        let mut files = Self { code, passed_on: BTreeMap::new() };
        for (module, code) in &files.code {
            for (is_passed_on, path) in named(code) {
                let origin = files.absolute(module, &path).filter(|_| is_passed_on);
                if let Some(origin) = origin {
                    let name = [module.clone(), vec![origin.last().unwrap().clone()]].concat();
                    // An item may be called as its module is.
                    if !origin.starts_with(&name) {
                        files.passed_on.insert(name, origin);
                    }
                }
            }
        }
        files
    }

    /// Every module with the others of its room that it uses.
    fn used(&self) -> BTreeMap<Named, BTreeSet<Named>> {
        let of = |module: &Named, code: &str| {
            let names = named(code).into_iter().filter(|(is_passed_on, _)| !is_passed_on);
            let owners = names.filter_map(|(_, path)| self.owner(&self.absolute(module, &path)?));
            owners.filter(|owner| owner != module && owner[0] == module[0]).collect()
        };
        self.code.iter().map(|(module, code)| (module.clone(), of(module, code))).collect()
    }

    /// What a module means by a path, if that is in this crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Named> {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&module[..0], &path[1..]),
            "self" => (module, &path[1..]),
            "super" => (&module[..module.len() - ups], &path[ups..]),
            _ => (module, path),
        };
        let absolute = [base, rest].concat();
        let is_ours = rest.len() < path.len() || self.code.contains_key(&absolute[..=base.len()]);
        (is_ours && !absolute.is_empty()).then_some(absolute)
    }

    /// The module in which something really is.
    fn owner(&self, item: &[String]) -> Option<Named> {
        let parts = || (1..=item.len()).rev();
        let origin = parts().find_map(|parts| Some((parts, self.passed_on.get(&item[..parts])?)));
        if let Some((parts, origin)) = origin {
            return self.owner(&[origin, &item[parts..]].concat());
        }
        parts().map(|parts| &item[..parts]).find(|module| self.code.contains_key(*module)).map(<[_]>::to_vec)
    }
}

/// The paths that code names, and of each whether it is passed on by `pub use`.
fn named(code: &str) -> Vec<(bool, Named)> {
    let mut found = Vec::new();
    let mut rest = String::new();
    for statement in code.split_inclusive(';') {
        let begin =
            statement.rfind("\nuse ").or(statement.rfind(" use ")).or(statement.starts_with("use ").then_some(0));
        let (before, tree) = statement.split_at(begin.unwrap_or(statement.len()));
        let is_passed_on = before.lines().last().is_some_and(|line| line.trim_start().starts_with("pub"));
        let tree = tree.trim_start().trim_start_matches("use ").trim_end_matches(';');
        found.extend(branches(tree, &[]).into_iter().map(|path| (is_passed_on && begin.is_some(), path)));
        rest.push_str(before);
    }
    let paths = rest.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'));
    found.extend(paths.filter(|path| path.contains("::")).map(|path| (false, parts(path))));
    found
}

/// The paths of a `use` tree.
fn branches(tree: &str, before: &[String]) -> Vec<Named> {
    let (stem, inner) = tree.split_once('{').map_or((tree, None), |(stem, inner)| (stem, inner.rsplit_once('}')));
    let stem = [before, &parts(stem.split(" as ").next().unwrap())].concat();
    let Some((inner, _)) = inner else { return if stem.is_empty() { Vec::new() } else { vec![stem] } };
    let mut depth = 0;
    let commas = |letter: char| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    };
    inner.split(commas).filter(|tree| !tree.trim().is_empty()).flat_map(|tree| branches(tree, &stem)).collect()
}

fn parts(path: &str) -> Named {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Files that use each other in a circle, families apart.
fn circles(among: &BTreeSet<Named>, used: &BTreeMap<Named, BTreeSet<Named>>) -> Vec<BTreeSet<Named>> {
    let reached = |from: &Named| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            next.extend(used[file].intersection(among).filter(|other| reached.insert((*other).clone())));
        }
        reached
    };
    let reached: BTreeMap<&Named, BTreeSet<Named>> = among.iter().map(|file| (file, reached(file))).collect();
    let mut found = Vec::new();
    for (file, others) in &reached {
        let circle: BTreeSet<Named> =
            others.iter().filter(|other| reached[other].contains(*file)).cloned().collect();
        // Each circle is looked at once: from its first file.
        if circle.first() != Some(*file) || circle.len() < 2 {
            continue;
        }
        let head = circle.iter().min_by_key(|file| file.len()).unwrap();
        if circle.iter().all(|file| file.starts_with(head)) {
            found.extend(circles(&circle.iter().filter(|file| *file != head).cloned().collect(), used));
        } else {
            found.push(circle);
        }
    }
    found
}
