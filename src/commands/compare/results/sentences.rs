//! A comparison in sentences: its verdict, and what a reader should know beside it.

use super::super::arrangement::are_quintain;
use super::super::bounds::State;
use super::super::ended::Ended;
use super::super::plan::{Plan, Source};
use super::{Results, confidence_pct};
use crate::comparison::{Arm, Objection, Scale, Verdict};
use crate::report::comparison as page;
use crate::units::shown::{amount, float};

impl Results<'_> {
    /// The verdict, or why there is none.
    pub(super) fn verdict_sentence(&self) -> String {
        let Plan { judged, floor, noise_floor, looks, .. } = self.plan;
        let Some((found, interval)) = self.judged().and_then(|found| Some((found, found.interval?))) else {
            if self.rounds.is_empty() {
                return format!(
                    "No verdict: the first look is after {}.",
                    amount(float(looks.pairs()[0] as u64), "round")
                );
            }
            let known = self.judged().map_or(0, |found| found.pairs);
            let rounds = self.rounds.len();
            return format!(
                "No verdict: {} is known in both arms in {known} of {}.",
                judged.title,
                amount(float(rounds as u64), "round")
            );
        };
        let seen = format!(
            "{} {} ({}, {} % confidence, {} pairs)",
            judged.title,
            page::change(judged.scale, judged.unit, found.estimate),
            page::interval(judged.scale, judged.unit, interval),
            confidence_pct(self.confidence),
            found.pairs
        );
        if self.is_refused() {
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

    /// What a reader should know beside the verdict.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = self
            .objections
            .iter()
            .map(|one| {
                let Objection { sentence, evidence, .. } = one;
                if one.bears_on(self.plan.judged) {
                    return format!("{sentence} ({evidence})");
                }
                let rows: Vec<&str> = one.rows().map(|row| row.title).collect();
                format!("{sentence} ({evidence}; this bears on these rows alone: {})", rows.join(", "))
            })
            .collect();
        remarks.extend(self.errors.clone());
        remarks.extend(self.by_the_client());
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
                State::Refused => format!("--fail-if '{text}': no answer, for the reasons above."),
            });
        }
        if let Some(published) = &self.published {
            remarks.push(published.remark());
            remarks.extend_from_slice(&published.contradictions);
        }
        remarks
    }

    /// Whose figures these are, where an arm has none of its own, and what nobody can check then.
    fn by_the_client(&self) -> Option<String> {
        if are_quintain(&self.plan.arms) {
            return None;
        }
        let others = Arm::BOTH.into_iter().filter(|arm| !self.plan.arms[*arm as usize].is_quintain());
        let others: Vec<String> = others.map(|arm| arm.letter().to_string()).collect();
        let is = if others.len() == 1 { "is" } else { "are" };
        let around = || self.rounds.iter().flat_map(|round| &round.arms).map(|arm| &arm.around);
        let checked = match (
            around().any(|one| one.statuses.is_empty()),
            around().any(|one| one.bytes_per_request.is_none()),
        ) {
            (false, false) => "Statuses and bytes are checked as far as the client counts them.",
            (true, false) => {
                "The client tells bytes and failures, and not each status: that the arms answered alike is checked by those."
            }
            (false, true) => {
                "The client tells statuses, and not the bytes of bodies: whether those are equal is not checked."
            }
            (true, true) => {
                "The client tells neither each status nor the bytes of bodies: whether the arms answered alike is checked by its failures alone."
            }
        };
        let checked = if self.rounds.is_empty() { "" } else { checked };
        let told = format!(
            "{} {is} not quintain: the figures of both arms are the client's; CPU and memory are those of the process tree, seen from outside. {checked}",
            others.join(" and ")
        );
        Some(told.trim_end().to_owned())
    }
}
