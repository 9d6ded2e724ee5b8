//! A rate limit: `{ rate = 200, burst = 20 }`.

use super::entry::{Entry, ProfileErrors};
use super::{Scope, Step};
use crate::rate_limit::RateLimit;
use crate::units::PerSecond;

/// In the place of a rate: no limit.
const OFF: &str = "off";

/// Reads a limit; `None` for one that is off, and for a mistake.
pub fn read(entry: &Entry<'_>, scope: Scope, errors: &mut ProfileErrors<'_>) -> Option<Step> {
    let table = entry.table(&["rate", "burst"], errors)?;
    let rate = table.needed("rate", "how many requests a second, such as 200 or 0.5", errors);
    let rate = rate.and_then(|rate| read_rate(&rate, errors));
    let burst = table.needed("burst", "how many at once after a pause, such as 20", errors);
    let burst = burst.and_then(|burst| burst.whole(&(1..=RateLimit::LARGEST_BURST), "", errors));
    Some(Step::RateLimit { limit: RateLimit { rate: rate?, burst: burst? }, scope })
}

/// Reads a rate; `None` for `"off"`, and for a mistake.
fn read_rate(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<PerSecond> {
    if entry.value().get_ref().as_str() == Some(OFF) {
        return None;
    }
    let Some(text) = entry.decimal() else {
        errors.wrong_value(entry, format!("must be requests a second, a number without quotes, or \"{OFF}\""));
        return None;
    };
    text.parse().map_err(|error| errors.wrong_value(entry, format!("{error}, or \"{OFF}\""))).ok()
}
