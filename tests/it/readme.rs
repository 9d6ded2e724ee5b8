//! What the README says of settings, columns and tests is what the code says.

use std::fs;
use std::path::Path;

use quintain::config::{CONFIG, SETTINGS, Setting};
use quintain::observer::columns::{markdown, resources, routes, workers};

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// What stands between `<!-- name -->` and `<!-- /name -->`.
fn section(readme: &str, name: &str) -> String {
    let (_, after) = readme.split_once(&format!("<!-- {name} -->\n")).unwrap();
    after.split_once(&format!("<!-- /{name} -->")).unwrap().0.to_owned()
}

#[test]
fn its_tables_are_the_code_s() {
    let readme = read("README.md");
    let tables = [
        ("settings", settings()),
        ("resources", markdown(&resources())),
        ("workers", markdown(&workers())),
        ("routes", markdown(&routes())),
    ];
    for (name, table) in tables {
        assert!(section(&readme, name) == table, "the README's table of {name} should be:\n{table}");
    }
}

#[test]
fn the_tests_that_it_links_run() {
    let readme = read("README.md");
    let modules = read("tests/it/main.rs");
    let links: Vec<&str> =
        readme.split("](tests/it/").skip(1).map(|rest| rest.split_once(".rs)").unwrap().0).collect();
    assert!(links.len() > 10, "{links:?}");
    for test in links {
        assert!(modules.contains(&format!("mod {test};")), "the README links {test}, which is no test");
    }
}

fn settings() -> String {
    let rows = SETTINGS.iter().chain([&CONFIG]).map(|setting| {
        let Setting { name, placeholder: _, default, heading: _, help, kind } = setting;
        let (default, allowed) =
            if setting.is_switch() { ("off", String::new()) } else { (*default, kind.to_string()) };
        format!("| `--{name}` | {help} | {default} | {allowed} |\n")
    });
    "| flag | what it does | default | allowed |\n|---|---|---|---|\n".to_owned() + &rows.collect::<String>()
}
