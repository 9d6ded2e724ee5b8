//! What a comparison says: as a table, JSON, CSV, Markdown, benchstat's input and an HTML page.

mod csv;
mod json;
mod sentences;

use std::fmt::Write;
use std::fs;

use super::ended::Ended;
use super::looked_at;
use super::plan::Plan;
use super::published::Published;
use super::record::{Record, Round};
use crate::comparison::{
    Arm, Change, Changes, Circumstances, Looks, Objection, Pair, ROWS, Row, Scale, Verdict, change, changes,
    effect_of_order, judge, mostly_errors, objections,
};
use crate::report::comparison::{self as page, Comparison, Line, shown};
use crate::statistics::median;
use crate::units::shown::{amount, float};

use super::bounds::{Bound, State};

/// Client and target may differ by so much before both are shown.
const APART: f64 = 0.02;

/// Everything that is said.
pub struct Results<'a> {
    plan: &'a Plan,
    ended: Ended,
    rounds: &'a [Round],
    pairs: Vec<Pair>,
    confidence: f64,
    changes: Changes,
    verdict: Verdict,
    objections: Vec<Objection>,
    errors: Option<String>,
    bounds: Vec<(String, State)>,
    published: Option<Published>,
}

impl<'a> Results<'a> {
    /// Of the rounds so far.
    pub fn of(plan: &'a Plan, record: &'a Record, ended: Ended) -> Self {
        let all = record.pairs();
        let pairs = looked_at(&plan.looks, &all).to_vec();
        let rounds = &record.rounds[..pairs.len()];
        let confidence = plan.looks.confidence(1);
        let circumstances: Vec<[Circumstances; 2]> =
            rounds.iter().map(|round| round.arms.each_ref().map(|arm| arm.around.clone())).collect();
        let shared = plan.confidence_of_bounds();
        let objections = objections(&circumstances, plan.busy_pct);
        let state = |bound: &Bound| {
            if objections.iter().any(|one| one.bears_on(bound.row)) {
                State::Refused
            } else {
                bound.state(&pairs, shared)
            }
        };
        Self {
            ended,
            verdict: judge(plan.judged, change(plan.judged, &pairs, confidence).as_ref(), plan.floor),
            changes: changes(&pairs, confidence),
            bounds: plan.bounds.iter().map(|bound| (bound.text.clone(), state(bound))).collect(),
            objections,
            errors: mostly_errors(&circumstances),
            published: Published::of(plan, rounds),
            plan,
            rounds,
            pairs,
            confidence,
        }
    }

    /// What is true of one of the bounds of `--fail-if` at least.
    pub fn has_bound(&self, wanted: State) -> bool {
        self.bounds.iter().any(|(_, state)| *state == wanted)
    }

    /// Writes all files into the comparison's directory.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn write(&self) -> Result<(), String> {
        let json = serde_json::to_string_pretty(&self.json()).unwrap_or_default() + "\n";
        for (name, content) in [
            ("results.json", json),
            ("results.txt", self.table()),
            ("results.md", self.markdown()),
            ("pairs.csv", self.pairs_csv()?),
            ("results.csv", self.results_csv()?),
            ("a.bench", self.bench(Arm::A)),
            ("b.bench", self.bench(Arm::B)),
            ("report.html", page::write(&self.comparison())),
        ] {
            let path = self.plan.directory.join(name);
            fs::write(&path, content)
                .map_err(|error| format!("{}: it can't be written ({error})", path.display()))?;
        }
        Ok(())
    }

    /// Whether an objection bears on the judged row.
    fn is_refused(&self) -> bool {
        self.objections.iter().any(|one| one.bears_on(self.plan.judged))
    }

    fn judged(&self) -> Option<Change> {
        self.changes.iter().find(|(row, _)| row.name == self.plan.judged.name).and_then(|(_, change)| *change)
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let blank = || self.published.is_some().then_some([const { String::new() }; 2]);
        for (row, change) in &self.changes {
            let figures = |figures: [Option<f64>; 2]| {
                figures.map(|value| value.map_or_else(unknown, |value| shown(row.unit, value)))
            };
            let line = |title: String, arms: [Option<f64>; 2], change: Option<&Change>| Line {
                title,
                arms: figures(arms),
                change: change.map_or_else(unknown, |change| page::change(row.scale, row.unit, change.estimate)),
                interval: change
                    .and_then(|change| change.interval)
                    .map_or_else(unknown, |interval| page::interval(row.scale, row.unit, interval)),
                published: blank(),
            };
            let target = self.medians(|arm| (row.of)(&arm.figures));
            let published = self.published.is_some().then(|| figures(self.published(row)));
            lines.push(Line { published, ..line(row.title.to_owned(), target, change.as_ref()) });
            let client = self.medians(|arm| (row.of)(&arm.client));
            let is_apart = |(client, target): (&Option<f64>, &Option<f64>)| {
                client.zip(*target).is_some_and(|(client, target)| (client / target).ln().abs() > APART)
            };
            if client.iter().zip(&target).any(is_apart) {
                lines.push(line(format!("  {} by the client", row.title), client, None));
            }
        }
        let row = self.plan.judged;
        let order = effect_of_order(row, &self.pairs, self.confidence);
        lines.push(Line {
            title: format!("{}, second after first", row.title),
            arms: [const { String::new() }; 2],
            change: order.map_or_else(unknown, |order| page::change(row.scale, row.unit, order.estimate)),
            interval: order
                .and_then(|order| order.interval)
                .map_or_else(unknown, |interval| page::interval(row.scale, row.unit, interval)),
            published: blank(),
        });
        lines
    }

    /// A published figure beside both arms.
    fn published(&self, row: &Row) -> [Option<f64>; 2] {
        Arm::BOTH.map(|arm| (row.of)(&self.published.as_ref()?.arms[arm as usize].as_ref()?.figures))
    }

    /// The line above all others.
    fn header(&self, title: String, arms: [String; 2], interval: String) -> Line {
        let published = self.published.as_ref().map(|_| ["published A", "published B"].map(str::to_owned));
        Line { title, arms, change: "change".to_owned(), interval, published }
    }

    /// The median of both arms over the rounds.
    fn medians(&self, of: impl Fn(&super::record::Measured) -> Option<f64>) -> [Option<f64>; 2] {
        Arm::BOTH.map(|arm| {
            median(&self.rounds.iter().filter_map(|round| of(&round.arms[arm as usize])).collect::<Vec<_>>())
        })
    }

    /// For a terminal.
    pub fn table(&self) -> String {
        let lines = self.lines();
        let header = self.header(
            amount(float(self.rounds.len() as u64), "round"),
            ["A", "B"].map(str::to_owned),
            format!("{} % interval", confidence_pct(self.confidence)),
        );
        let rows: Vec<Vec<&str>> = std::iter::once(&header).chain(&lines).map(Line::cells).collect();
        let of = |place: usize| rows.iter().filter_map(move |row| row.get(place));
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|place| of(place).map(|cell| cell.chars().count()).max().unwrap_or_default())
            .collect();
        let mut text = format!(
            "A: {}\nB: {}\nload: {}\n\n",
            named(&self.plan.arm_texts[0]),
            named(&self.plan.arm_texts[1]),
            self.plan.load_text()
        );
        for row in rows.into_iter().filter(|_| !self.rounds.is_empty()) {
            let _ = write!(text, "{:<width$}", row[0], width = widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                let _ = write!(text, "  {cell:>width$}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        let _ = write!(text, "\n{}\n", self.verdict_sentence());
        for remark in self.remarks() {
            let _ = writeln!(text, "{remark}");
        }
        let _ = writeln!(text, "report: {}", self.plan.directory.join("report.html").display());
        text
    }

    /// For a pull request.
    fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n", self.verdict_sentence());
        for remark in self.remarks() {
            let _ = writeln!(text, "- {remark}");
        }
        let arms =
            Arm::BOTH.map(|arm| format!("{}: `{}`", arm.letter(), named(&self.plan.arm_texts[arm as usize])));
        let header = self.header(self.plan.load_text(), arms, "interval".to_owned());
        let row = |line: &Line| format!("| {} |\n", line.cells().join(" | "));
        let rule = "--:|".repeat(header.cells().len() - 1);
        let _ = write!(text, "\n{}|---|{rule}\n", row(&header));
        text.extend(self.lines().iter().map(row));
        text
    }

    /// benchstat's input: a line a round. benchstat compares two files by the names of their benchmarks.
    fn bench(&self, arm: Arm) -> String {
        let mut text = String::new();
        for round in self.rounds {
            let _ = write!(text, "BenchmarkLoad 1");
            for row in ROWS {
                if let Some(value) = (row.of)(&round.arms[arm as usize].figures) {
                    let _ = write!(text, " {value} {}", row.name);
                }
            }
            text.push('\n');
        }
        text
    }

    /// The pairs of each look that was reached.
    fn looks_so_far(&self) -> impl Iterator<Item = &[Pair]> {
        let looks: &Looks = &self.plan.looks;
        looks.pairs().iter().filter_map(|pairs| self.pairs.get(..*pairs))
    }

    fn comparison(&self) -> Comparison {
        let Plan { judged, floor, .. } = self.plan;
        let distance = |pair: &Pair| judged.scale.distance((judged.of)(&pair.a), (judged.of)(&pair.b));
        let look = |pairs: &[Pair]| {
            let seen = change(judged, pairs, self.confidence)?;
            Some((pairs.len(), seen.estimate, seen.interval))
        };
        Comparison {
            verdict: self.verdict_sentence(),
            facts: vec![
                ("A", named(&self.plan.arm_texts[0]).to_owned()),
                ("B", named(&self.plan.arm_texts[1]).to_owned()),
                ("load", self.plan.load_text()),
                ("rounds", self.rounds.len().to_string()),
                ("confidence", format!("{} % a look", confidence_pct(self.confidence))),
                ("seed", self.plan.seed.to_string()),
            ],
            remarks: self.remarks(),
            header: self.header("figure".to_owned(), ["A", "B"].map(str::to_owned), "interval".to_owned()),
            lines: self.lines(),
            judged: (judged.title, judged.scale, if judged.scale == Scale::Ratio { floor.ln_1p() } else { *floor }),
            dots: self.pairs.iter().filter_map(distance).collect(),
            looks: self.looks_so_far().filter_map(look).collect(),
        }
    }
}

/// An arm without settings has the defaults.
fn named(arm: &str) -> &str {
    if arm.is_empty() { "defaults" } else { arm }
}

fn unknown() -> String {
    "–".to_owned()
}

/// 99 and not 99.00000000000001.
fn confidence_pct(confidence: f64) -> f64 {
    (confidence * 10_000.0).round() / 100.0
}
