//! Why something that came over a connection was no request: declared once, counted and named everywhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Makes the reasons, each with its name and what it says to a reader of a log or a report.
macro_rules! rejections {
    ($($reason:ident $name:literal $sentence:literal,)*) => {
        /// Why a request was refused before the router.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rejection {
            $(#[doc = $sentence] $reason,)*
        }

        impl Rejection {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$reason,)*];

            /// The name in `/stats`, `/metrics` and `marks.csv`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }

            /// What a client sent.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$reason => $sentence,)*
                }
            }
        }
    };
}

rejections! {
    NoHost "no_host" "an HTTP/1.1 request without a Host header",
    TwoHosts "two_hosts" "a request with two Host headers",
    BadHost "bad_host" "a Host header that is not a host with an optional port",
    BadTarget "bad_target" "a request target that is not served: of a proxy, of https, or not ASCII",
    LongTarget "long_target" "a request target of 31 KiB or more",
    BadFraming "bad_framing" "a body framed twice, or by a Transfer-Encoding other than chunked",
    LargeHead "large_head" "a head of 32 KiB or more, or of more than 100 header lines",
    SlowHead "slow_head" "a head that took more than 10 s",
    Http2 "http2" "the preface of HTTP/2",
    Tls "tls" "a TLS handshake",
    Proxy "proxy" "a PROXY protocol header",
    BadSyntax "bad_syntax" "bytes that are no HTTP/1 request",
}

/// How many reasons there are.
pub const REJECTIONS: usize = Rejection::ALL.len();

/// How a TLS client begins: a handshake record of version 3.x (RFC 8446, 5.1).
const TLS: &[u8] = b"\x16\x03";

/// How the two versions of the PROXY protocol begin.
const PROXY: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];

impl Rejection {
    /// Longer than anything by which a connection is told not to be HTTP/1.
    pub const OPENING: usize = 12;

    /// The other protocol that a connection speaks, by its first bytes.
    #[must_use]
    pub fn of_opening(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(TLS) {
            Some(Self::Tls)
        } else if PROXY.iter().any(|header| bytes.starts_with(header)) {
            Some(Self::Proxy)
        } else {
            bytes.starts_with(b"PRI * HTTP/2").then_some(Self::Http2)
        }
    }
}

/// A count for each reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<String, u64>", from = "BTreeMap<String, u64>")]
pub struct Rejections(pub [u64; REJECTIONS]);

impl Rejections {
    /// The reasons that there were, and how often.
    pub fn counted(&self) -> impl Iterator<Item = (Rejection, u64)> + '_ {
        Rejection::ALL.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// How often there was any.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }
}

impl From<Rejections> for BTreeMap<String, u64> {
    fn from(counts: Rejections) -> Self {
        counts.counted().map(|(reason, count)| (reason.name().to_owned(), count)).collect()
    }
}

impl From<BTreeMap<String, u64>> for Rejections {
    /// A reason that only another version knows is left out.
    fn from(counts: BTreeMap<String, u64>) -> Self {
        Self(std::array::from_fn(|place| counts.get(Rejection::ALL[place].name()).copied().unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_told_by_their_first_bytes() {
        for (opening, reason) in [
            (&b"\x16\x03\x01\x02\x00\x01"[..], Some(Rejection::Tls)),
            (b"PROXY TCP4 1.2.3.4", Some(Rejection::Proxy)),
            (b"\r\n\r\n\0\r\nQUIT\n!", Some(Rejection::Proxy)),
            (b"PRI * HTTP/2.0", Some(Rejection::Http2)),
            (b"GET / HTTP/1.1", None),
            (b"\r\n\r\nGET / HT", None),
            (b"", None),
        ] {
            assert_eq!(Rejection::of_opening(opening), reason);
            assert!(
                reason.is_none()
                    || Rejection::of_opening(&opening[..opening.len().min(Rejection::OPENING)]) == reason
            );
        }
    }

    #[test]
    fn counts_survive_being_written_and_an_unknown_reason() {
        let mut counts = Rejections::default();
        counts.0[Rejection::Tls as usize] = 3;
        let text = serde_json::to_string(&counts).unwrap();
        assert_eq!(text, r#"{"tls":3}"#);
        assert_eq!(serde_json::from_str::<Rejections>(r#"{"tls":3,"of tomorrow":9}"#).unwrap(), counts);
        assert_eq!((counts.sum(), counts.counted().collect::<Vec<_>>()), (3, vec![(Rejection::Tls, 3)]));
    }
}
