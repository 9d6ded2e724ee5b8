//! Reading and writing a connected socket. What a signal has interrupted is done again.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use bytes::BufMut;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, Shutdown, connect_unspec, getpeername, send, shutdown, sockopt};

use super::clock;

/// What one read returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes; 0 is the end of the stream.
    pub bytes: usize,
    /// When the kernel received them, on the real-time clock. The last segment's time where it merged several.
    /// `None` where the socket has no stamps (unix sockets), and where they were not asked for.
    pub arrival_realtime_ns: Option<u64>,
}

/// Room for the one control message that we asked for, aligned as `cmsghdr` wants it.
#[repr(C, align(8))]
struct ControlRoom([u8; 64]);

/// Reads into the room that `buffer` has; where `stamped`, with `recvmsg(2)`, so that the read has the kernel's arrival stamp.
///
/// # Errors
/// `WouldBlock` when nothing is there; else what the kernel says.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut impl BufMut, stamped: bool) -> io::Result<Received> {
    // SAFETY: the bytes are only given to the kernel to write to; none is de-initialised.
    let room: &mut [MaybeUninit<u8>] = unsafe { buffer.chunk_mut().as_uninit_slice_mut() };
    let (bytes, arrival_realtime_ns) = if stamped {
        read_stamped(socket, room)?
    } else {
        let read = || rustix::net::recv(socket, &mut *room, RecvFlags::empty()).map(|(_, bytes)| bytes);
        (retry_on_intr(read)?, None)
    };
    // SAFETY: the kernel has just initialised this many bytes at the start of the room.
    unsafe { buffer.advance_mut(bytes) };
    Ok(Received { bytes, arrival_realtime_ns })
}

/// How many bytes, and when they arrived.
fn read_stamped(socket: BorrowedFd<'_>, room: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Option<u64>)> {
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    let mut control = MaybeUninit::<ControlRoom>::uninit();
    // SAFETY: an all-zero msghdr is valid: no name, no parts, no control messages.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    // Of another type with musl than with glibc; a few dozen bytes fit each.
    header.msg_controllen = size_of::<ControlRoom>() as _;
    let bytes = retry_on_intr(|| {
        // SAFETY: the header points to one part and to control room, both alive and of the lengths given.
        let read = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0) };
        usize::try_from(read).map_err(|_| Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
    })?;
    Ok((bytes, stamp_in(&header)))
}

fn stamp_in(header: &libc::msghdr) -> Option<u64> {
    // SAFETY: the kernel filled `header`; the macros walk the control room within msg_controllen only, and the
    // data of SCM_TIMESTAMPNS is a timespec, copied without assuming its alignment.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_TIMESTAMPNS {
                let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                return Some(clock::nanoseconds(&time));
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    None
}

/// Writes one buffer. A peer that is gone is an error, not a signal.
///
/// # Errors
/// `WouldBlock` when the socket's buffer is full; else what the kernel says.
pub fn write(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    Ok(retry_on_intr(|| send(socket, bytes, SendFlags::NOSIGNAL))?)
}

/// Writes several buffers in one call.
///
/// # Errors
/// As [`write()`].
pub fn write_vectored(socket: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    // SIGPIPE is ignored: Rust's runtime does so before main, and a forked child keeps it.
    Ok(retry_on_intr(|| rustix::io::writev(socket, parts))?)
}

/// Ends both directions: a pending or later read returns the end of the stream. The descriptor stays valid.
pub fn end(socket: BorrowedFd<'_>) {
    // ENOTCONN: the peer was faster.
    let _ = shutdown(socket, Shutdown::Both);
}

/// Ends the connection at once, and what is still to be sent with it: the peer sees a reset when the descriptor is
/// closed. A pending write fails.
pub fn reset(socket: BorrowedFd<'_>) {
    // Not on a unix socket, which has nothing that lingers.
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
    end(socket);
}

/// Takes a TCP socket out of its connection at once: the peer gets a reset, whatever either side still had to say, and
/// no end before it, as a `shutdown(2)` would send. A listener stops listening, and whoever waits in its queue is
/// reset; it keeps the port that it was bound to, if it was bound to one by number. The descriptor stays valid. A
/// socket of another family is ended.
pub fn disconnect(socket: BorrowedFd<'_>) {
    // Nothing else fails: it needs neither memory nor the peer.
    if connect_unspec(socket).is_err() {
        end(socket);
    }
}

/// The address of the other side; `None` where it has none that is an IP address.
#[must_use]
pub fn peer(socket: BorrowedFd<'_>) -> Option<SocketAddr> {
    getpeername(socket).ok().flatten()?.try_into().ok()
}

/// How many bytes were written that the peer's kernel has not acknowledged. 0 where that is unknown.
#[must_use]
pub fn unacknowledged(socket: BorrowedFd<'_>) -> u64 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which has the number of TIOCOUTQ, writes one int, which is ours.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { u64::try_from(bytes).unwrap_or(0) } else { 0 }
}

/// Whether the connection has failed: the peer has reset it. The error is taken from the socket.
#[must_use]
pub fn has_failed(socket: BorrowedFd<'_>) -> bool {
    !matches!(sockopt::socket_error(socket), Ok(Ok(())))
}

/// Ends the sending direction: the peer sees the end of the stream after what was sent.
///
/// # Errors
/// What `shutdown(2)` says.
pub fn end_sending(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(shutdown(socket, Shutdown::Write)?)
}
