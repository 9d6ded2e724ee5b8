//! The service manager, such as systemd, that has started the target: it is told when the run is ready, reloads and ends,
//! and that the supervisor is alive (`sd_notify(3)`).

use std::cell::Cell;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::units::nanoseconds;

/// The variable with the address of the manager's socket.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// The variables by which a manager says where it is to be told, and which sockets it passes. They are ours, and no child's.
pub const VARIABLES: [&str; 6] =
    [NOTIFY_SOCKET, "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

/// How the manager is told, if there is one.
#[derive(Default)]
pub struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// From one sign of life to the next.
    interval_ns: Option<u64>,
    /// When the next one is due (monotonic).
    due_ns: Option<u64>,
    /// Whether it was told of a reload, and not yet of its end.
    reloads: bool,
    /// Whether it is in the log that messages don't get through: once, until one does.
    has_complained: Cell<bool>,
}

impl Manager {
    /// The manager behind `NOTIFY_SOCKET`. `watchdog` is how long it takes silence for life.
    #[must_use]
    pub fn new(socket: Option<OsString>, watchdog: Option<Duration>) -> Self {
        let Some(path) = socket.filter(|path| !path.is_empty()) else { return Self::default() };
        let address = match path.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
            _ => SocketAddr::from_pathname(&path),
        };
        let open = || {
            let socket = UnixDatagram::unbound()?;
            // A manager that does not read must not hold the supervisor up.
            socket.set_nonblocking(true)?;
            Ok::<_, std::io::Error>((socket, address?))
        };
        match open() {
            Ok(socket) => {
                // Twice in the time, as the manual asks for.
                let interval_ns = watchdog.map(|time| nanoseconds(time / 2).max(1));
                Self { socket: Some(socket), interval_ns, due_ns: interval_ns.map(|_| 0), ..Self::default() }
            }
            Err(error) => {
                tracing::warn!(?path, %error, "the service manager can't be told: NOTIFY_SOCKET is no address");
                Self::default()
            }
        }
    }

    /// All workers serve.
    pub fn ready(&mut self) {
        self.reloads = false;
        self.tell(&[NotifyState::Ready]);
    }

    /// Workers are about to be replaced.
    pub fn reloading(&mut self) {
        // The manager takes no message of a reload without its time.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.reloads = true;
            self.tell(&[NotifyState::Reloading, now]);
        }
    }

    /// Whether the end of a reload is still to be told.
    pub fn waits_for_reload(&self) -> bool {
        self.reloads
    }

    /// The run ends.
    pub fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// Gives a sign of life, if one is due.
    pub fn beat(&mut self, now_ns: u64) {
        if self.due_ns.is_some_and(|due| due <= now_ns) {
            self.due_ns = self.interval_ns.map(|interval| now_ns.saturating_add(interval));
            self.tell(&[NotifyState::Watchdog]);
        }
    }

    /// When the next sign of life is due (monotonic).
    pub fn due_ns(&self) -> Option<u64> {
        self.due_ns
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        let Some((socket, address)) = &self.socket else { return };
        let mut message = String::new();
        for state in states {
            // Writing to a string can't fail.
            let _ = writeln!(message, "{state}");
        }
        let sent = socket.send_to_addr(message.as_bytes(), address);
        if let Err(error) = &sent
            && !self.has_complained.get()
        {
            tracing::warn!(%error, "the service manager was not told {message:?}");
        }
        self.has_complained.set(sent.is_err());
    }
}
