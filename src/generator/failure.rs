//! Why a request got no answer, from the words in which generators, and the runtimes below them, say it.

/// Requests that got no whole answer, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub kind: Kind,
    /// In the generator's words.
    pub message: String,
    /// How many.
    pub count: u64,
}

impl Failure {
    /// By the generator's words.
    #[must_use]
    pub fn told(message: &str, count: u64) -> Self {
        Self { kind: Kind::of(message), message: message.to_owned(), count }
    }

    /// Of a generator that counts each reason under a name of its own: those that there were.
    #[must_use]
    pub fn named<'a>(counts: impl IntoIterator<Item = (Kind, &'a str, u64)>) -> Vec<Self> {
        let those = counts.into_iter().filter(|(_, _, count)| *count > 0);
        those.map(|(kind, message, count)| Self { kind, message: message.to_owned(), count }).collect()
    }
}

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The client had no port left to connect from.
    NoPorts,
    /// The client had no descriptor left.
    NoDescriptors,
    /// The client found no address for the name.
    NoAddress,
    /// The client ended and did not wait for it.
    OwnEnd,
    /// Nobody listened.
    Refused,
    /// Nothing came in time.
    TimedOut,
    /// The connection ended before the answer did.
    Broken,
    /// The generator does not say.
    Unsaid,
}

/// What each kind is recognised by, in small letters. The first that is found counts: `connection aborted` stands around
/// many a more telling message.
const WORDS: [(Kind, &[&str]); 7] = [
    (
        Kind::NoPorts,
        &[
            "cannot assign requested address",
            "can't assign requested address",
            "eaddrnotavail",
            "10048",
            "only one usage of each socket address",
            "address already in use",
            "address not available",
        ],
    ),
    (Kind::NoDescriptors, &["too many open files", "emfile", "10024"]),
    (
        Kind::NoAddress,
        &[
            "name or service not known",
            "failed to lookup",
            "nodename nor servname",
            "getaddrinfo",
            "no such host",
            "nameresolution",
        ],
    ),
    (Kind::OwnEnd, &["aborted due to deadline"]),
    (Kind::Refused, &["refused", "10061"]),
    (Kind::TimedOut, &["timed out", "timeout", "etimedout", "10060"]),
    (
        Kind::Broken,
        &[
            "reset",
            "closed",
            "broken pipe",
            "aborted",
            "disconnected",
            "incomplete",
            "unexpected end",
            "epipe",
            "10053",
            "10054",
        ],
    ),
];

impl Kind {
    /// By a message.
    #[must_use]
    pub fn of(message: &str) -> Self {
        let message = message.to_lowercase();
        let is_in = |words: &[&str]| words.iter().any(|word| message.contains(word));
        WORDS.into_iter().find(|(_, words)| is_in(words)).map_or(Self::Unsaid, |(kind, _)| kind)
    }

    /// Whether only the client itself can have caused it.
    #[must_use]
    pub fn is_the_clients_own(self) -> bool {
        match self {
            Self::NoPorts | Self::NoDescriptors | Self::NoAddress => true,
            Self::OwnEnd | Self::Refused | Self::TimedOut | Self::Broken | Self::Unsaid => false,
        }
    }

    /// What happened, as a clause.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NoPorts => "it had no port left to connect from",
            Self::NoDescriptors => "it had no descriptor left",
            Self::NoAddress => "it found no address for the name",
            Self::OwnEnd => "it ended and did not wait for them",
            Self::Refused => "nobody listened where it connected",
            Self::TimedOut => "nothing came in time",
            Self::Broken => "the connection ended before the answer did",
            Self::Unsaid => "it does not say why",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_runtimes_are_told_apart() {
        for (message, kind) in [
            ("Cannot assign requested address (os error 99)", Kind::NoPorts),
            ("OSError(99, 'Cannot assign requested address')", Kind::NoPorts),
            ("[WinError 10048] Only one usage of each socket address is normally permitted", Kind::NoPorts),
            ("Too many open files (os error 24)", Kind::NoDescriptors),
            ("failed to lookup address information: Name or service not known", Kind::NoAddress),
            ("aborted due to deadline", Kind::OwnEnd),
            ("Connection refused (os error 111)", Kind::Refused),
            ("ConnectionRefusedError(111, 'Connection refused')", Kind::Refused),
            ("TimeoutError(110, 'Connection timed out')", Kind::TimedOut),
            ("ConnectionResetError(104, 'Connection reset by peer')", Kind::Broken),
            ("RemoteDisconnected('Remote end closed connection without response')", Kind::Broken),
            ("connection closed before message completed", Kind::Broken),
            ("('Connection aborted.', ConnectionRefusedError(111))", Kind::Refused),
            ("something new", Kind::Unsaid),
        ] {
            assert_eq!(Kind::of(message), kind, "{message}");
        }
    }
}
