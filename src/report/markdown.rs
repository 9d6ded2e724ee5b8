//! A report as Markdown, as GitHub renders it.

use std::fmt::Write;

use super::Report;
use super::table::Table;
use crate::findings::Finding;
use crate::units::shown::clock;

/// Writes it.
#[must_use]
pub fn write(report: &Report) -> String {
    let Report { title, facts, damage, findings, plots: _, resolution, tables } = report;
    let mut text = format!("# {}\n\n", escaped(title));
    for (what, value) in facts {
        let _ = writeln!(text, "- **{what}**: {}", escaped(value));
    }
    if !damage.is_empty() {
        text.push_str("\n## What is missing or damaged\n\n");
        for sentence in damage {
            let _ = writeln!(text, "- {}", escaped(sentence));
        }
    }
    text.push_str("\n## Findings\n\n");
    if findings.is_empty() {
        text.push_str("None: there are too few figures to say anything.\n");
    }
    for finding in findings {
        write_finding(&mut text, finding);
    }
    if let Some(resolution) = resolution {
        let _ = writeln!(text, "\n{}", escaped(resolution));
    }
    for table in tables {
        write_table(&mut text, table);
    }
    text
}

fn write_finding(text: &mut String, finding: &Finding) {
    let Finding { rule, weight: _, sentence, evidence, at, certainty, unknown } = finding;
    let at = at.map_or_else(String::new, |(from_s, to_s)| format!(" ({} to {})", clock(from_s), clock(to_s)));
    let _ = writeln!(text, "- **{}** {}{at} *{}.*", escaped(sentence), rule.title(), certainty.name());
    let evidence: Vec<String> = evidence.iter().map(|(what, value)| escaped(&format!("{what}: {value}"))).collect();
    let _ = writeln!(text, "  Evidence: {}.", evidence.join("; "));
    // Our own words, with code in them.
    let _ = writeln!(text, "  It can't know {unknown}.");
}

fn write_table(text: &mut String, table: &Table) {
    let Table { name: _, title, columns, rows, note, is_long: _ } = table;
    let _ = writeln!(text, "\n## {title}\n");
    let line = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    text.push_str(&line(&mut columns.iter().map(|column| column.name.to_owned())));
    text.push_str(&line(
        &mut columns.iter().map(|column| if column.is_number { "--:".to_owned() } else { "---".to_owned() }),
    ));
    for row in rows {
        text.push_str(&line(&mut row.iter().map(|cell| escaped(cell))));
    }
    if let Some(note) = note {
        let _ = writeln!(text, "\n{}", escaped(note));
    }
}

/// What a run's files say is text, and no Markdown, no HTML and no line of its own.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' => escaped.extend(['\\', letter]),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("a|b\n<script>*x*"), "a\\|b &lt;script>\\*x\\*");
    }
}
