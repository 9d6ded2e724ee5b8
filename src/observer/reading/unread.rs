//! Counts the connections in which a request waits that nobody has read yet: one that no worker has taken from the accept
//! queue, or that a busy or stopped one has open. The kernel tells it by a list of all sockets on a port.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::maybe_known::MaybeKnown;
use crate::sys::clock;
use crate::sys::listener::{address_of, inode};
use crate::sys::socket_diagnosis::{Activity, ListedSocket, SocketDiagnosis};

/// One list in so many times what it cost: at most 1 % of a core.
const PAUSE: u64 = 100;

/// Asks the kernel, now and then. For the observer's tick.
pub struct UnreadReader {
    /// Nothing where the kernel refuses.
    diagnosis: Option<SocketDiagnosis>,
    ports: Vec<Port>,
    /// On a unix socket nobody tells.
    has_unix: bool,
    /// When the kernel may be asked again (monotonic).
    not_before_ns: u64,
}

/// The listeners of one family on one port, which share a list.
struct Port {
    is_v6: bool,
    number: u16,
    addresses: Vec<IpAddr>,
    inodes: Vec<u64>,
    /// Whether a list has ever had one of them: else it is not a list of this target's sockets.
    is_ours: bool,
}

impl UnreadReader {
    /// Of connections to these listeners.
    pub fn new(listeners: &[Arc<OwnedFd>]) -> Self {
        let diagnosis = SocketDiagnosis::open().ok();
        let mut reader = Self { diagnosis, ports: Vec::new(), has_unix: false, not_before_ns: 0 };
        for listener in listeners {
            reader.watch(listener);
        }
        reader
    }

    /// Of those to one listener more.
    pub fn watch(&mut self, listener: &OwnedFd) {
        let (Ok(address), Some(inode)) = (address_of(listener), inode(listener)) else {
            self.has_unix = true;
            return;
        };
        let (is_v6, number) = (address.is_ipv6(), address.port());
        let known = self.ports.iter_mut().find(|port| (port.is_v6, port.number) == (is_v6, number));
        match known {
            Some(port) => {
                port.addresses.push(address.ip());
                port.inodes.push(inode);
            }
            None => self.ports.push(Port {
                is_v6,
                number,
                addresses: vec![address.ip()],
                inodes: vec![inode],
                is_ours: false,
            }),
        }
    }

    /// How many there are now; unknown where the kernel does not tell, and in a tick in which asking it would be too dear.
    pub fn read(&mut self, now_ns: u64) -> MaybeKnown {
        if now_ns < self.not_before_ns || self.has_unix || self.ports.is_empty() {
            return MaybeKnown::UNKNOWN;
        }
        let before_ns = clock::thread_cpu_ns();
        let count = self.diagnosis.as_mut().map(|diagnosis| {
            self.ports.iter_mut().map(|port| MaybeKnown::from(port.unread(diagnosis))).sum::<MaybeKnown>()
        });
        let cost_ns = clock::thread_cpu_ns().saturating_sub(before_ns);
        self.not_before_ns = now_ns.saturating_add(cost_ns.saturating_mul(PAUSE));
        count.unwrap_or_default()
    }
}

impl Port {
    fn unread(&mut self, diagnosis: &mut SocketDiagnosis) -> Option<u64> {
        let mut unread = 0;
        diagnosis.list(self.is_v6, self.number, |socket| unread += u64::from(self.counts(socket))).ok()?;
        self.is_ours.then_some(unread)
    }

    /// Whether it is one of our connections with something unread.
    fn counts(&mut self, ListedSocket { address, inode, does }: ListedSocket) -> bool {
        match does {
            Activity::Listens => {
                self.is_ours |= self.inodes.contains(&u64::from(inode));
                false
            }
            Activity::IsConnected { has_unread } => {
                has_unread && self.addresses.iter().any(|own| own.is_unspecified() || *own == address)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    fn socket(address: [u8; 4], inode: u32, does: Activity) -> ListedSocket {
        ListedSocket { address: IpAddr::V4(Ipv4Addr::from(address)), inode, does }
    }

    #[test]
    fn only_connections_to_an_own_address_count_and_only_once_an_own_listener_was_seen() {
        let own = [127, 0, 0, 1];
        let addresses = vec![IpAddr::from(own)];
        let mut port = Port { is_v6: false, number: 80, addresses, inodes: vec![7], is_ours: false };
        let unread = Activity::IsConnected { has_unread: true };
        assert!(port.counts(socket(own, 0, unread)));
        assert!(!port.counts(socket([127, 0, 0, 2], 9, unread)));
        assert!(!port.counts(socket(own, 9, Activity::IsConnected { has_unread: false })));
        assert!(!port.counts(socket(own, 8, Activity::Listens)) && !port.is_ours);
        assert!(!port.counts(socket(own, 7, Activity::Listens)) && port.is_ours);
        port.addresses = vec![Ipv4Addr::UNSPECIFIED.into()];
        assert!(port.counts(socket([127, 0, 0, 2], 9, unread)));
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_unknown_and_no_0() {
        let listener = Arc::new(OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap()));
        let mut reader = UnreadReader::new(&[Arc::clone(&listener)]);
        assert_eq!(reader.read(1), MaybeKnown::known(0));
        // Another reading at once would cost more than its share.
        assert_eq!(reader.read(1), MaybeKnown::UNKNOWN);
        assert_eq!(reader.read(u64::MAX), MaybeKnown::known(0));
        let mut refused = UnreadReader { diagnosis: None, ..UnreadReader::new(&[Arc::clone(&listener)]) };
        assert_eq!(refused.read(1), MaybeKnown::UNKNOWN);
        let (unix, _) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(UnreadReader::new(&[listener, Arc::new(unix.into())]).read(1), MaybeKnown::UNKNOWN);
        assert_eq!(UnreadReader::new(&[]).read(1), MaybeKnown::UNKNOWN);
    }
}
