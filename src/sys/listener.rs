//! Listening sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{SocketFlags, accept_with, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::maybe_known::MaybeKnown;

/// Whether a socket claims its port or joins those that already share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Bound without `SO_REUSEPORT`, so that a second program on the port is refused; the option is set
    /// before `listen`, so that our own further sockets may join.
    First,
    /// Bound with `SO_REUSEPORT`.
    Join,
}

/// A TCP listener: non-blocking, closed on exec, `SO_REUSEADDR`, `TCP_NODELAY` and kernel arrival stamps, both
/// of which an accepted socket inherits. [`missing`] says what the kernel has refused it.
///
/// # Errors
/// What bind or listen says: `AddrInUse` when another program has the port.
pub fn tcp(address: SocketAddr, backlog: u32, claim: Claim) -> io::Result<OwnedFd> {
    open(address, backlog, claim, true)
}

/// The same without arrival stamps. As long as no socket of the machine asks for any, its kernel takes none.
///
/// # Errors
/// As [`tcp()`].
pub fn tcp_without_stamps(address: SocketAddr, backlog: u32, claim: Claim) -> io::Result<OwnedFd> {
    open(address, backlog, claim, false)
}

fn open(address: SocketAddr, backlog: u32, claim: Claim, stamps: bool) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    prepare(&socket, stamps)?;
    if claim == Claim::Join {
        socket.set_reuse_port(true).map_err(|error| cannot_share(&error))?;
    }
    socket.bind(&address.into())?;
    if claim == Claim::First {
        // Only a further socket needs it, and fails without it.
        let _ = socket.set_reuse_port(true);
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Sets what accepted sockets inherit.
pub(super) fn prepare(socket: &Socket, stamps: bool) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    if stamps {
        // Where the kernel has none, how long requests queue is unknown.
        let _ = stamp_arrivals(socket.as_fd());
    }
    Ok(())
}

fn cannot_share(error: &io::Error) -> io::Error {
    let sentence = format!(
        "the kernel refuses {SHARED_PORT}, by which workers share a port: {error}; --mode single needs none"
    );
    io::Error::new(error.kind(), sentence)
}

const STAMPS: &str = "SO_TIMESTAMPNS";
const SHARED_PORT: &str = "SO_REUSEPORT";

/// Which options the kernel has refused to a target's listener; a unix socket needs none. `stamps` says whether arrival
/// stamps were asked for, `shares_port` whether workers share its port by sockets of their own.
#[must_use]
pub fn missing(listener: &OwnedFd, stamps: bool, shares_port: bool) -> Vec<&'static str> {
    if address_of(listener).is_err() {
        return Vec::new();
    }
    let wanted = [(STAMPS, libc::SO_TIMESTAMPNS, stamps), (SHARED_PORT, libc::SO_REUSEPORT, shares_port)];
    let is_set = |name| {
        let mut value: libc::c_int = 0;
        option(listener.as_fd(), libc::SOL_SOCKET, name, &mut value).is_some() && value != 0
    };
    wanted.into_iter().filter(|(_, name, wanted)| *wanted && !is_set(*name)).map(|(name, ..)| name).collect()
}

/// The address that a TCP listener got.
///
/// # Errors
/// What `getsockname(2)` says; `Unsupported` for a socket that is not of an IP family.
pub fn address_of(listener: &OwnedFd) -> io::Result<SocketAddr> {
    rustix::net::getsockname(listener)?.try_into().map_err(|_| io::ErrorKind::Unsupported.into())
}

/// What the kernel calls a socket in its lists.
#[must_use]
pub fn inode(socket: &OwnedFd) -> Option<u64> {
    rustix::fs::fstat(socket).ok().map(|status| status.st_ino)
}

/// Takes one connection from the accept queue: non-blocking and closed on exec.
///
/// # Errors
/// `WouldBlock` when the queue is empty; else what `accept4(2)` says.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Ok(accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?)
}

/// Whether a socket listens.
#[must_use]
pub fn is_listening(socket: BorrowedFd<'_>) -> bool {
    sockopt::socket_acceptconn(socket).unwrap_or(false)
}

/// Has a listener listen no more: the kernel refuses who connects, and resets who waits in the queue. It keeps its port,
/// if it was bound to one by number; one that was given any is given another when it listens again.
///
/// # Errors
/// What `setsockopt(2)` says.
pub fn stop_listening(socket: BorrowedFd<'_>) -> io::Result<()> {
    if is_listening(socket) {
        // Two sockets that reuse addresses may share one as long as neither listens: anybody could take the port.
        sockopt::set_socket_reuseaddr(socket, false)?;
        super::socket::disconnect(socket);
    }
    Ok(())
}

/// Has a socket listen that was made to stop, unless it does.
///
/// # Errors
/// `AddrInUse` when another program has taken its port.
pub fn listen_again(socket: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    if is_listening(socket) {
        return Ok(());
    }
    sockopt::set_socket_reuseaddr(socket, true)?;
    Ok(rustix::net::listen(socket, i32::try_from(backlog).unwrap_or(i32::MAX))?)
}

/// The connections that wait in a listener's accept queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptQueue {
    /// How many there are.
    pub depth: u64,
    /// How many there may be.
    pub limit: u64,
}

/// A TCP listener's accept queue, `None` for one that does not listen; unknown for a socket of another family.
#[must_use]
pub fn accept_queue(listener: BorrowedFd<'_>) -> MaybeKnown<Option<AcceptQueue>> {
    // On a listener these two fields are its queue (net/ipv4/tcp.c, tcp_get_info).
    let queue =
        |info: libc::tcp_info| AcceptQueue { depth: info.tcpi_unacked.into(), limit: info.tcpi_sacked.into() };
    MaybeKnown::<libc::tcp_info>::from(tcp_info(listener))
        .map(|info| (info.tcpi_state == LISTEN).then(|| queue(info)))
}

/// How many clients' connections a TCP listener has dropped because its queue had no room, since it was made, whether
/// it listens now or not; unknown for a socket of another family, and on kernels that don't count it.
#[must_use]
pub fn drops(listener: BorrowedFd<'_>) -> MaybeKnown {
    let mut memory = [0_u32; MEMORY_FIGURES];
    let read = tcp_info(listener).and_then(|_| option(listener, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut memory));
    let is_whole = read == Some(size_of_val(&memory));
    is_whole.then(|| memory[MEMORY_FIGURES - 1].into()).into()
}

fn tcp_info(socket: BorrowedFd<'_>) -> Option<libc::tcp_info> {
    // SAFETY: tcp_info is made of integers, for which all zeros is valid.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    Some(info)
}

/// `TCP_LISTEN` (`include/net/tcp_states.h`).
const LISTEN: u8 = 10;

/// What `SO_MEMINFO` returns; the last of them (`SK_MEMINFO_DROPS`) counts drops.
const MEMORY_FIGURES: usize = 9;

/// Reads a socket option of plain integers. The kernel fills as much as it has: how many bytes that were.
fn option<T: Copy>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &mut T) -> Option<usize> {
    let mut size = libc::socklen_t::try_from(size_of::<T>()).ok()?;
    let place: *mut T = value;
    // SAFETY: the kernel writes at most `size` bytes to `place`, which is ours; T is made of integers.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, place.cast(), &raw mut size) };
    usize::try_from(size).ok().filter(|_| result == 0)
}

/// `SO_TIMESTAMPNS`: each read can tell when the kernel received what it returns.
fn stamp_arrivals(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the option's value is an int of ours, with its true size.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, (&raw const on).cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::os::unix::net::UnixListener;

    fn queue_of(listener: &OwnedFd) -> Option<AcceptQueue> {
        accept_queue(listener.as_fd()).get().unwrap()
    }

    #[test]
    fn the_queue_has_its_depth_its_limit_and_its_drops() {
        let listener = tcp("127.0.0.1:0".parse().unwrap(), 2, Claim::First).unwrap();
        let address = address_of(&listener).unwrap();
        assert_eq!(queue_of(&listener), Some(AcceptQueue { depth: 0, limit: 2 }));
        let _waiting = TcpStream::connect(address).unwrap();
        assert_eq!(queue_of(&listener).unwrap().depth, 1);
        accept(listener.as_fd()).unwrap();
        assert_eq!(queue_of(&listener), Some(AcceptQueue { depth: 0, limit: 2 }));
        let unix = UnixListener::bind(tempfile::TempDir::new().unwrap().path().join("socket")).unwrap();
        assert_eq!((accept_queue(unix.as_fd()).get(), drops(unix.as_fd()).get()), (None, None));
    }

    /// Stopping and starting to listen costs it none of its options, and their heirs neither.
    #[test]
    fn what_listens_again_is_what_it_was() {
        let port = address_of(&tcp("127.0.0.1:0".parse().unwrap(), 2, Claim::First).unwrap()).unwrap();
        let listener = tcp(port, 2, Claim::First).unwrap();
        stop_listening(listener.as_fd()).unwrap();
        assert!(!is_listening(listener.as_fd()));
        assert_eq!((TcpStream::connect(port).is_err(), queue_of(&listener)), (true, None));
        assert_eq!(drops(listener.as_fd()), 0.into());
        listen_again(listener.as_fd(), 2).unwrap();
        assert_eq!(queue_of(&listener).unwrap().limit, 2);
        let _client = TcpStream::connect(port).unwrap();
        let heir = accept(listener.as_fd()).unwrap();
        assert!(sockopt::tcp_nodelay(&heir).unwrap() && sockopt::socket_reuseport(&listener).unwrap());
        assert!(sockopt::socket_reuseaddr(&listener).unwrap() && sockopt::socket_reuseaddr(&heir).unwrap());
        assert!(is_stamped(&heir));
    }

    fn is_stamped(socket: &OwnedFd) -> bool {
        let mut stamps: libc::c_int = 0;
        option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &mut stamps).unwrap();
        stamps == 1
    }

    #[test]
    fn stamps_are_only_where_they_were_asked_for() {
        let any = "127.0.0.1:0".parse().unwrap();
        assert!(is_stamped(&tcp(any, 2, Claim::First).unwrap()));
        assert!(!is_stamped(&tcp_without_stamps(any, 2, Claim::First).unwrap()));
    }
}
