//! Findings as cards, the weightiest first.

use maud::{Markup, html};

use super::unbroken;
use crate::findings::{Finding, Weight};
use crate::units::shown::clock;

/// A weight as the page's style knows it, and what it means.
fn mood(weight: Weight) -> (&'static str, &'static str) {
    match weight {
        Weight::Doubt => ("doubt", "don't believe the figures before this is understood"),
        Weight::Limit => ("limit", "what kept the target from doing more"),
        Weight::Note => ("note", "what explains a figure"),
        Weight::Sound => ("sound", "looked at, and as it should be"),
    }
}

/// All of them, under what their weights mean.
pub fn all(findings: &[Finding]) -> Markup {
    let mut weights: Vec<Weight> = findings.iter().map(|finding| finding.weight).collect();
    weights.sort_unstable();
    weights.dedup();
    let legend = weights.into_iter().map(mood);
    html! {
        div.heading {
            h2 { "Findings" }
            p.legend { @for (name, meaning) in legend { span { b class={ "weight " (name) } { (name) } " " (meaning) } } }
        }
        @if findings.is_empty() { p.none { "None: there are too few figures to say anything." } }
        div.findings { @for finding in findings { (card(finding)) } }
    }
}

fn card(finding: &Finding) -> Markup {
    let Finding { rule, weight, sentence, evidence, at, certainty, unknown } = finding;
    let (name, _) = mood(*weight);
    html! {
        article class=(name) {
            h3 { b class={ "weight " (name) } { (name) } " " (rule.title()) }
            p.sentence { (unbroken(sentence)) }
            p.sure {
                (certainty.name())
                @if let Some((from_s, to_s)) = at {
                    " · "
                    // Without scripts it leads to the place that says so.
                    a.when href="#plots" data-from=(from_s) data-to=(to_s) title="Show it in the plots" {
                        (period(*from_s, *to_s))
                    }
                }
            }
            @if !evidence.is_empty() {
                dl.evidence { @for (what, value) in evidence { div { dt { (what) } dd { (unbroken(value)) } } } }
            }
            p.unknown { "It can't know " (coded(unknown)) "." }
        }
    }
}

fn period(from_s: f64, to_s: f64) -> String {
    let (from, to) = (clock(from_s), clock(to_s));
    if from == to { format!("at {from}") } else { format!("{from} to {to}") }
}

/// Our own text, with what one types between backticks.
fn coded(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
