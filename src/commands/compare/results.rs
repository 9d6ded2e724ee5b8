//! What a comparison says: as a table, JSON, CSV, Markdown, benchstat's input and an HTML page.

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use super::ended::Ended;
use super::looked_at;
use super::plan::{Plan, Source};
use super::record::{Record, Round};
use crate::comparison::{
    Arm, Change, Changes, Circumstances, Looks, Objection, Pair, ROWS, Row, Scale, Verdict, change, changes,
    effect_of_order, judge, objections,
};
use crate::report::comparison::{self as page, Comparison, Line, shown};
use crate::statistics::median;

use super::bounds::State;

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
    bounds: Vec<(String, State)>,
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
        Self {
            ended,
            verdict: judge(plan.judged, change(plan.judged, &pairs, confidence).as_ref(), plan.floor),
            changes: changes(&pairs, confidence),
            objections: objections(&circumstances),
            bounds: plan.bounds.iter().map(|bound| (bound.text.clone(), bound.state(&pairs, shared))).collect(),
            plan,
            rounds,
            pairs,
            confidence,
        }
    }

    /// Whether a change of `--fail-if` lies beyond its bound with the whole interval.
    pub fn a_bound_is_broken(&self) -> bool {
        self.bounds.iter().any(|(_, state)| *state == State::Broken)
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
            ("pairs.csv", self.csv()?),
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

    /// The verdict, or why there is none.
    fn verdict_sentence(&self) -> String {
        let Plan { judged, floor, noise_floor, looks, .. } = self.plan;
        let Some((found, interval)) = self.judged().and_then(|found| Some((found, found.interval?))) else {
            if self.rounds.is_empty() {
                return format!("No verdict: the first look is after {} rounds.", looks.pairs()[0]);
            }
            let known = self.judged().map_or(0, |found| found.pairs);
            let rounds = self.rounds.len();
            return format!("No verdict: {} is known in both arms in {known} of {rounds} rounds.", judged.title);
        };
        let seen = format!(
            "{} {} ({}, {} % confidence, {} pairs)",
            judged.title,
            page::change(judged.scale, judged.unit, found.estimate),
            page::interval(judged.scale, judged.unit, interval),
            confidence_pct(self.confidence),
            found.pairs
        );
        if !self.objections.is_empty() {
            return format!("No verdict, for the reasons below: {seen}.");
        }
        let floor = match judged.scale {
            Scale::Ratio => format!("{} %", 100.0 * floor),
            Scale::Difference => format!("{floor}"),
        };
        if *noise_floor {
            let widest = page::change(judged.scale, judged.unit, interval.high.max(-interval.low));
            return match self.verdict {
                Verdict::Better | Verdict::Worse => {
                    format!("A differs from itself, which is chance or a fault of the machine: {seen}.")
                }
                _ => format!(
                    "A against A: changes beyond {} can be told apart here: {seen}.",
                    widest.trim_start_matches('+')
                ),
            };
        }
        match self.verdict {
            Verdict::Same => format!("A and B are the same within {floor}: {seen}."),
            Verdict::Better => format!("B is better: {seen}."),
            Verdict::Worse => format!("B is worse: {seen}."),
            Verdict::Undecided { more_pairs: Some(more) } => {
                format!("Can't tell yet: {seen}. About {more} more rounds would probably do.")
            }
            Verdict::Undecided { more_pairs: None } => format!("Can't tell yet: {seen}."),
        }
    }

    fn judged(&self) -> Option<Change> {
        self.changes.iter().find(|(row, _)| row.name == self.plan.judged.name).and_then(|(_, change)| *change)
    }

    /// What a reader should know beside the verdict.
    fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self
            .objections
            .iter()
            .map(|Objection { sentence, evidence }| format!("{sentence} ({evidence})"))
            .collect();
        if self.ended != Ended::Decided {
            remarks.push(self.ended.sentence().to_owned());
        }
        if matches!(self.plan.source, Source::Known(..)) && self.plan.load.rate.is_none() {
            remarks.push(format!(
                "With {} at once and no rate, mean latency is concurrency ÷ rate: latencies are shown and not judged.",
                self.plan.load.concurrency
            ));
        }
        for (text, state) in &self.bounds {
            remarks.push(match state {
                State::Broken => format!("--fail-if '{text}': it is so."),
                State::Held => format!("--fail-if '{text}': it is not so."),
                State::Unknown => format!("--fail-if '{text}': can't tell."),
            });
        }
        remarks
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (row, change) in &self.changes {
            let line = |title: String, [a, b]: [Option<f64>; 2], change: Option<&Change>| Line {
                title,
                a: a.map_or_else(unknown, |value| shown(row.unit, value)),
                b: b.map_or_else(unknown, |value| shown(row.unit, value)),
                change: change.map_or_else(unknown, |change| page::change(row.scale, row.unit, change.estimate)),
                interval: change
                    .and_then(|change| change.interval)
                    .map_or_else(unknown, |interval| page::interval(row.scale, row.unit, interval)),
            };
            let target = self.medians(|arm| (row.of)(&arm.figures));
            lines.push(line(row.title.to_owned(), target, change.as_ref()));
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
            a: String::new(),
            b: String::new(),
            change: order.map_or_else(unknown, |order| page::change(row.scale, row.unit, order.estimate)),
            interval: order
                .and_then(|order| order.interval)
                .map_or_else(unknown, |interval| page::interval(row.scale, row.unit, interval)),
        });
        lines
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
        let header = Line {
            title: format!("{} rounds", self.rounds.len()),
            a: "A".to_owned(),
            b: "B".to_owned(),
            change: "change".to_owned(),
            interval: format!("{} % interval", confidence_pct(self.confidence)),
        };
        let rows: Vec<[&str; 5]> = std::iter::once(&header).chain(&lines).map(cells).collect();
        let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..5).map(width).collect();
        let mut text = format!(
            "A: {}\nB: {}\nload: {}\n\n",
            named(&self.plan.arm_texts[0]),
            named(&self.plan.arm_texts[1]),
            self.plan.load_text()
        );
        for row in rows.into_iter().filter(|_| !self.rounds.is_empty()) {
            let _ = write!(text, "{:<width$}", row[0], width = widths[0]);
            for place in 1..5 {
                let _ = write!(text, "  {:>width$}", row[place], width = widths[place]);
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
        let [a, b] = self.plan.arm_texts.each_ref().map(|text| named(text));
        let _ = write!(
            text,
            "\n| {} | A: `{a}` | B: `{b}` | change | interval |\n|---|--:|--:|--:|--:|\n",
            self.plan.load_text()
        );
        for line in self.lines() {
            let [title, a, b, change, interval] = cells(&line);
            let _ = writeln!(text, "| {title} | {a} | {b} | {change} | {interval} |");
        }
        text
    }

    /// A row a pair and arm.
    fn csv(&self) -> Result<String, String> {
        let failed = |error: csv::Error| format!("pairs.csv can't be made: {error}");
        let mut writer = csv::Writer::from_writer(Vec::new());
        let names = ROWS.iter().map(|row| row.name);
        writer.write_record(["pair", "arm", "ran", "run"].into_iter().chain(names)).map_err(failed)?;
        for (number, round) in self.rounds.iter().enumerate() {
            for arm in Arm::BOTH {
                let measured = &round.arms[arm as usize];
                let ran = if round.first == arm { "first" } else { "second" };
                let start = [(number + 1).to_string(), arm.name().to_owned(), ran.to_owned(), measured.run.clone()];
                let values = ROWS.iter().map(|row| (row.of)(&measured.figures));
                let cells = values.map(|value| value.map_or_else(String::new, |value| value.to_string()));
                writer.write_record(start.into_iter().chain(cells)).map_err(failed)?;
            }
        }
        let bytes = writer.into_inner().map_err(|error| format!("pairs.csv can't be made: {error}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
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

    fn json(&self) -> Value {
        let looks: Vec<Value> = self
            .looks_so_far()
            .map(|pairs| json!({ "pairs": pairs.len(), "rows": rows_json(&changes(pairs, self.confidence)) }))
            .collect();
        let more_pairs = match self.verdict {
            Verdict::Undecided { more_pairs } => more_pairs,
            _ => None,
        };
        json!({
            "verdict": if self.objections.is_empty() { self.verdict.name() } else { "refused" },
            "sentence": self.verdict_sentence(),
            "judged": self.plan.judged.name,
            "floor": self.plan.floor,
            "more_pairs": more_pairs,
            "ended": self.ended,
            "a": self.plan.arm_texts[0],
            "b": self.plan.arm_texts[1],
            "load": self.plan.load_text(),
            "seed": self.plan.seed,
            "confidence": self.confidence,
            "rows": rows_json(&self.changes),
            "looks": looks,
            "objections": self.objections.iter().map(|one| json!({ "what": one.sentence, "evidence": one.evidence })).collect::<Vec<_>>(),
            "fail_if": self.bounds.iter().map(|(text, state)| json!({ "condition": text, "state": state })).collect::<Vec<_>>(),
            "rounds": self.rounds,
        })
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
            lines: self.lines(),
            judged: (judged.title, judged.scale, if judged.scale == Scale::Ratio { floor.ln_1p() } else { *floor }),
            dots: self.pairs.iter().filter_map(distance).collect(),
            looks: self.looks_so_far().filter_map(look).collect(),
        }
    }
}

fn rows_json(changes: &Changes) -> Value {
    let row = |(row, change): &(&'static Row, Option<Change>)| {
        let value = change.map(|change| {
            json!({
                "pairs": change.pairs,
                "estimate": change.estimate,
                "interval": change.interval.map(|interval| [interval.low, interval.high]),
                "scale": match row.scale { Scale::Ratio => "log ratio", Scale::Difference => "difference" },
            })
        });
        (row.name.to_owned(), value.unwrap_or(Value::Null))
    };
    Value::Object(changes.iter().map(row).collect())
}

fn cells(line: &Line) -> [&str; 5] {
    let Line { title, a, b, change, interval } = line;
    [title, a, b, change, interval]
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
