//! The kernel's list of the TCP sockets of a port, by `sock_diag(7)`: which have received bytes that nobody has read.
//!
//! Anybody may ask. What is told are the sockets of the network namespace that the asking socket was made in; a kernel
//! without `inet_diag`, and a filter of system calls, may refuse.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

/// As much as the kernel puts into one datagram of a list.
const DATAGRAM_BYTES: usize = 32 * 1024;

/// Sizes of `struct nlmsghdr`, `inet_diag_req_v2` and `inet_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const SOCKET: usize = 72;

/// Types of messages, from `linux/netlink.h` and `linux/sock_diag.h`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const BY_FAMILY: u16 = 20;

/// `NLM_F_REQUEST | NLM_F_DUMP`.
const LIST_ALL: u16 = 0x301;

/// States of TCP, from `net/tcp_states.h`.
const ESTABLISHED: u8 = 1;
const CLOSE_WAIT: u8 = 8;
const LISTEN: u8 = 10;

/// One socket of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedSocket {
    /// Its own address.
    pub address: IpAddr,
    /// The inode by which `fstat(2)` knows it, 0 for a connection that was not accepted yet.
    pub inode: u32,
    /// What it does.
    pub does: Activity,
}

/// What a socket does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Listens.
    Listens,
    /// Is connected, and whether bytes wait in it that nobody has read.
    IsConnected {
        /// Whether there are some.
        has_unread: bool,
    },
}

/// A socket by which the kernel is asked.
pub struct SocketDiagnosis {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl SocketDiagnosis {
    /// Opens it.
    ///
    /// # Errors
    /// What `socket(2)` says.
    pub fn open() -> io::Result<Self> {
        let protocol = Some(netlink::SOCK_DIAG);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, protocol)?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; DATAGRAM_BYTES] })
    }

    /// Tells each listening or connected socket of one family on a port of this machine.
    ///
    /// # Errors
    /// What the kernel says instead, or `InvalidData` for what is no list.
    pub fn list(&mut self, is_v6: bool, port: u16, mut tell: impl FnMut(ListedSocket)) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        send(&self.socket, &request(self.sequence, is_v6, port), SendFlags::empty())?;
        loop {
            // The kernel fills the answer in when it is read: there is nothing to wait for.
            let (_, length) = recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT | RecvFlags::TRUNC)?;
            let datagram = self.buffer.get(..length).ok_or(io::ErrorKind::InvalidData)?;
            if read(datagram, self.sequence, &mut tell)? {
                return Ok(());
            }
        }
    }
}

fn request(sequence: u32, is_v6: bool, port: u16) -> Vec<u8> {
    let family = if is_v6 { AddressFamily::INET6 } else { AddressFamily::INET };
    let states = [ESTABLISHED, CLOSE_WAIT, LISTEN].iter().fold(0_u32, |states, state| states | 1 << state);
    let length = u32::try_from(HEADER + REQUEST).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(LIST_ALL.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    // TCP is 6; nothing is asked for beyond the usual.
    bytes.extend([family.as_raw().to_ne_bytes()[0], 6, 0, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.extend(port.to_be_bytes());
    // The other end, both addresses, the interface and the cookie: any.
    bytes.resize(HEADER + REQUEST, 0);
    bytes
}

/// Reads the messages of a datagram; whether the list ends with it.
fn read(mut datagram: &[u8], sequence: u32, tell: &mut impl FnMut(ListedSocket)) -> io::Result<bool> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    while datagram.len() >= HEADER {
        let length = usize::try_from(number(datagram, 0)).unwrap_or(usize::MAX);
        let kind = u16::from_ne_bytes([datagram[4], datagram[5]]);
        let message = datagram.get(..length).filter(|_| length >= HEADER).ok_or_else(damaged)?;
        // Another number is of a list that was given up.
        if number(message, 8) == sequence {
            let body = &message[HEADER..];
            match kind {
                DONE | ERROR => {
                    let code = body.get(..4).map_or(0, |_| number(body, 0).cast_signed());
                    return if code == 0 { Ok(true) } else { Err(io::Error::from_raw_os_error(-code)) };
                }
                BY_FAMILY if body.len() >= SOCKET => tell(socket(body).ok_or_else(damaged)?),
                _ => return Err(damaged()),
            }
        }
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// Reads a `struct inet_diag_msg`.
fn socket(body: &[u8]) -> Option<ListedSocket> {
    let own = <[u8; 16]>::try_from(&body[8..24]).ok()?;
    let address: IpAddr = if u16::from(body[0]) == AddressFamily::INET6.as_raw() {
        Ipv6Addr::from(own).into()
    } else {
        Ipv4Addr::new(own[0], own[1], own[2], own[3]).into()
    };
    let received = number(body, 56);
    let does = match body[1] {
        LISTEN => Activity::Listens,
        // The end of the other side counts as a byte.
        CLOSE_WAIT => Activity::IsConnected { has_unread: received > 1 },
        ESTABLISHED => Activity::IsConnected { has_unread: received > 0 },
        _ => return None,
    };
    Some(ListedSocket { address, inode: number(body, 68), does })
}

/// The number at a place that is there.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn listed(is_v6: bool, port: u16) -> Vec<ListedSocket> {
        let mut all = Vec::new();
        SocketDiagnosis::open().unwrap().list(is_v6, port, |socket| all.push(socket)).unwrap();
        all
    }

    fn is_connected(has_unread: bool) -> impl Fn(&&ListedSocket) -> bool {
        move |socket| socket.does == Activity::IsConnected { has_unread }
    }

    #[test]
    fn the_kernel_tells_who_listens_and_what_nobody_has_read() {
        for (address, is_v6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
            // Many machines have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let address = listener.local_addr().unwrap();
            let mut talks = TcpStream::connect(address).unwrap();
            let silent = TcpStream::connect(address).unwrap();
            let mut says_goodbye = TcpStream::connect(address).unwrap();
            talks.write_all(b"GET").unwrap();
            says_goodbye.write_all(b"GET").unwrap();
            for leaves in [&says_goodbye, &silent] {
                leaves.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let all = listed(is_v6, address.port());
            assert!(all.iter().all(|socket| socket.address == address.ip()), "{all:?}");
            let inode = rustix::fs::fstat(listener.as_fd()).unwrap().st_ino;
            let own = all.iter().find(|socket| socket.does == Activity::Listens).unwrap();
            assert_eq!(u64::from(own.inode), inode);
            assert_eq!(all.iter().filter(is_connected(true)).count(), 2, "{all:?}");
            assert_eq!(all.iter().filter(is_connected(false)).count(), 1, "{all:?}");
            assert_eq!(listed(!is_v6, address.port()), []);
        }
    }

    #[test]
    fn an_error_and_a_damaged_list_are_told() {
        let mut refused = request(7, false, 80)[..HEADER].to_vec();
        refused[0] = 20;
        refused[4] = 2;
        refused.extend((-2_i32).to_ne_bytes());
        let none = &mut |_: ListedSocket| panic!("no socket was listed");
        assert_eq!(read(&refused, 7, none).unwrap_err().raw_os_error(), Some(2));
        // Of another list.
        assert!(!read(&refused, 8, none).unwrap());
        for damaged in [&refused[..18], &request(7, false, 80)] {
            assert_eq!(read(damaged, 7, none).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
