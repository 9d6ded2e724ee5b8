//! A report as one HTML file that asks nobody for anything: styles, script and data are in it, and its policy forbids it
//! to load more.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

use super::Report;
use super::table::Table;
use crate::findings::{Finding, Weight};
use crate::units::shown::clock;

/// What a browser may do with it: what stands in it, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Writes it.
#[must_use]
pub fn write(report: &Report) -> String {
    let Report { title, facts, damage, findings, plots, resolution, tables } = report;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · quintain report" }
            }
            body {
                header { h1 { (title) } }
                main {
                    dl { @for (what, value) in facts { dt { (what) } dd { (value) } } }
                    @if !damage.is_empty() {
                        section id="damage" { h2 { "What is missing or damaged" } ul { @for sentence in damage { li { (sentence) } } } }
                    }
                    section id="findings" {
                        h2 { "Findings" }
                        @if findings.is_empty() { p { "None: there are too few figures to say anything." } }
                        @for finding in findings { (finding_of(finding)) }
                    }
                    @if let Some(resolution) = resolution { p { (resolution) } }
                    @for table in tables { (table_of(table)) }
                }
                script id="data" type="application/json" { (PreEscaped(embedded(plots))) }
            }
        }
    };
    page.into_string()
}

fn finding_of(finding: &Finding) -> Markup {
    let Finding { rule, weight, sentence, evidence, at, certainty, unknown } = finding;
    let mood = match weight {
        Weight::Doubt => "doubt",
        Weight::Limit => "limit",
        Weight::Note => "note",
        Weight::Sound => "sound",
    };
    html! {
        article class=(mood) {
            h3 { (rule.title()) }
            p { (sentence) }
            p { (certainty.name()) @if let Some((from_s, to_s)) = at { ", " (clock(*from_s)) " to " (clock(*to_s)) } }
            dl { @for (what, value) in evidence { dt { (what) } dd { (value) } } }
            p { "It can't know " (unknown) "." }
        }
    }
}

fn table_of(table: &Table) -> Markup {
    let Table { name, title, columns, rows, note, is_long: _ } = table;
    html! {
        section id=(name) {
            h2 { (title) }
            table {
                thead { tr { @for column in columns { th scope="col" { (column.name) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            }
            @if let Some(note) = note { p { (note) } }
        }
    }
}

/// JSON within a script element: nothing in it may end the element.
fn embedded(data: &Value) -> String {
    data.to_string().replace('<', "\\u003c")
}
