//! A report as one HTML file that asks nobody for anything: styles, script and data are in it, and its policy forbids
//! it to load more.
//!
//! What is to be read is there without scripts; they add the plots.

mod findings;
mod inline;
mod plots;
mod spark;
mod table;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::glance::{Glance, Mood};
use super::table::Table;
use super::{Plots, Report};
use crate::config::VERSION_AND_COMMIT;
use crate::page;
use inline::Inline;

/// Writes it.
#[must_use]
pub fn write(report: &Report) -> String {
    let Report { title, facts, damage, findings, plots: Plots { glance, sparks, data }, resolution, tables } =
        report;
    let inline = Inline::new();
    // One row has no time in it.
    let has_plots = data["t"].as_array().and_then(|times| Some((times.first()?, times.last()?)));
    let has_plots = has_plots.is_some_and(|(first, last)| first.as_f64() < last.as_f64());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(inline.policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) " · quintain report" }
                link rel="icon" href=(icon_as_address());
                (inline.style())
            }
            body {
                header {
                    h1 { span.icon aria-hidden="true" { (PreEscaped(page::ICON)) } (title) }
                    (sections(has_plots, tables))
                }
                main {
                    section #run aria-label="What ran where" {
                        dl.facts { @for fact in facts { (fact_of(fact)) } }
                    }
                    @if !damage.is_empty() { (notice(damage)) }
                    @if !glance.is_empty() {
                        section.figures aria-label="The whole run" { @for figure in glance { (figure_of(figure)) } }
                    }
                    section #findings { (findings::all(findings)) }
                    @if has_plots { section #plots { (plots::places(resolution.as_deref())) } }
                    section #tables { h2 .unseen { "Tables" } @for table in tables { (table::card(table, sparks)) } }
                }
                footer {
                    span { "Made by quintain " (VERSION_AND_COMMIT) " from the files of the run." }
                    span { "This file loads nothing. Its plots are uPlot's, whose MIT licence stands in its source." }
                }
                script #data type="application/json" { (PreEscaped(embedded(data))) }
                (inline.scripts())
            }
        }
    };
    page.into_string()
}

fn sections(has_plots: bool, tables: &[Table]) -> Markup {
    html! {
        nav aria-label="Sections" {
            a href="#findings" { "Findings" }
            @if has_plots { a href="#plots" { "Plots" } }
            @for table in tables { a href={ "#" (table.name) } { (table.title) } }
        }
    }
}

fn fact_of((what, value): &(&'static str, String)) -> Markup {
    let class = (*what == "command").then_some("command");
    html! { div class=[class] { dt { (what) } dd { (value) } } }
}

fn notice(damage: &[String]) -> Markup {
    html! {
        section #damage aria-labelledby="damage-title" {
            h2 #damage-title { "What is missing or damaged" }
            ul { @for sentence in damage { li { (sentence) } } }
        }
    }
}

fn figure_of(figure: &Glance) -> Markup {
    let Glance { name, value, also, mood } = figure;
    let (value, unit) = value.split_once(' ').unwrap_or((value, ""));
    let class = match mood {
        Mood::Plain => None,
        Mood::Waiting => Some("wait"),
        Mood::Wrong => Some("wrong"),
    };
    html! {
        div.figure {
            h2 { (name) }
            p class=[class] { (value) @if !unit.is_empty() { " " span { (unit) } } }
            small { (unbroken(also)) }
        }
    }
}

/// A number stays on the line of its unit.
fn unbroken(text: &str) -> String {
    const UNITS: [&str; 9] = ["%", "µs", "ms", "s", "B", "KiB", "MiB", "GiB", "TiB"];
    let mut unbroken = String::with_capacity(text.len());
    for word in text.split(' ') {
        let is_unit = UNITS.contains(&word.trim_end_matches([',', '.', ':', ';', ')']));
        if is_unit && unbroken.ends_with(|letter: char| letter.is_ascii_digit()) {
            unbroken.push('\u{a0}');
        } else if !unbroken.is_empty() {
            unbroken.push(' ');
        }
        unbroken.push_str(word);
    }
    unbroken
}

/// JSON within a script element: nothing in it may end the element.
fn embedded(data: &Value) -> String {
    data.to_string().replace('<', "\\u003c")
}

/// A picture as an address that holds it.
fn icon_as_address() -> String {
    let escaped = |letter: char| match letter {
        '#' | '<' | '>' | '"' | '%' => format!("%{:02X}", u32::from(letter)),
        letter => letter.to_string(),
    };
    format!("data:image/svg+xml,{}", page::ICON.trim().chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::fs;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::recording::{self, Figure};
    use crate::run_files::{EVENTS, RESOURCES};

    const HOSTILE: &str = "</script><img src=x onerror=alert(1)><!--";

    /// A run of so many rows, in whose files a hostile text stands wherever a text may.
    fn page(rows: u32) -> String {
        let directory = tempfile::tempdir().unwrap();
        let columns: Vec<&str> = Figure::ALL.iter().map(|figure| figure.name()).collect();
        let mut resources = format!("epoch_ms,elapsed_s,interval_s,phase,{}\n", columns.join(","));
        for row in 0..rows {
            let interval_s = if row == 0 { 0.0 } else { 1.0 };
            let phase = if row < rows / 2 { "first" } else { HOSTILE };
            let _ = write!(resources, "{},{row},{interval_s},{phase}", 1_000 * u64::from(row));
            for column in (1..).take(columns.len()) {
                let _ = write!(resources, ",{:.6}", f64::from(row) * 1.234_567 / f64::from(column));
            }
            resources.push('\n');
        }
        fs::write(directory.path().join(RESOURCES), resources).unwrap();
        let events = format!(
            "ts_utc,epoch_ms,elapsed_s,kind,slot,generation,pid,detail\n\
             ,0,1.0,fault plan,,,,epoch 1: {HOSTILE} on *\n,0,1.5,{HOSTILE},0,1,7,{HOSTILE}\n"
        );
        fs::write(directory.path().join(EVENTS), events).unwrap();
        fs::write(
            directory.path().join("run.json"),
            serde_json::json!({ "command": [HOSTILE], "version": HOSTILE }).to_string(),
        )
        .unwrap();
        let run = recording::read(directory.path(), &|_| ()).unwrap();
        write(&Report { title: HOSTILE.to_owned(), ..Report::of(&run) })
    }

    #[test]
    fn what_stands_in_files_stays_text() {
        let page = page(20);
        assert!(page.contains("&lt;/script&gt;&lt;img src=x"), "it is shown");
        assert!(page.contains(r"\u003c/script>\u003cimg"), "it is in what is plotted");
        assert!(!page.contains("<img") && !page.contains("<!--"));
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (3, 3));
        let data = page.split_once(r#"type="application/json">"#).unwrap().1.split_once("</script>").unwrap().0;
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["phases"][1]["name"], HOSTILE);
    }

    #[test]
    fn its_policy_allows_what_stands_in_it_and_nothing_else() {
        let page = page(20);
        let policy = page.split_once("Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("http"),
            "{policy}"
        );
        for (opening, closing) in
            [("<style>", "</style>"), ("<script>", "</script>"), ("<script type=\"module\">", "</script>")]
        {
            let block = page.split_once(opening).unwrap().1.split_once(closing).unwrap().0;
            assert!(policy.contains(&STANDARD.encode(Sha256::digest(block))), "{opening}: {policy}");
        }
        for inline in [" style=", " onclick=", " onload=", "javascript:", "src=\""] {
            assert!(
                !page.replace(include_str!("../page/uplot/uPlot.iife.min.js"), "").contains(inline),
                "{inline}"
            );
        }
    }

    #[test]
    fn a_long_run_makes_no_long_page() {
        let size = page(9_000).len();
        assert!(size < 3 << 20, "{size}");
    }

    #[test]
    fn numbers_keep_their_units() {
        assert_eq!(unbroken("81 % of 2 s, 3 ms."), "81\u{a0}% of 2\u{a0}s, 3\u{a0}ms.");
        assert_eq!(unbroken("in s  for 4s"), "in s  for 4s");
    }
}
