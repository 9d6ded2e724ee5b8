//! Where to listen.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;

/// A TCP address, a name with a port, or the path of a unix socket. Read and printed as `127.0.0.1:8080`, `[::1]:8080`,
/// `localhost:8080` or `unix:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and port; port 0 asks the kernel for a free one.
    Tcp(SocketAddr),
    /// A name and port, which may stand for several addresses. A config has one; what really listens has none.
    Name(String, u16),
    /// The path of a unix socket, valid UTF-8 of at most 107 bytes.
    Unix(PathBuf),
    /// The descriptor of a socket that a service manager has passed. It is never read from text, and what really listens has
    /// the socket's address.
    Passed(RawFd),
}

/// Where a target really listens: no port is 0, no name stands for several.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// For load.
    pub target: Vec<Address>,
    /// For the admin routes; nowhere when they are off.
    pub admin: Vec<Address>,
}

impl Addresses {
    /// As texts, as they stand in `ready` and `run.json`: those of the target, and those of the admin routes.
    #[must_use]
    pub fn texts(&self) -> [Vec<String>; 2] {
        [&self.target, &self.admin].map(|addresses| addresses.iter().map(Address::to_string).collect())
    }

    /// The URL of the live page for a browser on this machine; `None` without an admin listener that speaks TCP.
    #[must_use]
    pub fn live_page(&self) -> Option<String> {
        let tcp = self.admin.iter().find(|address| !address.is_unix());
        tcp.map(|address| format!("{}/", address.url()))
    }
}

/// The kernel's `sun_path` has 108 bytes, the last of them a NUL.
const LONGEST_PATH: usize = 107;

impl Address {
    /// What a client on this machine types: `http://127.0.0.1:8080`. Where every interface is listened on
    /// (`0.0.0.0`, `[::]`) it names loopback; a unix socket stays `unix:/path`, since it has no URL of its own.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(address) => {
                let mut address = *address;
                match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => {
                        address.set_ip(Ipv4Addr::LOCALHOST.into());
                    }
                    IpAddr::V6(ip) if ip.is_unspecified() => {
                        address.set_ip(Ipv6Addr::LOCALHOST.into());
                    }
                    IpAddr::V4(_) | IpAddr::V6(_) => {}
                }
                format!("http://{address}")
            }
            Self::Name(name, port) => format!("http://{name}:{port}"),
            Self::Unix(_) | Self::Passed(_) => self.to_string(),
        }
    }

    /// Whether only this machine reaches it: a loopback IP or a unix socket.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Name(name, _) => is_localhost(name),
            Self::Unix(_) => true,
            Self::Passed(_) => false,
        }
    }

    /// Whether it is a unix socket, which no browser opens.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Whether a service manager has passed it.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        matches!(self, Self::Passed(_))
    }

    /// Whether it is a TCP port that is named, and not for the kernel to find.
    #[must_use]
    pub fn is_numbered_port(&self) -> bool {
        match self {
            Self::Tcp(address) => address.port() != 0,
            Self::Name(_, port) => *port != 0,
            Self::Unix(_) | Self::Passed(_) => false,
        }
    }

    /// The addresses that it stands for without asking anybody: none for a name other than `localhost`.
    #[must_use]
    pub fn known(&self) -> Vec<SocketAddr> {
        match self {
            Self::Tcp(address) => vec![*address],
            Self::Name(name, port) if is_localhost(name) => {
                let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                both.map(|ip| SocketAddr::new(ip, *port)).to_vec()
            }
            Self::Name(..) | Self::Unix(_) | Self::Passed(_) => Vec::new(),
        }
    }

    /// Whether listening on one forbids listening on the other. Port 0 never clashes: the kernel finds a free one.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(one), Self::Unix(two)) => one == two,
            (Self::Name(one, port), Self::Name(two, other)) if one.eq_ignore_ascii_case(two) => {
                *port != 0 && port == other
            }
            (one, two) => {
                let others = two.known();
                one.known().iter().any(|one| others.iter().any(|two| share_a_place(one, two)))
            }
        }
    }
}

fn share_a_place(one: &SocketAddr, two: &SocketAddr) -> bool {
    let every = one.ip().is_unspecified() || two.ip().is_unspecified();
    one.port() != 0
        && one.port() == two.port()
        && (one.ip() == two.ip() || (every && one.is_ipv4() == two.is_ipv4()))
}

/// RFC 6761: it is loopback, whatever a name server says.
fn is_localhost(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
}

/// A name with a port, if the text may be one. One that ends in a number is a mistyped address.
fn name_and_port(text: &str) -> Option<(String, u16)> {
    let (name, port) = text.rsplit_once(':')?;
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = name.rsplit('.').next()?;
    let is_name = name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    Some((name.to_owned(), port.parse().ok()?)).filter(|_| is_name && is_port)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Name(name, port) => write!(formatter, "{name}:{port}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Passed(descriptor) => write!(formatter, "descriptor {descriptor}"),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    /// The error is a clause that follows the text: "must be …".
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("must name a path after unix:".to_owned()),
                _ if path.contains('\0') => Err("must not contain a NUL".to_owned()),
                _ if path.len() > LONGEST_PATH => Err(format!(
                    "must have a path of at most {LONGEST_PATH} bytes, because the kernel takes no longer one"
                )),
                _ => Ok(Self::Unix(path.into())),
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Tcp(address));
        }
        let name = name_and_port(text).map(|(name, port)| Self::Name(name, port));
        name.ok_or_else(|| {
            "must be IP:PORT, [IPV6]:PORT, NAME:PORT or unix:PATH, such as 127.0.0.1:8080".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn prints_as_it_reads() {
        for text in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "0.0.0.0:0",
            "unix:/run/q.sock",
            "unix:q",
            "localhost:80",
            "a-1.example:0",
        ] {
            assert_eq!(address(text).to_string(), text);
        }
    }

    #[test]
    fn a_url_can_be_typed_on_this_machine() {
        assert_eq!(address("127.0.0.1:8080").url(), "http://127.0.0.1:8080");
        assert_eq!(address("0.0.0.0:8080").url(), "http://127.0.0.1:8080");
        assert_eq!(address("[::]:8080").url(), "http://[::1]:8080");
        assert_eq!(address("unix:/run/q.sock").url(), "unix:/run/q.sock");
    }

    #[test]
    fn knows_loopback() {
        for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "LocalHost:1", "[::ffff:127.0.0.1]:1", "unix:/q"] {
            assert!(address(text).is_loopback(), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            assert!(!address(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        let long = format!("unix:{}", "x".repeat(108));
        for text in [
            "",
            "8080",
            ":8080",
            "localhost",
            "localhost:",
            "localhost:+1",
            "127.0.0.1",
            "127.0.0.1:65536",
            "256.0.0.1:80",
            "::1:80",
            "a..b:80",
            "http://a:80",
            "unix:",
            &long,
        ] {
            let reason = text.parse::<Address>().unwrap_err();
            assert!(reason.starts_with("must "), "{text}: {reason}");
        }
    }

    #[test]
    fn clashes_where_the_kernel_would_refuse() {
        let clash = |one, two| address(one).clashes(&address(two));
        assert!(clash("127.0.0.1:80", "127.0.0.1:80"));
        assert!(clash("0.0.0.0:80", "127.0.0.1:80"));
        assert!(clash("unix:/q", "unix:/q"));
        assert!(clash("localhost:80", "127.0.0.1:80") && clash("[::]:80", "localhost:80"));
        assert!(clash("a.example:80", "A.example:80") && !clash("a.example:80", "b.example:80"));
        assert!(!clash("localhost:0", "localhost:0") && !clash("localhost:80", "192.0.2.1:80"));
        assert!(!clash("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!clash("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!clash("127.0.0.1:80", "[::1]:80"));
        assert!(!clash("unix:/q", "127.0.0.1:80"));
    }
}
