//! Closing so that the last answer arrives.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::timeout;

use crate::sys::readiness::Watched;
use crate::sys::socket;

/// How long a client may take to read its last answer and to close.
const PATIENCE: Duration = Duration::from_secs(1);

/// Ends the sending direction, and reads and forgets at most `most` bytes until the client closes. A socket that is
/// closed with something unread resets its connection, and the reset overtakes what the client has not read yet
/// (RFC 9112, 9.6).
pub async fn linger<T: AsFd>(socket: &Watched<T>, most: usize) {
    // The client may have gone; then the first read says so.
    let _ = socket::end_sending(socket.get_ref().as_fd());
    let rest = async {
        let mut read = 0;
        while read < most {
            match read_some(socket).await?.len() {
                0 => break,
                more => read += more,
            }
        }
        io::Result::Ok(())
    };
    // A client that stays longer gets its reset.
    let _ = timeout(PATIENCE, rest).await;
}

/// What is there to read, once there is; nothing at the end of the stream.
///
/// # Errors
/// What the kernel says.
pub async fn read_some<T: AsFd>(socket: &Watched<T>) -> io::Result<Vec<u8>> {
    let read = || {
        let mut bytes = vec![0; 4096];
        let length = rustix::io::read(socket.get_ref().as_fd(), &mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    };
    socket.async_io(Interest::READABLE, |_| read()).await
}
