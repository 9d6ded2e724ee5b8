//! Listening sockets that whoever started this process has opened for it, such as a service manager.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};
use socket2::SockRef;

use super::listener;

/// Where a passed socket listens.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket: its path, or `@` and its name where it has no file.
    Unix(PathBuf),
}

/// Takes a descriptor that was passed, which can be done once. The socket becomes non-blocking; one of TCP gets `TCP_NODELAY`
/// and, if wanted, arrival stamps, which connections that wait in its queue by then lack. Returns where it listens.
///
/// # Errors
/// A clause that follows the descriptor: "must be …".
pub fn take(descriptor: RawFd, stamps: bool) -> Result<(OwnedFd, Place), String> {
    // SAFETY: the descriptor is open, as the caller has found out, and was passed for this process to own. Nothing else of
    // it knows the number.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let must = |what: String| format!("must be a TCP or unix stream socket that listens, and it {what}");
    check(socket.as_fd()).map_err(must)?;
    let place = adopt(&socket, stamps).map_err(|error| must(format!("can't be used: {error}")))?;
    Ok((socket, place))
}

fn check(socket: BorrowedFd<'_>) -> Result<(), String> {
    let kind = sockopt::socket_type(socket).map_err(|_| "is no socket".to_owned())?;
    let family = sockopt::socket_domain(socket).map_err(|error| format!("has no family: {error}"))?;
    let is_ip = matches!(family, AddressFamily::INET | AddressFamily::INET6);
    let is_known = if is_ip {
        sockopt::socket_protocol(socket).is_ok_and(|protocol| protocol == Some(ipproto::TCP))
    } else {
        family == AddressFamily::UNIX
    };
    match kind {
        SocketType::STREAM if is_known && listener::is_listening(socket) => Ok(()),
        SocketType::STREAM if is_known => Err("does not listen".to_owned()),
        SocketType::DGRAM => Err("is one for datagrams".to_owned()),
        _ => Err("is a socket of another kind".to_owned()),
    }
}

fn adopt(socket: &OwnedFd, stamps: bool) -> io::Result<Place> {
    let options = SockRef::from(socket);
    options.set_nonblocking(true)?;
    let address = options.local_addr()?;
    if let Some(address) = address.as_socket() {
        listener::prepare(&options, stamps)?;
        return Ok(Place::Tcp(address));
    }
    let path = address.as_pathname().map(ToOwned::to_owned);
    let name = || {
        let name = String::from_utf8_lossy(address.as_abstract_namespace().unwrap_or_default());
        PathBuf::from(format!("@{name}"))
    };
    Ok(Place::Unix(path.unwrap_or_else(name)))
}

/// The first descriptor that is passed.
pub const FIRST: RawFd = 3;

/// The first number from there on that is no open descriptor.
#[must_use]
pub fn first_missing() -> Option<RawFd> {
    // SAFETY: F_GETFD reads a flag of this process's table and touches no memory.
    (FIRST..RawFd::MAX).find(|descriptor| unsafe { libc::fcntl(*descriptor, libc::F_GETFD) == -1 })
}
