//! The `[[fault]]` plans of a profile: their shape is read here, with the place of each mistake; what they mean, and
//! whether it can be, the room [`fault`](crate::fault) says.

use toml::de::DeValue;

use super::entry::{Entry, ProfileErrors, Table};
use super::{Route, Rules};
use crate::fault::{self, PLANS, Written, WrittenKind, WrittenWindow, understand};
use crate::limit::Limit;
use crate::mistake::Mistake;
use crate::units::{Bytes, Rate};

/// Longest plan, in bytes: it must fit a packet.
const ONE: usize = 8 * 1024;

/// All plans: they must fit the orders page.
const ALL: usize = 48 * 1024;

/// Reads all plans. A plan may be for what is served anyway, too.
pub fn read(
    entry: &Entry<'_>,
    routes: &[Route],
    rules: &Rules<'_>,
    errors: &mut ProfileErrors<'_>,
) -> Vec<Written> {
    let offered = rules.offered.iter().map(|offer| (offer.method.clone(), offer.path.clone()));
    let own =
        routes.iter().flat_map(|route| route.methods.iter().map(|method| (method.to_string(), route.path.clone())));
    let rules = fault::Rules { routes: offered.chain(own).collect(), ..rules.faults.clone() };
    let entries = entry.list(errors);
    if entries.len() > PLANS {
        errors.wrong(entry.at(), &entry.key, format!("must be at most {PLANS} plans, not {}", entries.len()));
        return Vec::new();
    }
    let numbered = (1..).zip(&entries);
    let plans: Vec<Written> =
        numbered.filter_map(|(number, entry)| read_plan(entry, number, &rules, errors)).collect();
    if plans.iter().map(length).sum::<usize>() > ALL {
        errors.wrong(entry.at(), &entry.key, format!("take too much room: at most {ALL} bytes in all, as JSON"));
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
    errors: &mut ProfileErrors<'_>,
) -> Option<Written> {
    let before = errors.count();
    let table = entry.table(&["name", "route", "method", "spacing", "seed", "kinds", "window"], errors)?;
    let mut text = |key| table.get(key).and_then(|entry| entry.text(errors)).map(ToOwned::to_owned);
    let (name, route, method, spacing) = (text("name"), text("route"), text("method"), text("spacing"));
    let seed = table.get("seed").and_then(|seed| read_seed(&seed, errors));
    let kinds = table.needed("kinds", "a list such as [ { kind = \"reset\", rate = 0.002 } ]", errors);
    let kinds = kinds.map_or_else(Vec::new, |kinds| {
        kinds.list(errors).iter().filter_map(|kind| read_kind(kind, errors)).collect()
    });
    let window = table.get("window").and_then(|window| read_window(&window, errors));
    if errors.count() > before {
        return None;
    }
    let written = Written { name, route, method, spacing, seed, kinds, window };
    match understand(&written, "", number, rules) {
        Ok((_, understood)) if length(&understood) > ONE => {
            errors.wrong(entry.at(), &entry.key, format!("takes too much room: at most {ONE} bytes, as JSON"));
            None
        }
        Ok((_, understood)) => Some(understood),
        Err(mistakes) => {
            for mistake in mistakes {
                point_out(entry, mistake, errors);
            }
            None
        }
    }
}

/// The place of a mistake is a path from the plan, such as `.kinds[1].rate`.
fn point_out(plan: &Entry<'_>, mistake: Mistake, errors: &mut ProfileErrors<'_>) {
    let path = mistake.source.to_string().replace('[', ".").replace(']', "");
    let mut found = plan.clone();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let Some(next) = found.inside(part) else {
            // Missing: said where it would stand.
            let source = errors.source(found.at(), format!("{}.{part}", found.key));
            return errors.take(found.at(), Mistake { source, value: None, ..mistake });
        };
        found = next;
    }
    errors.mistaken(&found, mistake);
}

fn read_seed(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<u64> {
    // TOML promises no integers above 2⁶³ − 1; a seed may be one, and is then a string.
    let DeValue::String(text) = entry.value().get_ref() else {
        return entry.whole(&(0..=u64::MAX), "", errors);
    };
    let seed = text.parse().ok();
    if seed.is_none() {
        errors.wrong_value(entry, format!("must be 0 to {}", u64::MAX));
    }
    seed
}

fn read_kind(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<WrittenKind> {
    let table = entry.table(&["kind", "rate", "code", "delay", "bytes"], errors)?;
    let kind = table.needed("kind", "what happens, such as \"status\"", errors);
    let kind = kind.and_then(|kind| kind.text(errors));
    let rate = table.get("rate").and_then(|rate| read_rate(&rate, errors));
    let code = table.get("code").and_then(|code| code.whole(&(200..=599), "", errors));
    let delay = table.get("delay").and_then(|delay| delay.text(errors)).map(ToOwned::to_owned);
    let bytes =
        table.get("bytes").and_then(|bytes| bytes.bytes(Limit::unnamed(Bytes(u64::MAX)), errors)).map(Bytes);
    let code = code.and_then(|code| i64::try_from(code).ok());
    Some(WrittenKind { kind: kind?.to_owned(), rate, code, delay, bytes })
}

fn read_rate(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<Rate> {
    // The literal itself, where it is a plain decimal, so that nothing is lost on the way.
    let rate = match entry.value().get_ref() {
        DeValue::Float(float) => float.as_str().parse().or_else(|error| {
            let number = float.as_str().parse().ok().filter(|number: &f64| number.is_finite());
            number.map_or(Err(error), Rate::from_number)
        }),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse(),
        _ => {
            // For the sentence about the type.
            entry.number(&(0.0..=1.0), errors);
            return None;
        }
    };
    rate.map_err(|error| errors.wrong_value(entry, error.to_string())).ok()
}

fn read_window(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<WrittenWindow> {
    let table = entry.table(&["from", "to", "every", "for", "after", "count"], errors)?;
    let text = |table: &Table<'_>, key, errors: &mut ProfileErrors<'_>| {
        table.get(key).and_then(|entry| entry.text(errors)).map(ToOwned::to_owned)
    };
    let requests = |key, errors: &mut ProfileErrors<'_>| {
        table.get(key).and_then(|entry| entry.whole(&(0..=u64::MAX), "", errors))
    };
    Some(WrittenWindow {
        from: text(&table, "from", errors),
        to: text(&table, "to", errors),
        every: text(&table, "every", errors),
        open: text(&table, "for", errors),
        after: requests("after", errors),
        count: requests("count", errors),
    })
}
