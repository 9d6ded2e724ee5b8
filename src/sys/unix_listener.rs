//! Listening unix sockets, and the files by which clients find them.
//!
//! A path says nothing about who made it: whoever starts or ends at the same time may have put something else there.
//! So a file is known by its device and inode, and only removed when it is still the one that was meant.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

/// How often the lock on a directory is asked for, and the pause between two attempts: three seconds in all.
const LOCK_ATTEMPTS: u32 = 300;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The file of a listening unix socket. Dropped in the process that made it, it removes the file, unless something else
/// stands at its path by then.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: Identity,
    /// As long as it is open, no other file can get the inode's number.
    _listener: OwnedFd,
    /// A forked child that unwinds must not remove its parent's file.
    made_by: u32,
}

/// What a file is, wherever it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Listens on a path: non-blocking, closed on exec. A socket file that nobody listens on any more is replaced.
///
/// # Errors
/// `AddrInUse` when somebody listens there, `AlreadyExists` when a file there is no socket; else what the kernel says.
pub fn unix(path: &Path, backlog: u32) -> io::Result<(OwnedFd, SocketFile)> {
    let _lock = lock_directory(path);
    let address = SockAddr::unix(path)?;
    let socket = stream_socket()?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path, &address)?;
            socket.bind(&address)
        }
        other => other,
    }?;
    let identity = Identity::of(&fs::symlink_metadata(path)?);
    let listener = socket.try_clone()?.into();
    // From here on the file is removed, also if the rest fails.
    let file = SocketFile { path: path.to_owned(), identity, _listener: listener, made_by: std::process::id() };
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok((socket.into(), file))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.made_by == std::process::id() {
            let _lock = lock_directory(&self.path);
            // Whoever may no longer write to the directory leaves the file there, for the next one to replace.
            let _ = remove(&self.path, self.identity);
        }
    }
}

fn stream_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Removes a socket's file that nobody listens on.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        // Its owner was about to remove it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    // Connecting to a file that is no socket is refused as well, and it is not ours to replace.
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    // The socket doesn't block: whoever listens and has a full queue says `WouldBlock`.
    match stream_socket()?.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => remove(path, Identity::of(&found)),
        Ok(()) | Err(_) => Err(Errno::ADDRINUSE.into()),
    }
}

/// Removes a file, if it is the one that is meant.
fn remove(path: &Path, meant: Identity) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if Identity::of(&found) == meant => fs::remove_file(path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Locks the directory of a path as long as the file is open, so that of several targets that start or end at once no
/// one removes what another one has just made. Where the lock can't be had, because the directory can't be read or
/// another program holds it, there is none: that costs no more than the protection.
fn lock_directory(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = File::open(parent).ok()?;
    for _ in 0..LOCK_ATTEMPTS {
        match flock(directory.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(directory),
            Err(Errno::WOULDBLOCK | Errno::INTR) => thread::sleep(LOCK_PAUSE),
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use tempfile::TempDir;

    #[test]
    fn a_file_is_removed_by_its_owner_only_and_only_if_it_is_the_same() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("q");
        let (listener, file) = unix(&path, 1).unwrap();
        // Even when the listener is gone, no new file looks like the old one.
        drop(listener);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "data").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
        fs::remove_file(&path).unwrap();
        let (_listener, mut file) = unix(&path, 1).unwrap();
        file.made_by += 1;
        drop(file);
        assert!(path.exists(), "a child leaves its parent's file");
    }

    #[test]
    fn a_lock_of_somebody_else_only_delays() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("q");
        let lock = lock_directory(&path).unwrap();
        let begun = Instant::now();
        let (_listener, file) = unix(&path, 1).unwrap();
        assert!(begun.elapsed() >= LOCK_PAUSE * LOCK_ATTEMPTS);
        drop(lock);
        assert!(lock_directory(&path).is_some());
        drop(file);
        assert!(!path.exists());
    }
}
