//! A pair of sockets between a parent and its child, or two threads: whole packets, in order, descriptors
//! beside them, and an end of file when the other side is gone.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// The largest packet that is sent.
pub const PACKET: usize = 16 * 1024;

/// The most descriptors that go beside a packet.
pub const DESCRIPTORS: usize = 32;

/// One end of a `SOCK_SEQPACKET` pair, non-blocking and closed on exec.
pub struct ControlSocket(OwnedFd);

/// What a read found.
pub enum Packet {
    /// A packet, and the descriptors that came with it: all of them, or none where the kernel has no room for all.
    Message(Vec<u8>, Vec<OwnedFd>),
    /// Nothing at the moment.
    Nothing,
    /// The other end is closed, and everything it sent has been read.
    Closed,
}

impl ControlSocket {
    /// A connected pair.
    ///
    /// # Errors
    /// What `socketpair(2)` says.
    pub fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Sends a packet with descriptors beside it, at most [`DESCRIPTORS`].
    ///
    /// # Errors
    /// `BrokenPipe` when the other end is gone, `WouldBlock` when it reads too slowly; else what the kernel says.
    pub fn send(&self, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut beside = SendAncillaryBuffer::new(&mut room);
        if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        sendmsg(&self.0, &[IoSlice::new(packet)], &mut beside, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Reads a packet, if there is one.
    ///
    /// # Errors
    /// What the kernel says, other than that there is nothing or nobody.
    pub fn receive(&self) -> io::Result<Packet> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut beside = RecvAncillaryBuffer::new(&mut room);
        let mut bytes = vec![0; PACKET];
        let mut read =
            || recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC);
        // The other side died with packets of ours unread. The kernel says so once, before it hands out what that side
        // had sent: its last words may be why it died.
        let read = match read() {
            Err(rustix::io::Errno::CONNRESET) => read(),
            other => other,
        };
        match read {
            Ok(message) if message.bytes == 0 => Ok(Packet::Closed),
            Ok(message) => {
                bytes.truncate(message.bytes);
                let mut descriptors = Vec::new();
                for beside in beside.drain() {
                    if let RecvAncillaryMessage::ScmRights(received) = beside {
                        descriptors.extend(received);
                    }
                }
                if message.flags.contains(ReturnFlags::CTRUNC) {
                    descriptors.clear();
                }
                Ok(Packet::Message(bytes, descriptors))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(Packet::Nothing),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for ControlSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
