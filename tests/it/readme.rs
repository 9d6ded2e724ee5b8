//! What the README and the pages in `docs` say of settings, columns and tests is what the code says, and what they link
//! is there. `BLESS=1 cargo test --test it readme` writes the tables anew.

use std::fs;
use std::path::{Path, PathBuf};

use quintain::columns::{markdown, resources, routes, workers};
use quintain::config::{CONFIG, SETTINGS, Setting};
use quintain::event::EventKind;
use quintain::fault::{ROWS, Row};
use quintain::profile::Profile;
use quintain::verification::Topic;

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages at the root, and those in `docs`.
fn pages() -> Vec<PathBuf> {
    let docs = fs::read_dir(home().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    docs.chain(["README.md", "CONTRIBUTING.md"].map(|name| home().join(name))).collect()
}

/// What a page links by a path, without the place in it.
fn links(page: &Path) -> Vec<String> {
    let text = read(page);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let paths = targets.map(|target| target.split('#').next().unwrap_or_default());
    paths.filter(|path| !path.is_empty() && !path.contains("://")).map(str::to_owned).collect()
}

#[test]
fn its_tables_are_the_code_s() {
    for (page, name, table) in [
        ("docs/settings.md", "settings", settings()),
        ("docs/verify.md", "checks", checks()),
        ("docs/faults.md", "kinds", kinds()),
        ("docs/run-files.md", "events", events()),
        ("docs/run-files.md", "resources", markdown(&resources())),
        ("docs/run-files.md", "workers", markdown(&workers())),
        ("docs/run-files.md", "routes", markdown(&routes())),
    ] {
        let path = home().join(page);
        let text = read(&path);
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no {begin}"));
        let (there, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{page} has no {end}"));
        if there != table && std::env::var_os("BLESS").is_some() {
            fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
            continue;
        }
        assert!(there == table, "{page}'s table of {name} should be:\n{table}");
    }
}

#[test]
fn what_it_links_is_there_and_its_tests_run() {
    let modules = read(&home().join("tests/it/main.rs"));
    let mut tests = 0;
    for page in pages() {
        for link in links(&page) {
            let target = page.parent().unwrap().join(&link);
            assert!(target.exists(), "{} links {link}, which is not there", page.display());
            if let Some((_, test)) = link.split_once("tests/it/") {
                let test = test.trim_end_matches(".rs");
                assert!(
                    modules.contains(&format!("mod {test};")),
                    "{} links {test}, which is no test",
                    page.display()
                );
                tests += 1;
            }
        }
    }
    assert!(tests > 30, "{tests}");
}

#[test]
fn it_leads_to_every_page() {
    let linked = links(&home().join("README.md"));
    for page in pages() {
        let path = page.strip_prefix(home()).unwrap().to_string_lossy().into_owned();
        assert!(path == "README.md" || linked.contains(&path), "the README doesn't link {path}");
    }
}

/// Each route has a command in a table, and the offer of `GET /` comes with it.
#[test]
fn the_docs_have_every_route() {
    let text = read(&home().join("docs/workloads.md")) + &read(&home().join("docs/api.md"));
    for route in quintain::http::routes(&Profile::default()) {
        let path = route.path.split("/{").next().unwrap();
        let is_there = [format!("8080{path}"), format!("`{path}`")].iter().any(|form| text.contains(form));
        assert!(is_there, "docs/workloads.md has no {path}");
    }
}

fn checks() -> String {
    let rows = Topic::ALL.iter().map(|topic| format!("| {} | {} |\n", topic.name(), topic.compares()));
    "| check | compares |\n|---|---|\n".to_owned() + &rows.collect::<String>()
}

fn kinds() -> String {
    let (by_rate, of_all): (Vec<&Row>, Vec<&Row>) = ROWS.iter().partition(|row| row.has_rate());
    let rows = by_rate.iter().chain(&of_all).map(|row| format!("| `{}` | {} |\n", row.example(), row.doc));
    "| kind | what the request gets |\n|---|---|\n".to_owned() + &rows.collect::<String>()
}

fn events() -> String {
    let rows = EventKind::KINDS.iter().map(|(name, when)| format!("| `{name}` |{when} |\n"));
    "| kind | when |\n|---|---|\n".to_owned() + &rows.collect::<String>()
}

fn settings() -> String {
    let shown = SETTINGS.iter().chain([&CONFIG]).filter(|setting| !setting.is_hidden());
    let rows = shown.map(|setting| {
        let Setting { name, placeholder: _, default, heading: _, help, kind } = setting;
        let (default, allowed) =
            if setting.is_switch() { ("off", String::new()) } else { (*default, kind.to_string()) };
        format!("| `--{name}` | {help} | {default} | {allowed} |\n")
    });
    "| flag | what it does | default | allowed |\n|---|---|---|---|\n".to_owned() + &rows.collect::<String>()
}
