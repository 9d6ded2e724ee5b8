//! Figures of a fixed width: a response's length follows from what was asked, and never from how long it took.
//!
//! Clients such as `ab` take the first response's length for that of all, and count every other length as a failure.

/// How many digits a figure has room for: in nanoseconds, 2 h 46 min. A larger figure takes more.
const DIGITS: usize = 13;

/// The digits and a decimal point.
const WIDTH: usize = DIGITS + 1;

/// A `u64` has 20 digits.
const LONGEST: usize = 21;

/// A figure of a JSON document, padded with spaces, which JSON allows before a value. The last `decimals` digits of
/// `number` are its fraction.
/// In integers: floating-point formatting takes several times as long.
pub fn push_json(text: &mut Vec<u8>, number: u64, decimals: usize) {
    let mut figure = [b' '; LONGEST];
    let (mut at, mut rest, mut placed) = (LONGEST, number, 0);
    while rest > 0 || placed <= decimals {
        if placed == decimals && decimals > 0 {
            at -= 1;
            figure[at] = b'.';
        }
        at -= 1;
        // Below ten.
        figure[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        placed += 1;
    }
    text.extend_from_slice(&figure[at.min(LONGEST - WIDTH)..]);
}

/// The `null` that stands where a figure is unknown, as wide as one.
pub fn push_null(text: &mut Vec<u8>) {
    text.extend([b' '; WIDTH - 4]);
    text.extend(b"null");
}

/// How `Server-Timing` (<https://www.w3.org/TR/server-timing/>) says that something took no time, and the comma before the
/// next figure. Padded with zeros, since not every reader of the header takes a space after the `=`.
macro_rules! timing {
    ($name:literal) => {
        concat!($name, ";dur=0000000.000, ")
    };
}
pub(in crate::http) use timing;

/// Appends a [`timing!`] and writes its duration over the zeros, in milliseconds rounded to three decimals: below 2 h 46 min
/// of one width. Most durations are none.
pub fn push_timing(out: &mut Vec<u8>, none: &'static str, nanoseconds: u64) {
    /// Where the decimal point stands.
    const POINT: usize = "0000000".len();
    const BEHIND: usize = "0000000.000, ".len();
    out.extend_from_slice(none.as_bytes());
    let microseconds = nanoseconds.saturating_add(500) / 1_000;
    if microseconds == 0 {
        return;
    }
    let begin = out.len() - BEHIND;
    let (milliseconds, fraction) = (microseconds / 1_000, microseconds % 1_000);
    if milliseconds > 9_999_999 {
        out.truncate(begin);
        return out.extend_from_slice(format!("{milliseconds}.{fraction:03}, ").as_bytes());
    }
    let figure = &mut out[begin..];
    // Below ten.
    let digit = |number: u64| u8::try_from(number % 10).unwrap_or_default();
    figure[POINT + 1] += digit(fraction / 100);
    figure[POINT + 2] += digit(fraction / 10);
    figure[POINT + 3] += digit(fraction);
    let (mut rest, mut at) = (milliseconds, POINT);
    while rest > 0 {
        at -= 1;
        figure[at] += digit(rest);
        rest /= 10;
    }
}

/// A number of so many hexadecimal digits, at most 16, as a JSON text.
pub fn push_hexadecimal(text: &mut Vec<u8>, number: u64, digits: usize) {
    text.push(b'"');
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place)) & 0xF;
        // Below sixteen.
        text.push(b"0123456789abcdef"[usize::try_from(digit).unwrap_or_default()]);
    }
    text.push(b'"');
}

/// Appends texts.
pub fn push_all(text: &mut Vec<u8>, parts: [&str; 3]) {
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = Vec::new();
        write(&mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn figures_are_padded_to_one_width() {
        assert_eq!(text(|text| push_json(text, 201_937_618, 6)), "    201.937618");
        assert_eq!(text(|text| push_json(text, 5, 6)), "      0.000005");
        assert_eq!(text(|text| push_json(text, 0, 0)), "             0");
        assert_eq!(text(|text| push_json(text, u64::MAX, 3)), "18446744073709551.615");
        assert_eq!(text(push_null), "          null");
    }

    #[test]
    fn durations_are_padded_to_one_width() {
        for (nanoseconds, shown) in [
            (0, "0000000.000"),
            (499, "0000000.000"),
            (500, "0000000.001"),
            (999_500, "0000001.000"),
            (201_937_618, "0000201.938"),
            (9_999_999_999_499, "9999999.999"),
            (9_999_999_999_500, "10000000.000"),
            (u64::MAX, "18446744073709.551"),
        ] {
            let text = text(|text| push_timing(text, timing!("io"), nanoseconds));
            assert_eq!(text, format!("io;dur={shown}, "), "{nanoseconds}");
        }
    }

    proptest! {
        #[test]
        fn hexadecimal_is_as_the_standard_library_has_it(number in any::<u64>(), short in any::<u32>()) {
            prop_assert_eq!(text(|text| push_hexadecimal(text, number, 16)), format!("\"{number:016x}\""));
            prop_assert_eq!(text(|text| push_hexadecimal(text, short.into(), 8)), format!("\"{short:08x}\""));
        }

        #[test]
        fn a_figure_is_the_number_that_it_shows(number in any::<u64>(), shift in 0..64_u32, decimals in 0..7_usize) {
            let number = number >> shift;
            let shown = text(|text| push_json(text, number, decimals));
            prop_assert!(shown.len() == WIDTH || number >= 10_u64.pow(13));
            let digits = shown.trim_start().replace('.', "");
            prop_assert_eq!(digits.parse::<u64>(), Ok(number));
            prop_assert!(serde_json::from_str::<f64>(&shown).is_ok(), "{}", shown);
        }
    }
}
