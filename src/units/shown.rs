//! Numbers as people read them: rounded to three significant digits, where the exact ones would only be in the way.

/// `1,234,567`; smaller ones with decimals up to three significant digits: `56.7`, `0.0123`.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size < 0.000_5 {
        return "0".to_owned();
    }
    let decimals = match size {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}", grouped(whole))
}

/// The same of a count, every digit of it.
#[must_use]
pub fn count(count: u64) -> String {
    grouped(&count.to_string())
}

/// `1 worker`, `1,200 workers`: a number and the noun for what it counts, in the plural unless it is 1.
#[must_use]
pub fn amount(value: f64, one: &str) -> String {
    let figure = number(value);
    let plural = if figure == "1" { "" } else { "s" };
    format!("{figure} {one}{plural}")
}

/// A count to calculate with: exact up to 2⁵³.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// A comma after every third digit from the right.
fn grouped(whole: &str) -> String {
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds: `512 µs`, `20.1 ms`, `1.01 s`.
#[must_use]
pub fn microseconds(value: f64) -> String {
    match value {
        1e6.. => format!("{} s", number(value / 1e6)),
        1e3.. => format!("{} ms", number(value / 1e3)),
        _ => format!("{} µs", number(value)),
    }
}

/// `12.3 MiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (value, 0);
    while value.abs() >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", number(value), UNITS[unit])
}

/// A moment of a run, `1:02:03`; below an hour `2:03`, and with tenths below a minute: `0:02.5`.
#[must_use]
pub fn clock(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // As it does: negative ones are 0.
    let tenths = (seconds * 10.0).round() as u64;
    let (hours, minutes, second) = (tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60);
    match (hours, minutes, tenths % 10) {
        (0, 0, tenth @ 1..) => format!("0:{second:02}.{tenth}"),
        (0, ..) => format!("{minutes}:{second:02}"),
        _ => format!("{hours}:{minutes:02}:{second:02}"),
    }
}

/// A length of time: `2.5 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn span(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.round() as u64;
    match seconds {
        7200.0.. => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        120.0.. => format!("{} min {} s", whole / 60, whole % 60),
        1.0.. => format!("{} s", number(seconds)),
        _ => microseconds(seconds * 1e6),
    }
}

/// `12 %` or `1.2 %`.
#[must_use]
pub fn percent(value: f64) -> String {
    let decimals = usize::from(value.abs() < 10.0 && value != 0.0);
    format!("{value:.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_all() {
        let shown = [0.0, 0.0123, 5.0, 56.78, 999.6, 1_234_567.0, -1_234.0, 0.1].map(number);
        assert_eq!(shown, ["0", "0.012", "5", "56.8", "1,000", "1,234,567", "-1,234", "0.1"]);
        assert_eq!([0, 999, 1_000, u64::MAX].map(count), ["0", "999", "1,000", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn one_is_no_plural() {
        let shown = [0.0, 1.0, 1.5, 2_000.0].map(|value| amount(value, "worker"));
        assert_eq!(shown, ["0 workers", "1 worker", "1.5 workers", "2,000 workers"]);
    }

    #[test]
    fn units_follow_the_size() {
        assert_eq!([5.25, 20_123.0, 1_008_730.1].map(microseconds), ["5.25 µs", "20.1 ms", "1.01 s"]);
        assert_eq!([512.0, 6_275_072.0, 1e12].map(bytes), ["512 B", "5.98 MiB", "931 GiB"]);
        assert_eq!([2.46, 62.0, 3_723.4, 0.0].map(clock), ["0:02.5", "1:02", "1:02:03", "0:00"]);
        assert_eq!([0.25, 2.5, 200.0, 7_500.0].map(span), ["250 ms", "2.5 s", "3 min 20 s", "2 h 5 min"]);
        assert_eq!([0.0, 1.24, 97.6].map(percent), ["0 %", "1.2 %", "98 %"]);
    }
}
