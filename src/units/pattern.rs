//! Numbers up to a limit, as regular expressions that every dialect reads: a schema has no other way to say
//! `0 to 60s`.

use super::decimal::Unit;

/// Whatever [`parse`](super::decimal::parse) reads with these units and is at most `most` of the smallest. Fractions are
/// taken that are whole numbers of the smallest unit for every number before them.
pub(super) fn up_to(most: u64, units: &[Unit]) -> String {
    let of = |(name, factor): &Unit| format!("{}{name}", decimals(most / factor, &fraction(*factor)));
    units.iter().map(of).collect::<Vec<_>>().join("|")
}

/// A plain number up to this one, which is `parts` of 10ᵖˡᵃᶜᵉˢ, with up to so many decimals.
#[must_use]
pub fn plain_up_to(parts: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let (whole, left) = (parts / one, parts % one);
    let fraction = format!("\\.[0-9]{{1,{places}}}");
    let width = places as usize;
    let itself = if left > 0 { format!("|{whole}\\.{left:0width$}") } else { String::new() };
    format!("^(?:{}{itself})$", decimals(whole, &fraction))
}

/// A limit that has a fraction itself is said by what is below its whole number, and that number.
fn decimals(whole: u64, fraction: &str) -> String {
    let exactly = format!("0*{whole}(?:\\.0{{1,6}})?");
    match whole.checked_sub(1) {
        Some(below) => format!("(?:0*(?:{})(?:{fraction})?|{exactly})", integers(below)),
        None => exactly,
    }
}

/// Every integer from 0 to this one.
fn integers(most: u64) -> String {
    let digits = most.to_string();
    let mut forms = Vec::new();
    if digits.len() > 1 {
        forms.push(any(1, digits.len() - 1));
    }
    // 59999 is every number of five digits that begins with 5 or less.
    let nines = digits.len() - digits.trim_end_matches('9').len();
    let plain = digits.len() - nines;
    for (at, digit) in digits.char_indices().take(plain) {
        let most = digit.to_digit(10).unwrap_or(0);
        if at + 1 == plain {
            forms.push(format!("{}[0-{most}]{}", &digits[..at], any(nines, nines)));
            return forms.join("|");
        }
        let rest = digits.len() - at - 1;
        if let Some(below) = most.checked_sub(1) {
            forms.push(format!("{}[0-{below}]{}", &digits[..at], any(rest, rest)));
        }
    }
    forms.push(any(nines, nines));
    forms.join("|")
}

fn any(least: usize, most: usize) -> String {
    match (least, most) {
        (_, 0) => String::new(),
        (1, 1) => "[0-9]".to_owned(),
        (least, most) if least == most => format!("[0-9]{{{most}}}"),
        (least, most) => format!("[0-9]{{{least},{most}}}"),
    }
}

/// The fractions of a unit that are always whole.
fn fraction(factor: u64) -> String {
    let places =
        std::iter::successors(Some(factor), |left| Some(left / 10)).take_while(|left| left % 10 == 0).count();
    match places {
        0 if factor.is_multiple_of(4) => "\\.(?:0|25|5|75)0{0,6}".to_owned(),
        0 => "\\.0{1,6}".to_owned(),
        places => format!("\\.[0-9]{{1,{places}}}0{{0,6}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_all_there_and_no_other() {
        for most in (0..1_200).chain([59_999, 60_000, 65_536, 99_999, 100_000]) {
            let pattern = regex::Regex::new(&format!("^(?:{})$", integers(most))).unwrap();
            for number in (0..1_300).chain([most - most.min(1), most, most + 1, most * 10]) {
                assert_eq!(pattern.is_match(&number.to_string()), number <= most, "{number} of {most}: {pattern}");
            }
        }
        assert_eq!(integers(59_999), "[0-9]{1,4}|[0-5][0-9]{4}");
    }

    #[test]
    fn plain_numbers_end_at_the_limit() {
        let pattern = regex::Regex::new(&plain_up_to(12_500_000, 6)).unwrap();
        for (text, is_taken) in
            [("0", true), ("11.999999", true), ("12", true), ("12.500000", true), ("12.6", false), ("13", false)]
        {
            assert_eq!(pattern.is_match(text), is_taken, "{text}");
        }
    }

    #[test]
    fn fractions_are_whole_numbers_of_the_smallest_unit() {
        assert_eq!(fraction(1), "\\.0{1,6}");
        assert_eq!(fraction(1_000), "\\.[0-9]{1,3}0{0,6}");
        assert_eq!(fraction(1 << 20), "\\.(?:0|25|5|75)0{0,6}");
    }
}
