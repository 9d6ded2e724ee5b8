//! A decimal number with a unit, in integers only: floating point would lose nanoseconds after 104 days.

/// A unit's spelling and how many of the smallest unit it is.
pub(super) type Unit = (&'static str, u64);

/// Why a text is not a whole number of the smallest unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not digits, or digits, a point and digits, before the unit.
    Number,
    /// The unit is none of the units given.
    Unit(String),
    /// More than 2⁶⁴ − 1 of the smallest unit.
    Large,
    /// A fraction of the smallest unit.
    Fine,
}

/// Reads `digits[.digits]unit`; an empty unit is looked up like any other.
pub(super) fn parse(text: &str, units: &[Unit]) -> Result<u64, Fault> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
        Some(_) => return Err(Fault::Number),
        None => (number, ""),
    };
    if !is_digits(whole) {
        return Err(Fault::Number);
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(Fault::Unit(unit.to_owned()));
    };
    let whole: u64 = whole.parse().map_err(|_| Fault::Large)?;
    let whole = whole.checked_mul(*factor).ok_or(Fault::Large)?;
    let fraction = scale(fraction.trim_end_matches('0'), *factor)?;
    whole.checked_add(fraction).ok_or(Fault::Large)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `0.fraction × factor`, if that is whole.
fn scale(fraction: &str, factor: u64) -> Result<u64, Fault> {
    // More than 19 digits count as too fine, although some (2⁻⁴⁰ TiB) would be whole: `spell` prints none of them.
    if fraction.is_empty() {
        return Ok(0);
    }
    let digits: u64 = fraction.parse().map_err(|_| Fault::Fine)?;
    let places = u32::try_from(fraction.len()).map_err(|_| Fault::Fine)?;
    let power = 10_u128.checked_pow(places).ok_or(Fault::Fine)?;
    let product = u128::from(digits) * u128::from(factor);
    if product % power != 0 {
        return Err(Fault::Fine);
    }
    u64::try_from(product / power).map_err(|_| Fault::Large)
}

/// The shortest exact spelling in one of `units`, which go from the largest to the smallest (whose factor is 1);
/// the larger unit wins a draw. A number below one (`0.5s`) is never chosen, because `500ms` reads better.
pub(super) fn spell(value: u64, units: &[Unit]) -> String {
    units
        .iter()
        .filter(|(_, factor)| value >= *factor || *factor == 1)
        .filter_map(|(name, factor)| Some(format!("{}{name}", divide(value, *factor)?)))
        .min_by_key(|spelling| spelling.chars().count())
        .unwrap_or_else(|| value.to_string())
}

/// `value / factor` in decimal, if that ends within the digits that `parse` takes.
fn divide(value: u64, factor: u64) -> Option<String> {
    const PLACES: usize = 18;
    let mut text = (value / factor).to_string();
    let mut rest = u128::from(value % factor);
    if rest != 0 {
        text.push('.');
    }
    for _ in 0..PLACES {
        if rest == 0 {
            break;
        }
        rest *= 10;
        text.push_str(&(rest / u128::from(factor)).to_string());
        rest %= u128::from(factor);
    }
    (rest == 0).then_some(text)
}
