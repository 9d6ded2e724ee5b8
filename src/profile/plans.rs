//! The `[[fault]]` plans of a profile: their shape is read here, with the place of each mistake; what they mean, and
//! whether it can be, the room [`fault`](crate::fault) says.

use toml::de::DeValue;

use super::entry::{Entry, Findings, Table};
use super::{Route, Rules};
use crate::fault::{self, PLANS, Written, WrittenKind, WrittenWindow, understand};
use crate::units::{Bytes, Rate};

/// Longest plan, in bytes: it must fit a packet.
const ONE: usize = 8 * 1024;

/// All plans: they must fit the orders page.
const ALL: usize = 48 * 1024;

/// Reads all plans. A plan may be for what is served anyway, too.
pub fn read(entry: &Entry<'_>, routes: &[Route], rules: &Rules<'_>, findings: &mut Findings<'_>) -> Vec<Written> {
    let offered = rules.offered.iter().map(|offer| (offer.method.clone(), offer.path.clone()));
    let own =
        routes.iter().flat_map(|route| route.methods.iter().map(|method| (method.to_string(), route.path.clone())));
    let rules = fault::Rules { routes: offered.chain(own).collect(), ..rules.faults.clone() };
    let entries = entry.list(findings);
    if entries.len() > PLANS {
        findings.wrong(entry.at(), &entry.key, format!("must be at most {PLANS} plans, not {}", entries.len()));
        return Vec::new();
    }
    let numbered = (1..).zip(&entries);
    let plans: Vec<Written> =
        numbered.filter_map(|(number, entry)| read_plan(entry, number, &rules, findings)).collect();
    if plans.iter().map(length).sum::<usize>() > ALL {
        findings.wrong(entry.at(), &entry.key, format!("take too much room: at most {ALL} bytes in all, as JSON"));
    }
    plans
}

/// Bytes of a plan on its way to the workers.
fn length(plan: &Written) -> usize {
    serde_json::to_vec(plan).map_or(usize::MAX, |text| text.len())
}

fn read_plan(
    entry: &Entry<'_>,
    number: usize,
    rules: &fault::Rules,
    findings: &mut Findings<'_>,
) -> Option<Written> {
    let before = findings.count();
    let table = entry.table(&["name", "route", "method", "spacing", "seed", "kinds", "window"], findings)?;
    let mut text = |key| table.get(key).and_then(|entry| entry.text(findings)).map(ToOwned::to_owned);
    let (name, route, method, spacing) = (text("name"), text("route"), text("method"), text("spacing"));
    let seed = table.get("seed").and_then(|seed| read_seed(&seed, findings));
    let kinds = table.needed("kinds", "a list such as [ { kind = \"reset\", rate = 0.002 } ]", findings);
    let kinds = kinds.map_or_else(Vec::new, |kinds| {
        kinds.list(findings).iter().filter_map(|kind| read_kind(kind, findings)).collect()
    });
    let window = table.get("window").and_then(|window| read_window(&window, findings));
    if findings.count() > before {
        return None;
    }
    let written = Written { name, route, method, spacing, seed, kinds, window };
    match understand(&written, "", number, rules) {
        Ok((_, understood)) if length(&understood) > ONE => {
            findings.wrong(entry.at(), &entry.key, format!("takes too much room: at most {ONE} bytes, as JSON"));
            None
        }
        Ok((_, understood)) => Some(understood),
        Err(mistakes) => {
            for mistake in mistakes {
                point_out(entry, &mistake, findings);
            }
            None
        }
    }
}

/// The place of a mistake is a path from the plan, such as `.kinds[1].rate`.
fn point_out(plan: &Entry<'_>, mistake: &fault::Mistake, findings: &mut Findings<'_>) {
    let fault::Mistake { place, value: _, wrong, allowed } = mistake;
    let sentence = format!("{wrong}; allowed: {allowed}");
    let path = place.replace('[', ".").replace(']', "");
    let mut found = plan.clone();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        match found.inside(part) {
            Some(next) => found = next,
            // Missing: said where it would stand.
            None => return findings.wrong(found.at(), &format!("{}.{part}", found.key), sentence),
        }
    }
    findings.wrong_value(&found, sentence);
}

fn read_seed(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Option<u64> {
    // TOML promises no integers above 2⁶³ − 1; a seed may be one, and is then a string.
    let DeValue::String(text) = entry.value().get_ref() else {
        return entry.whole(&(0..=u64::MAX), "", findings);
    };
    let seed = text.parse().ok();
    if seed.is_none() {
        findings.wrong_value(entry, format!("must be 0 to {}", u64::MAX));
    }
    seed
}

fn read_kind(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Option<WrittenKind> {
    let table = entry.table(&["kind", "rate", "code", "delay", "bytes"], findings)?;
    let kind = table.needed("kind", "what happens, such as \"status\"", findings);
    let kind = kind.and_then(|kind| kind.text(findings));
    let rate = table.get("rate").and_then(|rate| read_rate(&rate, findings));
    let code = table.get("code").and_then(|code| code.whole(&(200..=599), "", findings));
    let delay = table.get("delay").and_then(|delay| delay.text(findings)).map(ToOwned::to_owned);
    let bytes =
        table.get("bytes").and_then(|bytes| bytes.bytes(u64::MAX, "a number of bytes", findings)).map(Bytes);
    let code = code.and_then(|code| i64::try_from(code).ok());
    Some(WrittenKind { kind: kind?.to_owned(), rate, code, delay, bytes })
}

fn read_rate(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Option<Rate> {
    // The literal itself, where it is a plain decimal, so that nothing is lost on the way.
    let rate = match entry.value().get_ref() {
        DeValue::Float(float) => float.as_str().parse().or_else(|error| {
            let number = float.as_str().parse().ok().filter(|number: &f64| number.is_finite());
            number.map_or(Err(error), Rate::from_number)
        }),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse(),
        _ => {
            // For the sentence about the type.
            entry.number(&(0.0..=1.0), findings);
            return None;
        }
    };
    rate.map_err(|error| findings.wrong_value(entry, error.to_string())).ok()
}

fn read_window(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Option<WrittenWindow> {
    let table = entry.table(&["from", "to", "every", "for", "after", "count"], findings)?;
    let text = |table: &Table<'_>, key, findings: &mut Findings<'_>| {
        table.get(key).and_then(|entry| entry.text(findings)).map(ToOwned::to_owned)
    };
    let requests = |key, findings: &mut Findings<'_>| {
        table.get(key).and_then(|entry| entry.whole(&(0..=u64::MAX), "", findings))
    };
    Some(WrittenWindow {
        from: text(&table, "from", findings),
        to: text(&table, "to", findings),
        every: text(&table, "every", findings),
        open: text(&table, "for", findings),
        after: requests("after", findings),
        count: requests("count", findings),
    })
}
