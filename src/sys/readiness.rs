//! Waiting for a descriptor on a tokio runtime.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use tokio::io::unix::AsyncFd;

/// A descriptor registered with the runtime it was made on.
pub struct Watched<T: AsFd>(AsyncFd<Held<T>>);

/// The owner of the descriptor.
pub struct Held<T>(T);

impl<T: AsFd> Watched<T> {
    /// Registers `owner`'s descriptor, for reading and writing.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says.
    pub fn new(owner: T) -> io::Result<Self> {
        // SAFETY: `AsFd` promises that the descriptor stays open while `owner` is borrowed, which it is, from
        // here until it is dropped: nothing here gives it out mutably, and the registration goes first.
        let registered = unsafe { AsyncFd::register(Held(owner)) };
        registered.map(Self).map_err(|refused| refused.into_parts().1)
    }
}

impl<T: AsFd> Deref for Watched<T> {
    type Target = AsyncFd<Held<T>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: AsFd> AsRawFd for Held<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
