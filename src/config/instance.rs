//! What an instance of the target may be called: a name that needs no quoting in a header, a label, a path or a file's name.

/// A label of a host's name has no more bytes (RFC 1035), so that every host's name fits.
pub const LONGEST_NAME: usize = 63;

/// Whether it is such a name. The first character is a letter or a digit, so that no file is hidden and none is taken for a
/// flag.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first = text.bytes().next();
    first.is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= LONGEST_NAME
        && text.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_no_quoting() {
        for name in ["a", "7", "web-1", "3f2a9c0b1d2e", "quintain-7d9f_b.cluster", &"x".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for none in ["", ".", "..", "-a", ".a", "_a", "a/b", "a b", "a\r\nb", "ä", "a\"", "a,b", &"x".repeat(64)] {
            assert!(!is_name(none), "{none:?}");
        }
    }
}
